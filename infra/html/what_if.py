"""The page of a what-if: two outcomes of one market side by side, and the trades that differ."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final, Literal, TypeAlias, cast

import msgspec

from infra.counterfactual import Outcome, Trade
from infra.html.cells import UNKNOWN, Cell, Tone, exact, gained, moment, span, usdt, word
from infra.html.charts import ACCENT, MUTED, Figure, axis, figure, line, time_axis
from infra.html.page import Chart, Page, Section, Table, Tile, latest, render
from infra.what_if import OtherEnd, WhatIf

Value: TypeAlias = Decimal | float
BASE: Final = "as it was set"
CHANGED: Final = "changed"


class Measure(msgspec.Struct, frozen=True):
    """How a figure of both outcomes is shown. `better`: +1 if more of it is good news, -1 if less, 0 if neither."""

    label: str
    unit: Literal["count", "percent", "usdt", "ratio"]
    better: int = 0


MEASURES: Final = {
    "realized_pnl": Measure("realised PnL (USDT)", "usdt", 1),
    "trades": Measure("trades", "count"),
    "signals": Measure("signals", "count"),
    "win_rate": Measure("win rate", "percent", 1),
    "max_drawdown": Measure("deepest drawdown of equity", "percent", -1),
    "fees": Measure("fees (USDT)", "usdt", -1),
    "funding": Measure("funding (USDT)", "usdt", 1),
    "exposure": Measure("exposure (open positions on average)", "ratio"),
}
"""The figures of `infra.what_if.FIGURES`, in the order in which a reader asks for them."""
TILES: Final = {
    "realized_pnl": "Realised PnL",
    "win_rate": "Win rate",
    "max_drawdown": "Deepest drawdown",
    "trades": "Trades",
    "fees": "Fees",
    "exposure": "Exposure",
}


def what_if_page(found: WhatIf, changes: Sequence[str]) -> str:
    """Give the page of a what-if as HTML; `changes` are the settings that were changed, as `key=value`."""
    curves = (
        Chart("Balance after each booking (USDT)", _balances(found), height=400),
        Chart("Drawdown of the balance", _drawdowns(found), height=260),
    )
    page = Page(
        title="What if",
        lead="The same recorded market, traded twice on the in-process exchange: as it was set, and with the changes.",
        facts=(("Changed", ", ".join(changes) or "nothing"), ("Bookings", _period(found))),
        sections=(
            Section("Changed minus as it was set", tiles=tuple(_tile(found, name) for name in TILES)),
            Section("Side by side", tables=(_figures(found),)),
            Section("Curves", charts=curves),
            Section("Trades that differ", note=_said(found), tables=_trades(found)),
        ),
    )
    return render(page)


def _period(found: WhatIf) -> str:
    times = [time_ms for outcome in (found.base, found.changed) for time_ms, _ in outcome.curve]
    return f"{moment(min(times)).text} to {moment(max(times)).text} UTC" if times else "none"


# Figures.


def _tile(found: WhatIf, name: str) -> Tile:
    unit = "USDT" if MEASURES[name].unit == "usdt" else ""
    base, changed, difference = _cells(found, name)
    return Tile(TILES[name], difference, unit, f"{base.text} → {changed.text}")


def _figures(found: WhatIf) -> Table:
    rows = tuple((word(measure.label), *_cells(found, name)) for name, measure in MEASURES.items())
    return Table("Figures", ("", BASE, CHANGED, "difference"), rows)


def _cells(found: WhatIf, name: str) -> tuple[Cell, Cell, Cell]:
    """Give a figure of the base and of the changed outcome, and the difference."""
    measure = MEASURES[name]
    base, changed, difference = (
        cast("Value | None", getattr(side, name)) for side in (found.base, found.changed, found.difference)
    )
    tone: Tone = "" if not difference or not measure.better else "gain" if difference * measure.better > 0 else "loss"
    return _shown(base, measure), _shown(changed, measure), _shown(difference, measure, "+" if difference else "", tone)


def _shown(value: Value | None, measure: Measure, sign: str = "", tone: Tone = "") -> Cell:
    if value is None:
        return UNKNOWN
    match measure.unit:
        case "count":
            text = f"{value:{sign},}"
        case "percent":
            text = f"{value * 100:{sign},.1f} {'points' if sign else '%'}"
        case "usdt" | "ratio":
            text = f"{value:{sign},.2f}"
    return Cell(text, numeric=True, tone=tone)


# Curves.


def _balances(found: WhatIf) -> Figure:
    return figure(
        line(BASE, *_curve(found.base), MUTED, steps=True),
        line(CHANGED, *_curve(found.changed), ACCENT, steps=True),
        xaxis=time_axis(),
    )


def _curve(outcome: Outcome) -> tuple[list[int], list[float]]:
    return [time_ms for time_ms, _ in outcome.curve], [float(balance) for _, balance in outcome.curve]


def _drawdowns(found: WhatIf) -> Figure:
    return figure(
        _below(BASE, found.base, MUTED),
        _below(CHANGED, found.changed, ACCENT),
        xaxis=time_axis(),
        yaxis=axis(tickformat=".0%", rangemode="tozero"),
    )


def _below(name: str, outcome: Outcome, colour: str) -> dict[str, object]:
    times, balances = _curve(outcome)
    peaks = accumulate(balances, max)
    below = [(balance - peak) / peak if peak > 0 else 0.0 for balance, peak in zip(balances, peaks, strict=True)]
    return line(name, times, below, colour, steps=True, hovertemplate="%{y:.2%}")


# Trades.


def _said(found: WhatIf) -> str:
    same = len(found.base.closed) - len(found.difference.only_base)
    only_base, only_changed = len(found.difference.only_base), len(found.difference.only_changed)
    return (
        f"Opened at the same time on the same side by both: {same:,}, of which"
        f" {len(found.difference.other_ends):,} came to something else."
        f" Only {BASE}: {only_base:,}. Only {CHANGED}: {only_changed:,}."
    )


def _trades(found: WhatIf) -> tuple[Table, ...]:
    difference = found.difference
    gain = usdt(sum((pair.net for pair in difference.other_ends), Decimal(0))).text
    ends = (
        "opened (UTC)", "position", "side", f"exit {BASE}", "reason", f"exit {CHANGED}", "reason", "quantity",
        f"net (USDT, {gain} in all)",
    )  # fmt: skip
    return (
        latest("The same entry, another end", ends, difference.other_ends, _end),
        latest(f"Only {BASE}", _columns(difference.only_base), difference.only_base, _row),
        latest(f"Only {CHANGED}", _columns(difference.only_changed), difference.only_changed, _row),
    )


def _end(pair: OtherEnd) -> tuple[Cell, ...]:
    base, changed = pair.base, pair.changed
    return (
        moment(base.opened_ms),
        word(base.position.partition(":")[2]),
        word(base.side),
        exact(base.exit_price),
        word(base.reason),
        exact(changed.exit_price),
        word(changed.reason),
        exact(changed.quantity),
        gained(pair.net),
    )


def _columns(trades: Sequence[Trade]) -> tuple[str, ...]:
    total = usdt(sum((trade.net for trade in trades), Decimal(0))).text
    return (
        "opened (UTC)", "position", "side", "quantity", "entry", "exit", "reason", "held",
        f"net (USDT, {total} in all)",
    )  # fmt: skip


def _row(trade: Trade) -> tuple[Cell, ...]:
    return (
        moment(trade.opened_ms),
        word(trade.position.partition(":")[2]),
        word(trade.side),
        exact(trade.quantity),
        exact(trade.entry_price),
        exact(trade.exit_price),
        word(trade.reason),
        span(trade.closed_ms - trade.opened_ms),
        gained(trade.net),
    )
