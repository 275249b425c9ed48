"""The page of `stats`: how well each account trades, and the signals that were followed without money."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.deal import VIRTUAL
from infra.html.cells import UNKNOWN, Cell, count, gained, percent, ratio, span, usdt, word
from infra.html.charts import SERIES, Figure, axis, bars, figure, names_axis
from infra.html.page import Chart, Section, Table, Tile
from projections.stats import StatsRow

FIGURES: tuple[tuple[str, Callable[[StatsRow], Cell]], ...] = (
    ("trades", lambda row: count(row.trades)),
    ("wins", lambda row: count(row.wins)),
    ("losses", lambda row: count(row.losses)),
    ("win rate", lambda row: percent(row.win_rate)),
    ("net (USDT)", lambda row: gained(row.net)),
    ("gains (USDT)", lambda row: usdt(row.gains)),
    ("losses (USDT)", lambda row: usdt(row.lost)),
    ("fees (USDT)", lambda row: usdt(row.fees)),
    ("funding (USDT)", lambda row: gained(row.funding)),
    ("profit factor", lambda row: ratio(row.profit_factor)),
    ("expectancy a trade (USDT)", lambda row: UNKNOWN if row.expectancy is None else gained(row.expectancy)),
    ("mean return on margin", lambda row: percent(row.return_mean, 2) if row.trades else UNKNOWN),
    ("Sharpe ratio a trade", lambda row: ratio(row.sharpe, 3)),
    ("Sortino ratio a trade", lambda row: ratio(row.sortino, 3)),
    ("deepest drawdown of equity", lambda row: percent(row.max_drawdown)),
    ("longest row of wins", lambda row: count(row.longest_wins)),
    ("longest row of losses", lambda row: count(row.longest_losses)),
    ("average time held", lambda row: span(row.average_held_ms)),
    ("average slippage of the entry", lambda row: percent(row.average_slippage, 3)),
)
"""Every figure that accounts are compared by."""


def sections(rows: Sequence[StatsRow]) -> tuple[Section, ...]:
    """Give what stands on the page: tiles an account, then all of them side by side."""
    order = sorted(rows, key=lambda row: (row.account == VIRTUAL, row.account))
    return (
        *(Section(_title(row), tiles=_tiles(row)) for row in order),
        Section("Confidence", charts=_confidence(order)),
        Section("Side by side", tables=(_table(order),)),
    )


def _title(row: StatsRow) -> str:
    return "Virtual: signals followed without money" if row.account == VIRTUAL else f"Account {row.account}"


def _tiles(row: StatsRow) -> tuple[Tile, ...]:
    return (
        Tile("Net", gained(row.net), "USDT", "after fees and funding"),
        Tile("Trades", count(row.trades), "", f"{row.wins:,} won, {row.losses:,} lost"),
        Tile("Win rate", percent(row.win_rate)),
        Tile("Profit factor", ratio(row.profit_factor), "", "gains / losses"),
        Tile("Expectancy", UNKNOWN if row.expectancy is None else gained(row.expectancy), "USDT", "a trade"),
        Tile("Sharpe ratio", ratio(row.sharpe, 3), "", "a trade, not annualised"),
        Tile("Deepest drawdown", percent(row.max_drawdown), "", "of equity"),
        Tile("Average time held", span(row.average_held_ms)),
    )


def _confidence(rows: Sequence[StatsRow]) -> tuple[Chart, ...]:
    note = "A strategy whose confidence means something wins more often to the right."
    return (
        Chart("Win rate by confidence", _rates(rows), half=True, note=note),
        Chart("Trades by confidence", _trades(rows), half=True, note="Few trades make an uncertain rate."),
    )


def _rates(rows: Sequence[StatsRow]) -> Figure:
    traces = [
        bars(row.account, [_bucket(one.confidence) for one in row.by_confidence],
             [one.wins / one.trades for one in row.by_confidence], colour,
             customdata=[[one.wins, one.trades] for one in row.by_confidence],
             hovertemplate="%{y:.1%} (%{customdata[0]:,} of %{customdata[1]:,})")
        for row, colour in zip(rows, _colours(len(rows)), strict=True)
    ]  # fmt: skip
    return figure(*traces, xaxis=_buckets(rows), yaxis=axis(tickformat=".0%", rangemode="tozero"), barmode="group")


def _trades(rows: Sequence[StatsRow]) -> Figure:
    traces = [
        bars(row.account, [_bucket(one.confidence) for one in row.by_confidence],
             [one.trades for one in row.by_confidence], colour, hovertemplate="%{y:,}")
        for row, colour in zip(rows, _colours(len(rows)), strict=True)
    ]  # fmt: skip
    return figure(*traces, xaxis=_buckets(rows), barmode="group")


def _colours(number: int) -> list[str]:
    return [SERIES[place % len(SERIES)] for place in range(number)]


def _buckets(rows: Sequence[StatsRow]) -> dict[str, object]:
    floors = sorted({bucket.confidence for row in rows for bucket in row.by_confidence})
    return names_axis(categoryorder="array", categoryarray=[_bucket(floor) for floor in floors])


def _bucket(floor: float) -> str:
    return f"{floor:.1f} to {floor + 0.1:.1f}"


def _table(rows: Sequence[StatsRow]) -> Table:
    lines = [(word(name), *(shown(row) for row in rows)) for name, shown in FIGURES]
    return Table("All figures", ("", *(row.account for row in rows)), tuple(lines))
