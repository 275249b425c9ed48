"""The page of `equity`: the curve of each account, and how far it was below its peak."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from infra.html.cells import Cell, exact, gained, moment, percent, span, usdt, word
from infra.html.charts import ACCENT, LOSS, MUTED, Figure, amounts, axis, figure, line, time_axis
from infra.html.page import Chart, Section, Table, Tile, latest
from projections.equity import EquityPoint


def sections(points: Sequence[EquityPoint]) -> tuple[Section, ...]:
    """Give what stands on the page: a section an account. The points come by account, then time."""
    return tuple(_account(name, list(curve)) for name, curve in groupby(points, lambda point: point.account))


def _account(name: str, curve: list[EquityPoint]) -> Section:
    note = "Open positions are valued at the last closed candle. Drawdown is (peak - equity) / peak."
    return Section(
        f"Account {name}",
        tiles=_tiles(curve),
        charts=(Chart("Equity (USDT), and below it drawdown", _figure(curve), height=520, note=note),),
        tables=(_holdings(curve[-1]), _table(curve)),
    )


def _tiles(curve: list[EquityPoint]) -> tuple[Tile, ...]:
    first, last = curve[0], curve[-1]
    change = last.equity - first.equity
    since = percent(change / first.equity if first.equity else None)
    deepest = max(curve, key=lambda point: point.deepest)
    return (
        Tile("Equity", usdt(last.equity), "USDT", "balance + unrealised"),
        Tile("Change", gained(change), "USDT", f"{since.text} since the start"),
        Tile("Balance", usdt(last.balance), "USDT"),
        Tile("Unrealised", gained(last.unrealised), "USDT", f"{len(last.holdings)} open"),
        Tile("Peak", usdt(last.peak), "USDT"),
        Tile("Drawdown now", percent(last.drawdown)),
        Tile("Deepest drawdown", percent(deepest.deepest)),
        Tile("Longest below a peak", span(_longest_below(curve))),
    )


def _longest_below(curve: list[EquityPoint]) -> int:
    """Give the longest time (ms) between a peak and the point that reached it again, or the end."""
    longest, since_ms, before = 0, curve[0].time_ms, curve[0]
    for at_ms, point in _corners(curve):
        at_peak = point.equity >= point.peak
        if not (at_peak and point is before):  # where it stands still at its peak, it is not below it
            longest = max(longest, at_ms - since_ms)
        if at_peak:
            since_ms = at_ms
        before = point
    return longest


def _corners(curve: list[EquityPoint]) -> list[tuple[int, EquityPoint]]:
    """Give the points at their times, and where nothing was open also when that ended: nothing moved till then."""
    corners: list[tuple[int, EquityPoint]] = []
    for point, after in zip(curve, [*curve[1:], None], strict=True):
        corners.append((point.until_ms, point))
        if after is not None and point.equity == point.balance and point.until_ms < after.time_ms:
            corners.append((after.time_ms, point))
    return corners


def _figure(curve: list[EquityPoint]) -> Figure:
    corners = _corners(curve)
    times, points = [at_ms for at_ms, _ in corners], [point for _, point in corners]
    equity = line("equity", times, [float(point.equity) for point in points], ACCENT)
    balance = line("balance", times, [float(point.balance) for point in points], MUTED, steps=True, dash="dot")
    below = [-point.deepest for point in points]
    under = line("drawdown", times, below, LOSS, fill="--loss-soft", hovertemplate="%{y:.2%}", yaxis="y2")
    return figure(
        equity,
        balance,
        under,
        hoversubplots="axis",
        xaxis=time_axis(anchor="y2"),
        yaxis=amounts(domain=[0.34, 1]),
        yaxis2=axis(domain=[0, 0.28], tickformat=",.2~%", rangemode="tozero"),
    )


def _holdings(point: EquityPoint) -> Table:
    columns = ("position", "symbol", "side", "quantity", "price", "unrealised (USDT)")
    rows = [
        (word(held.position), word(held.symbol), word(held.side), exact(held.quantity), exact(held.price),
         gained(held.unrealised))
        for held in point.holdings
    ]  # fmt: skip
    return Table("Open positions", columns, tuple(rows))


def _table(curve: list[EquityPoint]) -> Table:
    columns = ("until (UTC)", "balance", "unrealised", "equity", "peak", "deepest drawdown")
    return latest("Points of the curve (USDT)", columns, curve, _row)


def _row(point: EquityPoint) -> tuple[Cell, ...]:
    return (
        moment(point.until_ms),
        usdt(point.balance),
        gained(point.unrealised),
        usdt(point.equity),
        usdt(point.peak),
        percent(point.deepest, 2),
    )
