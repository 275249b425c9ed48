"""The page of `signals`: how proposals are distributed, what became of them, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from domain.values import ZERO
from infra.html.bar_charts import SHOWN, daily, ranked, stacked
from infra.html.cells import Cell, count, exact, gained, moment, percent, ratio, word
from infra.html.charts import ACCENT, WARN, Figure, axis, bars, figure
from infra.html.page import Chart, Section, Table, Tile, latest
from infra.moments import iso
from projections.signals import SignalOutcome, SignalRow

COLOURS: Final = {
    SignalOutcome.TRADED.value: "--accent",
    SignalOutcome.VIRTUAL.value: "--third",
    SignalOutcome.WATCHED.value: "--fourth",
    SignalOutcome.DENIED.value: "--second",
    SignalOutcome.DECLINED.value: "--muted",
    SignalOutcome.ABANDONED.value: "--loss",
    SignalOutcome.RAISED.value: "--warn",
}
CONFIDENCE_BINS: Final = 20


def sections(rows: Sequence[SignalRow]) -> tuple[Section, ...]:
    """Give what stands on the page."""
    return (
        Section(tiles=_tiles(rows)),
        Section("Distribution", charts=_distribution(rows)),
        Section("Reasons", charts=_reasons(rows)),
        Section("What became of them", tables=(_outcomes(rows), latest("Proposals", _COLUMNS, rows, _row))),
    )


def _tiles(rows: Sequence[SignalRow]) -> tuple[Tile, ...]:
    outcomes = Counter(row.outcome for row in rows)
    raised = len(rows) - outcomes[SignalOutcome.DECLINED] - outcomes[SignalOutcome.WATCHED]
    shares = {outcome: percent(number / len(rows)).text for outcome, number in outcomes.items()}
    return (
        Tile("Proposals", count(len(rows))),
        Tile("Raised as signals", count(raised)),
        Tile("Traded", count(outcomes[SignalOutcome.TRADED]), "", shares.get(SignalOutcome.TRADED, "")),
        Tile("Followed virtually", count(outcomes[SignalOutcome.VIRTUAL]), "", shares.get(SignalOutcome.VIRTUAL, "")),
        Tile("Watched", count(outcomes[SignalOutcome.WATCHED]), "", shares.get(SignalOutcome.WATCHED, "")),
        Tile("Denied", count(outcomes[SignalOutcome.DENIED]), "", shares.get(SignalOutcome.DENIED, "")),
        Tile("Declined", count(outcomes[SignalOutcome.DECLINED]), "", shares.get(SignalOutcome.DECLINED, "")),
    )


def _distribution(rows: Sequence[SignalRow]) -> tuple[Chart, ...]:
    by_day = Counter((iso(row.time_ms)[:10], row.outcome.value) for row in rows)
    by_symbol = Counter((row.symbol, row.outcome.value) for row in rows)
    by_side = Counter((row.side.value, row.outcome.value) for row in rows)
    symbols = len({row.symbol for row in rows})
    height = 110 + 24 * min(SHOWN, max(symbols, 2))
    left_out = f"The {SHOWN} largest of {symbols:,}." if symbols > SHOWN else ""
    return (
        Chart("Proposals of each UTC day", daily(by_day, COLOURS), height=280),
        Chart("By symbol", stacked(by_symbol, COLOURS), height, half=True, note=left_out),
        Chart("By side", stacked(by_side, COLOURS), height, half=True),
        Chart("By confidence", _by_confidence(rows), height=280),
    )


def _by_confidence(rows: Sequence[SignalRow]) -> Figure:
    """Count signals by confidence; declined proposals have none."""
    width = 1 / CONFIDENCE_BINS
    counts = Counter(
        (min(int(row.confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1), row.outcome.value)
        for row in rows
        if row.confidence is not None
    )
    places = sorted({place for place, _ in counts})
    middles = [(place + 0.5) * width for place in places]
    traces = [
        bars(kind, middles, [counts[place, kind] for place in places], colour, width=width * 0.92,
             hovertemplate="%{y:,}")
        for kind, colour in COLOURS.items()
        if any(counts[place, kind] for place in places)
    ]  # fmt: skip
    shown = [(places[0] - 1) * width, (places[-1] + 2) * width] if places else [0, 1]
    return figure(*traces, barmode="stack", xaxis=axis(dtick=width, range=shown))


def _reasons(rows: Sequence[SignalRow]) -> tuple[Chart, ...]:
    against, favour = Counter[str](), Counter[str]()
    for row in rows:
        if row.code:
            against[row.code] += 1
        elif row.outcome in {SignalOutcome.DECLINED, SignalOutcome.WATCHED}:
            against.update(row.reasons)
        if row.outcome not in {SignalOutcome.DECLINED, SignalOutcome.WATCHED, SignalOutcome.DENIED}:
            favour.update(row.reasons)
    height = 110 + 24 * min(SHOWN, max(len(against), len(favour), 2))
    return (
        Chart("Why proposals were not traded", ranked(against, WARN, "proposals"), height, half=True),
        Chart("What spoke for signals", ranked(favour, ACCENT, "signals"), height, half=True),
    )


def _outcomes(rows: Sequence[SignalRow]) -> Table:
    lines: list[tuple[Cell, ...]] = []
    for outcome in SignalOutcome:
        own = [row for row in rows if row.outcome is outcome]
        if not own:
            continue
        nets = [row.net for row in own if row.net is not None]
        won = sum(net > 0 for net in nets)
        rate = percent(won / len(nets) if nets else None)
        net = gained(sum(nets, ZERO) if nets else None)
        lines.append((word(outcome), count(len(own)), count(len(nets)), count(won), rate, net))
    columns = ("outcome", "proposals", "ended", "won", "win rate", "net (USDT)")
    return Table("By outcome", columns, tuple(lines), "Virtual positions bring no money: what it would be.")


_COLUMNS: Final = (
    "time (UTC)", "symbol", "side", "outcome", "tier", "strength", "confidence", "entry", "stop", "target",
    "denied for", "reasons", "result", "net (USDT)",
)  # fmt: skip


def _row(row: SignalRow) -> tuple[Cell, ...]:
    return (
        moment(row.time_ms),
        word(row.symbol),
        word(row.side),
        word(row.outcome),
        word(row.tier),
        ratio(row.strength),
        ratio(row.confidence),
        exact(_short(row.entry)),
        exact(_short(row.stop)),
        exact(_short(row.target)),
        word(row.code),
        word(", ".join(row.reasons)),
        word(row.result),
        gained(row.net),
    )


def _short(price: float | None) -> float | None:
    """Round a proposed price, which is not yet a multiple of the tick size, to 8 significant digits."""
    return None if price is None else float(f"{price:.8g}")
