"""The page of `orders`: how many, of which kind, and what became of them."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Final

from domain.values import ZERO
from infra.html.bar_charts import SHOWN, daily, ranked, stacked
from infra.html.cells import Cell, count, exact, moment, span, usdt, word
from infra.html.charts import LOSS
from infra.html.page import Chart, Section, Tile, latest
from infra.moments import iso
from projections.orders import OrderRow, OrderState

COLOURS: Final = {
    OrderState.FILLED.value: "--accent",
    OrderState.PARTIALLY_FILLED.value: "--third",
    OrderState.ACCEPTED.value: "--gain",
    OrderState.REQUESTED.value: "--warn",
    OrderState.CANCELED.value: "--muted",
    OrderState.REJECTED.value: "--loss",
}


def sections(rows: Sequence[OrderRow]) -> tuple[Section, ...]:
    """Give what stands on the page."""
    return (
        Section(tiles=_tiles(rows)),
        Section("What became of them", charts=_charts(rows)),
        Section(tables=(latest("Orders", _COLUMNS, rows, _row),)),
    )


def _tiles(rows: Sequence[OrderRow]) -> tuple[Tile, ...]:
    states = Counter(row.state for row in rows)
    answered = [row.accepted_ms - row.requested_ms for row in rows if row.accepted_ms is not None]
    return (
        Tile("Orders", count(len(rows))),
        Tile("Filled", count(states[OrderState.FILLED])),
        Tile("Canceled", count(states[OrderState.CANCELED])),
        Tile("Rejected", count(states[OrderState.REJECTED])),
        Tile("Working now", count(sum(row.live for row in rows))),
        Tile("Traded", usdt(sum((row.filled_value for row in rows), ZERO)), "USDT", "price x quantity of all fills"),
        Tile("Fees", usdt(sum((row.fee for row in rows), ZERO)), "USDT"),
        Tile("Time to be accepted", span(int(statistics.median(answered)) if answered else None), "", "median"),
    )


def _charts(rows: Sequence[OrderRow]) -> tuple[Chart, ...]:
    by_day = Counter((iso(row.requested_ms)[:10], row.state.value) for row in rows)
    by_role = Counter((row.role.value, row.state.value) for row in rows)
    by_symbol = Counter((row.symbol, row.state.value) for row in rows)
    height = 110 + 24 * min(SHOWN, max(4, len({row.symbol for row in rows})))
    charts = [
        Chart("Orders of each UTC day", daily(by_day, COLOURS), height=280),
        Chart("By role", stacked(by_role, COLOURS), height, half=True),
        Chart("By symbol", stacked(by_symbol, COLOURS), height, half=True),
    ]
    rejected = Counter(row.code or row.text for row in rows if row.state is OrderState.REJECTED)
    if rejected:
        charts.append(Chart("Why orders were rejected", ranked(rejected, LOSS, "orders"), height=240))
    return tuple(charts)


_COLUMNS: Final = (
    "requested (UTC)", "order", "role", "side", "type", "quantity", "trigger", "state", "average price", "filled",
    "fee (USDT)", "ended (UTC)", "code",
)  # fmt: skip


def _row(row: OrderRow) -> tuple[Cell, ...]:
    return (
        moment(row.requested_ms),
        word(row.order_id.partition(":")[2]),
        word(row.role),
        word(row.side),
        word(row.order_type),
        exact(row.quantity),
        exact(row.trigger),
        word(row.state),
        exact(row.average_price),
        exact(row.filled_quantity),
        usdt(row.fee),
        moment(row.ended_ms),
        word(f"{row.code} {row.text}".strip()),
    )
