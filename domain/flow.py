"""What a minute keeps of the trades of its last quarter of an hour: which were large, and who took them.

Which trades are large is known only when the window ends, so a minute keeps them all, 8 bytes each, up to
`EXACT_MAX`. A busier one is folded into classes of notional whose bounds lie 1 % apart: count, and USDT of either side.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
WINDOW_MINUTES: Final = 15
LARGE_SHARE: Final = 0.95
"""A trade is large from this percentile of the window's notionals on (product.md §3, factor Q)."""
EXACT_MAX: Final = 2_048
"""So many trades of a minute are kept one by one."""
CLASS_WIDTH: Final = 0.01
_STEP: Final = math.log1p(CLASS_WIDTH)
_SMALLEST: Final = 0.1  # USDT; smaller ones share the first class, those beyond 10⁹ the last
_CLASSES: Final = int(math.log(1e9 / _SMALLEST) / _STEP) + 2

Floats: TypeAlias = NDArray[np.float64]
Trade: TypeAlias = tuple[int, float, bool]
"""Time (ms UTC), notional (USDT), and whether the buyer was the maker: then a seller took it from the book."""


class TradeFlow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The trades of the last 15 minutes: how many, their 95th percentile of notional, and who took the large ones.

    A trade is large if its notional reaches `p95` (USDT); `large_buy` and `large_sell` are the USDT of those that a
    buyer, and that a seller, took from the book. `span_ms` is how much time the trades cover.
    """

    trades: int
    span_ms: int
    p95: float
    large_buy: float
    large_sell: float


def trade_flow(trades: Iterable[Trade]) -> TradeFlow | None:
    """Sum trades up, given in the order of their times. None if there are none."""
    rows = list(trades)
    if not rows:
        return None
    signed = np.array([-row[1] if row[2] else row[1] for row in rows])
    return _exact(signed, rows[-1][0] - rows[0][0])


def _exact(signed: Floats, span_ms: int) -> TradeFlow:
    """Sum notionals up; those that a seller took are negative."""
    notional, sold = np.abs(signed), np.signbit(signed)
    p95 = float(np.percentile(notional, 100.0 * LARGE_SHARE))
    large = notional >= p95
    return TradeFlow(
        len(signed), span_ms, p95, float(notional[large & ~sold].sum()), float(notional[large & sold].sum())
    )


def _classed(classes: Floats, span_ms: int) -> TradeFlow:
    """Sum classes up. A class counts as a whole, at the mean of its trades."""
    counts, buy, sell = classes[:, classes[0] > 0]
    means = (buy + sell) / counts
    ends = np.cumsum(counts)  # how many trades are in a class or below it
    rank = LARGE_SHARE * (ends[-1] - 1)
    below, above = (means[np.searchsorted(ends, place, side="right")] for place in (math.floor(rank), math.ceil(rank)))
    p95 = float(below + (above - below) * (rank - math.floor(rank)))
    large = means >= p95
    return TradeFlow(int(ends[-1]), span_ms, p95, float(buy[large].sum()), float(sell[large].sum()))


class _Minute:
    """The trades of one minute. `classes` are rows of counts and of USDT bought and sold, None while there are few."""

    __slots__ = ("classes", "first_ms", "last_ms", "signed")

    def __init__(self, time_ms: int) -> None:
        self.first_ms = self.last_ms = time_ms
        self.signed = array("d")
        self.classes: Floats | None = None

    def fold(self) -> Floats:
        """Give the classes, with what is kept one by one in them."""
        if self.classes is None:
            self.classes = np.zeros((3, _CLASSES))
        if self.signed:
            signed = np.array(self.signed)
            del self.signed[:]
            notional, sold = np.abs(signed), np.signbit(signed)
            places = np.log(np.maximum(notional, _SMALLEST) / _SMALLEST) / _STEP
            index = np.minimum(places.astype(np.int64), _CLASSES - 1)
            rows = [np.bincount(index, weights, _CLASSES) for weights in (None, notional * ~sold, notional * sold)]
            self.classes += np.array(rows)
        return self.classes


class FlowWindow:
    """The newest trades of one symbol, minute by minute. Bounded: the window's minutes, each of bounded size.

    The summary is exact if no minute of the window had more than `EXACT_MAX` trades. Else `p95` (from 0.1 to 10⁹ USDT)
    is right within 1 %, and those within 1 % of it may count as large or not; count and span are exact always.

    `since_ms` is from when on every trade was seen: before the window is covered there is no summary.
    """

    __slots__ = ("_minutes", "since_ms")

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._minutes: dict[int, _Minute] = {}

    def add(self, trade: Trade) -> None:
        """Take one trade."""
        time_ms, notional, sold = trade
        minute = self._minutes.get(time_ms // MINUTE_MS)
        if minute is None:
            minute = self._minutes[time_ms // MINUTE_MS] = _Minute(time_ms)
        elif time_ms >= minute.last_ms:
            minute.last_ms = time_ms
        elif time_ms < minute.first_ms:
            minute.first_ms = time_ms
        minute.signed.append(-notional if sold else notional)
        if len(minute.signed) > EXACT_MAX:
            minute.fold()

    def interrupted(self, at_ms: int) -> None:
        """Trades were missed up to now: begin anew."""
        self.since_ms = at_ms
        self._minutes.clear()

    def close(self, close_ms: int) -> TradeFlow | None:
        """Sum up the window that ends at a minute's close, and forget what is older. None while it is not covered."""
        end = close_ms // MINUTE_MS
        start = end - WINDOW_MINUTES
        self._minutes = {minute: seen for minute, seen in self._minutes.items() if minute >= start}
        if start * MINUTE_MS < self.since_ms:
            return None
        return _summed([self._minutes[minute] for minute in range(start, end) if minute in self._minutes])


def _summed(minutes: Sequence[_Minute]) -> TradeFlow | None:
    if not minutes:
        return None
    span_ms = minutes[-1].last_ms - minutes[0].first_ms
    if all(minute.classes is None for minute in minutes):
        return _exact(np.concatenate([np.array(minute.signed) for minute in minutes]), span_ms)
    total = np.zeros((3, _CLASSES))
    for minute in minutes:
        total += minute.fold() if minute.classes is not None else _copy(minute).fold()
    return _classed(total, span_ms)


def _copy(minute: _Minute) -> _Minute:
    """Give a minute to fold whose original stays exact: a later window may have no busy minute."""
    copy = _Minute(minute.first_ms)
    copy.signed = minute.signed[:]
    return copy
