"""Brings the candles that the stream did not: asks for what `CandleOrder` misses, and hands all on in order.

    fill = BackFill(order, fetch, deliver, timing)
    await fill.arrived("BTCUSDT", candle)        for every closed candle of the stream
    await fill.look(now_ms)                      every few seconds

`fetch(symbol, start_ms, end_ms)` gives the closed candles that open in [start, end), through REST's weight governor. An
answer without a candle that the exchange should have is asked for again; after `tries` it is lost, which is counted.

`deliver(symbol, candles, late)` is told which of them come late: those that were asked for, and those that had to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from domain.errors import HindsightError
from domain.market import Candle
from infra.binance.candle_order import CandleOrder, Missing

Fetch: TypeAlias = Callable[[str, int, int], Awaitable[Sequence[Candle]]]
Deliver: TypeAlias = Callable[[str, tuple[Candle, ...], bool], Awaitable[None]]


class BackFill:
    """The candles of all symbols, complete and in order. `asked` counts requests, `failed` those without an answer."""

    def __init__(
        self,
        order: CandleOrder,
        fetch: Fetch,
        deliver: Deliver,
        *,
        grace_ms: int = 5_000,
        tries: int = 5,
        at_once: int = 8,
    ) -> None:
        self._order = order
        self._fetch = fetch
        self._deliver = deliver
        self._grace_ms = grace_ms
        self._tries = tries
        self._at_once = asyncio.Semaphore(at_once)
        self._one_by_one = asyncio.Lock()  # a `deliver` that waits must not be overtaken by the next candle
        self._asking: set[str] = set()
        self._tried: dict[tuple[str, int], int] = {}
        self.asked = 0
        self.failed = 0

    async def arrived(self, symbol: str, candle: Candle) -> None:
        """Take a closed candle from the stream."""
        async with self._one_by_one:
            released = self._order.arrived(symbol, candle)
            await self._hand_on(symbol, released[:-1], late=True)
            await self._hand_on(symbol, released[-1:], late=False)

    async def look(self, now_ms: int) -> int:
        """Ask for what is missing now, once a symbol at a time; give how many requests that took."""
        first = {gap.symbol: gap for gap in reversed(self._order.missing(now_ms, self._grace_ms))}
        wanted = [gap for symbol, gap in first.items() if symbol not in self._asking]
        self._asking.update(gap.symbol for gap in wanted)
        try:
            await asyncio.gather(*(self._fill(gap) for gap in wanted))
        finally:
            self._asking.difference_update(gap.symbol for gap in wanted)
        return len(wanted)

    async def _fill(self, gap: Missing) -> None:
        try:
            async with self._at_once:
                self.asked += 1
                candles = await self._fetch(gap.symbol, gap.start_ms, gap.end_ms)
        except HindsightError:  # also an address that is blocked for some minutes: prices come by the streams still
            self.failed += 1  # the gap stays, and the next look asks again
            return
        within = [candle for candle in candles if gap.start_ms <= candle.open_time_ms < gap.end_ms]
        async with self._one_by_one:
            await self._hand_on(gap.symbol, self._order.filled(gap.symbol, within), late=True)
            await self._give_up_in_the_end(gap)

    async def _give_up_in_the_end(self, gap: Missing) -> None:
        """Count answers that left a hole at the same place; after the last the hole stays."""
        place = self._order.next_ms(gap.symbol)
        if place is None or not gap.start_ms <= place < gap.end_ms:
            self._tried = {key: count for key, count in self._tried.items() if key[0] != gap.symbol}
            return
        count = self._tried[gap.symbol, place] = self._tried.get((gap.symbol, place), 0) + 1
        if count >= self._tries:
            del self._tried[gap.symbol, place]
            await self._hand_on(gap.symbol, self._order.give_up(gap), late=True)

    async def _hand_on(self, symbol: str, candles: tuple[Candle, ...], *, late: bool) -> None:
        if candles:
            await self._deliver(symbol, candles, late)
