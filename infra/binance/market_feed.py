"""The market as it comes: streams of all symbols to inputs, complete, in order, none before its history.

    Feed ──▶ Board ──every tick──▶ MarketTick              (conflated; the board knows the newest of everything)
      │        └─closed candle─▶ BackFill ──▶ CandleArrived   held back until the symbol's history is delivered
      ├─ markPrice of the next funding time ──▶ FundingArrived of the one that passed
      └─ closed hours of BTC and ETH where they are not traded ──▶ ReferenceHoursArrived

Open interest is asked for over REST, spread evenly, once in five minutes of market time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from domain.base import Input
from domain.errors import HindsightError, Unavailable
from domain.market import MINUTE_MS, Candle, CandleArrived, FundingArrived
from domain.market_view import REFERENCES, ReferenceHoursArrived
from infra.binance import routes
from infra.binance.back_fill import BackFill
from infra.binance.candle_order import CandleOrder
from infra.binance.feed_values import Connected, Delivery, Disconnected, FeedReport
from infra.binance.freshness import FRESH_MS, Freshness
from infra.binance.market_data import MarketData
from infra.binance.routes import StreamHost
from infra.binance.streams import Feed
from infra.binance.ticks import Board
from infra.binance.wire.frames import BookTicker, ContractInfo, Kline, MarkPrice
from infra.clock import ExchangeClock, wall_ms

PUBLIC_STREAMS_MAX: Final = 200
LOOK_EVERY_S: Final = 2.0
STALE_S: Final = 10.0
"""So long without any message, prices are not to be trusted. A connection itself counts as dead after 60 s."""
AHEAD_MS: Final = 10 * MINUTE_MS
"""A candle that closes further ahead is garbage: taken for one, it would make all before it missing."""
EARLY_MS: Final = 2 * MINUTE_MS
"""So long before its time a funding can't have passed, however our clock is off: its time was moved."""
OPEN_INTEREST_EVERY_S: Final = 300.0
OPEN_INTEREST_PAUSE_S_MIN: Final = 0.1
FOR_ALL: Final = (routes.MARK_PRICES, routes.MINI_TICKERS, routes.LIQUIDATIONS, routes.CONTRACTS)
Offer = Callable[[Input], Awaitable[None]]


class _Funding(msgspec.Struct):
    """What is known of a symbol's next funding."""

    next_ms: int
    rate: float


class MarketFeed:
    """All symbols' streams of one exchange. `offer` hands an input to the kernel's door. Used from one event loop."""

    def __init__(
        self,
        host: StreamHost,
        rest: MarketData,
        clock: ExchangeClock,
        offer: Offer,
        symbols: Sequence[str],
        *,
        candles_over_rest: bool = True,
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._offer = offer
        self._candles_over_rest = candles_over_rest
        self._order = CandleOrder(MINUTE_MS)
        self.back_fill = BackFill(self._order, self._fetch, self._hand_on)
        self.board = Board(symbols, clock.now_ms())
        self._freshness = Freshness(symbols)
        self._feed = Feed(host, self._take)
        self.references = tuple(name for name in REFERENCES if name not in symbols)
        self._feed.subscribe([*_streams(symbols), *(routes.kline(name, "1h") for name in self.references)])
        self._held_back: dict[str, list[CandleArrived] | None] = {symbol: [] for symbol in symbols}
        self._funding: dict[str, _Funding] = {}
        self._began_ms = wall_ms()
        self._listing_changed = asyncio.Event()

    # ── symbols ───────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, symbols: Iterable[str], next_ms: int) -> None:
        """Say which candle of the streams is wanted first: the one after the histories that are asked for."""
        for symbol in symbols:
            self._order.begin(symbol, next_ms)
            if symbol in self._held_back:
                self._held_back[symbol] = []

    def postpone(self, symbols: Iterable[str]) -> None:
        """The histories of these are not to be had now: until `begin` their candles need not be kept."""
        self._held_back |= dict.fromkeys(symbol for symbol in symbols if self.follows(symbol))

    def follows(self, symbol: str) -> bool:
        """Tell whether the symbol is listened to."""
        return self.board.row(symbol) is not None

    async def ready(self, symbols: Iterable[str]) -> None:
        """The histories of these are delivered: what was held back may follow."""
        for symbol in symbols:
            waited = self._held_back.pop(symbol, None) or []
            for arrived in waited:
                late = arrived.late or arrived is not waited[-1]
                await self._tell(msgspec.structs.replace(arrived, late=late))

    def add(self, symbols: Sequence[str]) -> None:
        """Listen to more symbols; their candles are held back until they are `ready`."""
        for symbol in symbols:
            self._held_back.setdefault(symbol, [])
            self.board.add(symbol, self._clock.now_ms())
            self._freshness.follow(symbol)
        self._feed.subscribe(_streams(symbols))

    def remove(self, symbols: Sequence[str]) -> None:
        """Listen to them no more."""
        self._feed.unsubscribe(set(_streams(symbols)) - set(FOR_ALL))
        for symbol in symbols:
            self.board.remove(symbol)
            self._freshness.forget(symbol)
            self._order.forget(symbol)
            self._held_back.pop(symbol, None)
            self._funding.pop(symbol, None)

    # ── what runs ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Receive until cancelled."""
        await self._feed.run()

    async def tick(self, every_s: float) -> None:
        """Offer what changed, every so many real seconds."""
        while True:
            await asyncio.sleep(every_s)
            tick = self.board.tick(self._clock.now_ms())
            if tick is not None:
                await self._offer(tick)

    async def look(self) -> None:
        """Ask for candles that did not come."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.back_fill.look(self._clock.now_ms())

    async def ask_open_interest(self) -> None:
        """Ask for one symbol after the other, so that each is asked for once in five minutes of market time."""
        while True:
            symbols = self.board.symbols
            round_s = OPEN_INTEREST_EVERY_S / self._clock.speed
            for symbol in symbols:
                with suppress(HindsightError):  # the next round asks again; so long the old one has to do
                    self.board.open_interest(symbol, (await self._rest.open_interest(symbol)).open_interest)
                await asyncio.sleep(max(OPEN_INTEREST_PAUSE_S_MIN, round_s / max(1, len(symbols))))

    # ── what is known ─────────────────────────────────────────────────────────────────────────────────────────────

    async def listing_changed(self, patience_s: float) -> None:
        """Wait until the exchange says that a contract was listed or changed its status, or so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listing_changed.wait(), patience_s)
        self._listing_changed.clear()

    def report(self) -> FeedReport:
        """Give the streams' state in numbers."""
        return self._feed.report()

    def stale(self) -> str:
        """Say since when nothing came; "" if something did lately. From any thread."""
        last_ms = self._feed.last_message_ms or self._began_ms
        silent_s = (wall_ms() - last_ms) / 1000
        return f"no message for {silent_s:.0f} s" if silent_s > STALE_S else ""

    # ── deliveries ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _take(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            message = delivery.message
            if type(message) is Disconnected:
                self.board.interrupted(message.streams, self._clock.now_ms())
                self._freshness.interrupted(message.streams)
            elif type(message) is Connected:
                continue  # the next look finds what was missed
            else:
                if type(message) is BookTicker:
                    self._freshness.heard_best(message)
                elif type(message) is MarkPrice:
                    self._freshness.heard_mark(message, delivery.received_ms)
                    await self._fund(message)
                elif type(message) is ContractInfo:
                    self._listing_changed.set()
                elif type(message) is Kline and message.bar.interval == "1h":
                    await self._refer(message)
                candle = self.board.see(message, delivery.stream)
                if candle is not None and candle.candle.open_time_ms < self._clock.now_ms() + AHEAD_MS:
                    await self.back_fill.arrived(candle.symbol, candle.candle)

    async def _hand_on(self, symbol: str, candles: tuple[Candle, ...], late: bool) -> None:
        arrived = [CandleArrived(symbol, candle, late) for candle in candles]
        if symbol in self._held_back:
            waiting = self._held_back[symbol]
            if waiting is not None:
                waiting.extend(arrived)
            return
        for each in arrived:
            await self._tell(each)

    async def _tell(self, arrived: CandleArrived) -> None:
        """Hand a candle over; one that is told at its time also says whether the price is known now."""
        if not arrived.late:
            age_ms = (self._clock.now_ms() - arrived.candle.open_time_ms - MINUTE_MS) / self._clock.speed
            stale = age_ms > FRESH_MS or self._freshness.stale(arrived.symbol, wall_ms())
            arrived = msgspec.structs.replace(arrived, stale=stale)
        await self._offer(arrived)

    async def _fetch(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        if not self._candles_over_rest:
            return ()
        if symbol in self._held_back:
            raise Unavailable("history", f"{symbol} is still being loaded")
        count = min(1_500, (end_ms - start_ms) // MINUTE_MS)
        return await self._rest.candles(symbol, "1m", start_ms, end_ms - 1, count)

    async def _refer(self, seen: Kline) -> None:
        """Tell a closed hour of a reference contract."""
        bar = seen.bar
        if bar.closed and seen.symbol in self.references:
            hour = (bar.close_time_ms + 1, bar.high, bar.low, bar.close)
            await self._offer(ReferenceHoursArrived(seen.symbol, (hour,)))

    async def _fund(self, seen: MarkPrice) -> None:
        """Tell that a funding time passed, under the rate that was in force until then.

        That the next time is a later one does not suffice: the exchange also changes a contract's interval.
        """
        rate = seen.funding_rate
        if rate is None or not seen.mark or not seen.next_funding_ms or self.board.row(seen.symbol) is None:
            return
        known = self._funding.get(seen.symbol)
        self._funding[seen.symbol] = _Funding(seen.next_funding_ms, rate)
        if known is not None and seen.next_funding_ms > known.next_ms <= self._clock.now_ms() + EARLY_MS:
            await self._offer(FundingArrived(seen.symbol, known.next_ms, known.rate, seen.mark))


def _streams(symbols: Sequence[str]) -> list[str]:
    """Name the streams of these symbols, the most liquid ones with their books."""
    books = symbols[: max(0, PUBLIC_STREAMS_MAX - len(symbols))]
    return [
        *(routes.kline(symbol) for symbol in symbols),
        *(routes.agg_trade(symbol) for symbol in symbols),
        *(routes.book_ticker(symbol) for symbol in symbols),
        *(routes.partial_depth(symbol) for symbol in books),
        *FOR_ALL,
    ]
