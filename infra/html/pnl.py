"""The page of `pnl`: what closed positions brought, by day, symbol and strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate

from domain.values import ZERO
from infra.html.bar_charts import SHOWN, days_axis, gap_of, ranked
from infra.html.cells import Cell, count, gained, usdt, word
from infra.html.charts import ACCENT, GAIN, LOSS, USDT, bars, figure, line
from infra.html.page import Chart, Section, Table, Tile, latest
from projections.pnl import DayPnl


def sections(rows: Sequence[DayPnl]) -> tuple[Section, ...]:
    """Give what stands on the page."""
    by_day = _summed(rows, lambda row: row.day)
    return (
        Section(tiles=_tiles(rows, by_day)),
        Section("By day", charts=_daily(by_day)),
        Section("By symbol and strategy", charts=_shares(rows)),
        Section(tables=(_table(rows),)),
    )


def _summed(rows: Sequence[DayPnl], name_of: Callable[[DayPnl], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[name_of(row)] = sums.get(name_of(row), ZERO) + row.net
    return sums


def _tiles(rows: Sequence[DayPnl], by_day: dict[str, Decimal]) -> tuple[Tile, ...]:
    best, worst = max(by_day, key=by_day.__getitem__), min(by_day, key=by_day.__getitem__)
    won = sum(net > 0 for net in by_day.values())
    return (
        Tile("Net PnL", gained(sum((row.net for row in rows), ZERO)), "USDT", "gross - fees + funding"),
        Tile("Gross PnL", gained(sum((row.gross for row in rows), ZERO)), "USDT"),
        Tile("Fees", usdt(sum((row.fees for row in rows), ZERO)), "USDT"),
        Tile("Funding", gained(sum((row.funding for row in rows), ZERO)), "USDT"),
        Tile("Trades", count(sum(row.trades for row in rows))),
        Tile("Days with a gain", count(won), f"of {len(by_day):,}"),
        Tile("Best day", gained(by_day[best]), "USDT", best),
        Tile("Worst day", gained(by_day[worst]), "USDT", worst),
    )


def _daily(by_day: dict[str, Decimal]) -> tuple[Chart, ...]:
    days = sorted(by_day)
    nets = [float(by_day[day]) for day in days]
    sums = [float(total) for total in accumulate(by_day[day] for day in days)]
    dates, gap = days_axis(days), gap_of(len(days))
    curve = {**line("net so far", range(len(days)), sums, ACCENT, fill="--accent-soft"), "x": days, "y": sums}
    painted = [GAIN if net >= 0 else LOSS for net in nets]
    each = bars("net", days, nets, painted, hovertemplate=USDT)
    return (
        Chart("Cumulative net PnL (USDT)", figure(curve, xaxis=dates)),
        Chart("Net PnL of each UTC day (USDT)", figure(each, xaxis=dates, bargap=gap), height=260),
    )


def _shares(rows: Sequence[DayPnl]) -> tuple[Chart, ...]:
    by_symbol = {name: float(net) for name, net in _summed(rows, lambda row: row.symbol).items()}
    by_strategy = {name: float(net) for name, net in _summed(rows, lambda row: row.strategy).items()}
    heights = [120 + 24 * min(SHOWN, len(sums)) for sums in (by_symbol, by_strategy)]
    left_out = f"The {SHOWN} largest of {len(by_symbol):,}." if len(by_symbol) > SHOWN else ""
    return (
        Chart("Net PnL by symbol (USDT)", ranked(by_symbol, unit="USDT"), heights[0], half=True, note=left_out),
        Chart("Net PnL by strategy (USDT)", ranked(by_strategy, unit="USDT"), heights[1], half=True),
    )


def _table(rows: Sequence[DayPnl]) -> Table:
    columns = ("day", "account", "symbol", "strategy", "trades", "gross", "fees", "funding", "net")
    return latest("PnL of each day, account, symbol and strategy (USDT)", columns, rows, _row)


def _row(row: DayPnl) -> tuple[Cell, ...]:
    return (
        word(row.day),
        word(row.account),
        word(row.symbol),
        word(row.strategy),
        count(row.trades),
        gained(row.gross),
        usdt(row.fees),
        gained(row.funding),
        gained(row.net),
    )
