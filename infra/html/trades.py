"""The pages of `positions` and `virtual_positions`: trades on candles, how they ended, and what they brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from actors.ports import Reader
from domain.values import ZERO
from infra.html.bar_charts import histogram, ranked
from infra.html.cells import Cell, count, exact, gained, moment, percent, span, usdt, word
from infra.html.charts import ACCENT, WARN, Figure
from infra.html.on_candles import on_candles
from infra.html.page import Chart, Section, Tile, latest
from infra.html.thinning import binned
from projections.positions import PositionRow, PositionState
from projections.virtual_positions import VirtualPositionRow


def sections(rows: Sequence[PositionRow], reader: Reader) -> tuple[Section, ...]:
    """Give what stands on the page; the candles come from the run itself."""
    return (
        Section(tiles=_tiles(rows)),
        on_candles(rows, reader),
        Section("How they ended", charts=_endings(rows)),
        Section(tables=(latest("Positions", _COLUMNS, rows, _row),)),
    )


def _closed(rows: Sequence[PositionRow]) -> list[PositionRow]:
    return [row for row in rows if row.state is PositionState.CLOSED]


def _tiles(rows: Sequence[PositionRow]) -> tuple[Tile, ...]:
    closed = _closed(rows)
    won = sum(row.net > 0 for row in closed)
    nets = [row.net for row in closed]
    held = [row.held_ms for row in closed if row.held_ms is not None]
    return (
        Tile("Net of closed positions", gained(sum(nets, ZERO)), "USDT", "gross - fees + funding"),
        Tile("Closed", count(len(closed)), "", f"{len(rows) - len(closed):,} open, or never filled"),
        Tile("Open now", count(sum(row.live for row in rows))),
        Tile("Win rate", percent(won / len(closed) if closed else None), "", f"{won:,} won"),
        Tile("Fees", usdt(sum((row.fees for row in closed), ZERO)), "USDT"),
        Tile("Average time held", span(sum(held) // len(held) if held else None)),
        Tile("Best", gained(max(nets, default=None)), "USDT"),
        Tile("Worst", gained(min(nets, default=None)), "USDT"),
    )


def _endings(rows: Sequence[PositionRow]) -> tuple[Chart, ...]:
    closed = _closed(rows)
    sums: dict[str, float] = {}
    for row in closed:
        sums[row.reason] = sums.get(row.reason, 0.0) + float(row.net)
    reasons = Counter(row.reason for row in rows if row.reason)
    charts = [
        Chart("How many trades brought how much (USDT)", _nets(closed), height=280),
        Chart("Ends by reason", ranked(reasons, ACCENT, "positions"), height=260, half=True),
        Chart("Net by reason (USDT)", ranked(sums, unit="USDT"), height=260, half=True),
    ]
    why = Counter(row.why for row in rows if isinstance(row, VirtualPositionRow) and row.why)
    if why:
        charts.append(Chart("Why they were not traded", ranked(why, WARN, "positions"), height=260))
    return tuple(charts)


def _nets(closed: Sequence[PositionRow]) -> Figure:
    middles, counts, width = binned([float(row.net) for row in closed])
    return histogram(middles, counts, width, "USDT")


_COLUMNS: Final = (
    "requested (UTC)", "position", "side", "state", "quantity", "entry", "stop", "target", "exit", "reason", "held",
    "slippage", "fees", "net (USDT)", "MFE", "MAE",
)  # fmt: skip


def _row(row: PositionRow) -> tuple[Cell, ...]:
    return (
        moment(row.requested_ms),
        word(row.position.partition(":")[2]),
        word(row.side),
        word(row.state),
        exact(row.entered or row.planned),
        exact(row.entry_price),
        exact(row.stop),
        exact(row.target),
        exact(row.exit_price),
        word(row.reason),
        span(row.held_ms),
        percent(row.slippage, 3),
        usdt(row.fees),
        gained(row.net),
        percent(row.favourable_excursion, 2),
        percent(row.adverse_excursion, 2),
    )
