"""Trade flow of one symbol: who took how much in the running second and minute, and which trades were large.

Fed with aggTrades, each once (`once.py` sees to that), in order but for a few that come late. A *bucket* holds taker
buy and sell notional (USDT) and a count; the 15-minute window (see `domain/flow.py`) is what factor Q asks for. Pure
and bounded: one bucket each, and at most three windows' minutes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.flow import MINUTE_MS, FlowWindow, TradeFlow
from infra.binance.wire.frames import AggTrade

SECOND_MS: Final = 1_000
IDLE_MS: Final = 30 * MINUTE_MS


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """What takers bought and sold (USDT) from `start_ms` on, in how many aggregated trades."""

    start_ms: int
    buy: float = 0.0
    sell: float = 0.0
    trades: int = 0

    def plus(self, notional: float, *, sold: bool) -> Bucket:
        """Give the bucket with one trade more."""
        if sold:
            return Bucket(self.start_ms, self.buy, self.sell + notional, self.trades + 1)
        return Bucket(self.start_ms, self.buy + notional, self.sell, self.trades + 1)


class Flow:
    """The trades of one symbol. A hole in their ids is no proof of a loss (the stream leaves trades of the insurance
    fund and ADL out), so only `interrupted` begins the window anew.
    """

    __slots__ = ("_summed_ms", "_window", "minute", "second")

    def __init__(self, since_ms: int) -> None:
        self._window = FlowWindow(since_ms)
        self.second = Bucket(since_ms // SECOND_MS * SECOND_MS)
        self.minute = Bucket(since_ms // MINUTE_MS * MINUTE_MS)
        self._summed_ms = since_ms

    def add(self, trade: AggTrade) -> None:
        """Take a trade. One that comes late counts in the running second and minute."""
        time_ms = trade.trade_time_ms
        if time_ms - self._summed_ms > IDLE_MS:
            self.close(
                time_ms
            )  # no candle asked for a sum for long: what is older than the window must go all the same
        notional = trade.price * trade.quantity
        self._window.add((time_ms, notional, trade.buyer_is_maker))
        self.second = self._bucket(self.second, time_ms, SECOND_MS).plus(notional, sold=trade.buyer_is_maker)
        self.minute = self._bucket(self.minute, time_ms, MINUTE_MS).plus(notional, sold=trade.buyer_is_maker)

    def interrupted(self, at_ms: int) -> None:
        """Trades were missed up to now: until the window is covered again there is no summary."""
        self._window.interrupted(at_ms)

    def close(self, close_ms: int) -> TradeFlow | None:
        """Sum up the 15 minutes that end with the minute closing at `close_ms`; None while they are not covered."""
        self._summed_ms = close_ms
        return self._window.close(close_ms)

    @staticmethod
    def _bucket(bucket: Bucket, time_ms: int, length_ms: int) -> Bucket:
        start = time_ms // length_ms * length_ms
        return bucket if start <= bucket.start_ms else Bucket(start)
