"""What a minute keeps of the trades of its last quarter of an hour: which were large, and who took them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec
import numpy as np

MINUTE_MS: Final = 60_000
WINDOW_MINUTES: Final = 15
LARGE_SHARE: Final = 0.95
"""A trade is large from this percentile of the window's notionals on (product.md §3, factor Q)."""

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
    notional = np.array([row[1] for row in rows])
    sold = np.array([row[2] for row in rows])
    p95 = float(np.percentile(notional, 100.0 * LARGE_SHARE))
    large = notional >= p95
    return TradeFlow(
        trades=len(rows),
        span_ms=rows[-1][0] - rows[0][0],
        p95=p95,
        large_buy=float(notional[large & ~sold].sum()),
        large_sell=float(notional[large & sold].sum()),
    )


class FlowWindow:
    """The newest trades of one symbol, minute by minute. Bounded: only the window's minutes are kept.

    `since_ms` is from when on every trade was seen: before the window is covered there is no summary.
    """

    __slots__ = ("_minutes", "since_ms")

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._minutes: dict[int, list[Trade]] = {}

    def add(self, trade: Trade) -> None:
        """Take one trade."""
        self._minutes.setdefault(trade[0] // MINUTE_MS, []).append(trade)

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
        return trade_flow(trade for minute in range(start, end) for trade in self._minutes.get(minute, ()))
