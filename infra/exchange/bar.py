"""One candle as the simulator counts it: in ticks, lots and cents, so that longer candles are exact sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.market import MINUTE_MS
from infra.market.activity import Traded
from infra.market.bars import Bars, Counts

DAY_MS = 1_440 * MINUTE_MS
SPANS_MS = {
    "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS, "2h": 120 * MINUTE_MS, "4h": 240 * MINUTE_MS, "6h": 360 * MINUTE_MS, "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS, "1d": DAY_MS, "3d": 3 * DAY_MS, "1w": 7 * DAY_MS, "1M": 31 * DAY_MS,
}  # fmt: skip
"""Binance's intervals (specs/binance.md §3); the length of a month is that of the longest."""
_MONDAY_MS = 4 * DAY_MS
"""1970-01-01 was a Thursday; Binance's weeks begin on Monday."""


class Bar(NamedTuple):
    """A candle: prices in ticks, volumes in quantity steps, quote volumes in hundredths of a USDT."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int
    quote: int
    taker_lots: int
    taker_quote: int
    trades: int

    def then(self, later: Bar) -> Bar:
        """Fold the candle that follows into this one."""
        return Bar(
            self.open_ms,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.lots + later.lots,
            self.quote + later.quote,
            self.taker_lots + later.taker_lots,
            self.taker_quote + later.taker_quote,
            self.trades + later.trades,
        )


def open_time(interval: str, time_ms: int) -> int:
    """Say when the candle opened that `time_ms` lies in (UTC ms; months by the calendar, weeks from Monday)."""
    if interval == "1M":
        month = np.datetime64(time_ms, "ms").astype("datetime64[M]")
        return int(month.astype("datetime64[ms]").astype(np.int64))
    span = SPANS_MS[interval]
    origin = _MONDAY_MS if interval == "1w" else 0
    return (time_ms - origin) // span * span + origin


def next_open(interval: str, open_ms: int) -> int:
    """Say when the candle after the one that opened at `open_ms` opens."""
    if interval == "1M":
        return open_time(interval, open_ms + 32 * DAY_MS)
    return open_ms + SPANS_MS[interval]


def opens_between(interval: str, first_ms: int, end_ms: int) -> list[int]:
    """Give the opens of [first, end), one candle after the other; `first_ms` is one if there are any."""
    if interval != "1M":
        return list(range(first_ms, end_ms, SPANS_MS[interval]))
    found: list[int] = []
    while first_ms < end_ms:
        found.append(first_ms)
        first_ms = next_open(interval, first_ms)
    return found


def earlier_open(interval: str, open_ms: int, count: int) -> int:
    """Say when the candle opened that lies `count` before the one that opened at `open_ms`."""
    if interval == "1M":
        month = np.datetime64(open_ms, "ms").astype("datetime64[M]") - count
        return int(month.astype("datetime64[ms]").astype(np.int64))
    return open_ms - count * SPANS_MS[interval]


def grouped(bars: Bars, starts: Sequence[int] | Counts) -> Bars:
    """Fold the minutes of each group into one bar; `starts` are the places at which groups begin, the first one 0."""
    places = np.asarray(starts, np.intp)
    ends = np.append(places[1:], bars.close.shape[1]) - 1
    columns = [getattr(bars.traded, name) for name in Traded.__struct_fields__]
    return Bars(
        bars.open[:, places],
        np.maximum.reduceat(bars.high, places, axis=1),
        np.minimum.reduceat(bars.low, places, axis=1),
        bars.close[:, ends],
        Traded(*(np.add.reduceat(column, places, axis=1) for column in columns)),
    )


def rows_of(bars: Bars, row: int, open_times: Sequence[int]) -> list[Bar]:
    """Give one contract's bars as objects."""
    traded = bars.traded
    columns: tuple[Counts, ...] = (
        bars.open, bars.high, bars.low, bars.close,
        traded.lots, traded.quote, traded.taker_lots, traded.taker_quote, traded.trades,
    )  # fmt: skip
    return list(map(Bar, open_times, *(column[row].tolist() for column in columns)))
