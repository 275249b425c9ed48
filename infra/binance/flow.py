"""Trade flow of one symbol: who took how much since the last tick, and which trades were large.

Fed with aggTrades, each once (`once.py` sees to that), in order but for a few that come late. The 15-minute window (see
`domain/flow.py`) is what factor Q asks for. Pure and bounded: two sums, and at most three windows' minutes.
"""

from __future__ import annotations

from typing import Final

from domain.flow import MINUTE_MS, FlowWindow, TradeFlow
from infra.binance.wire.frames import AggTrade

IDLE_MS: Final = 30 * MINUTE_MS


class Flow:
    """The trades of one symbol. A hole in their ids is no proof of a loss (the stream leaves trades of the insurance
    fund and ADL out), so only `interrupted` begins the window anew.
    """

    __slots__ = ("_bought", "_sold", "_summed_ms", "_whole", "_window")

    def __init__(self, since_ms: int) -> None:
        self._window = FlowWindow(since_ms)
        self._bought = self._sold = 0.0
        self._whole = True
        self._summed_ms = since_ms

    def add(self, trade: AggTrade) -> None:
        """Take a trade. One that comes late counts since the last tick all the same."""
        time_ms = trade.trade_time_ms
        if time_ms - self._summed_ms > IDLE_MS:
            self.close(
                time_ms
            )  # no candle asked for a sum for long: what is older than the window must go all the same
        notional = trade.price * trade.quantity
        self._window.add((time_ms, notional, trade.buyer_is_maker))
        if trade.buyer_is_maker:
            self._sold += notional
        else:
            self._bought += notional

    def taken(self) -> tuple[float, float] | None:
        """Give what takers bought and sold (USDT) since the last call; None if trades were missed meanwhile."""
        found = (self._bought, self._sold) if self._whole else None
        self._bought = self._sold = 0.0
        self._whole = True
        return found

    def interrupted(self, at_ms: int) -> None:
        """Trades were missed up to now: until the window is covered again there is no summary."""
        self._whole = False
        self._window.interrupted(at_ms)

    def close(self, close_ms: int) -> TradeFlow | None:
        """Sum up the 15 minutes that end with the minute closing at `close_ms`; None while they are not covered."""
        self._summed_ms = close_ms
        return self._window.close(close_ms)
