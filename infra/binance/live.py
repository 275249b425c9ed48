"""An exchange outside as the live system's inflow: one thread, one event loop, everything that comes and goes.

start    user stream, comparison of the account ─┐
         streams of all symbols (held back)      ├─▶ histories, only what is missing ─▶ live
orders   outbox ──carry_out──▶ account desk ──answers──▶ the kernel's door
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import msgspec

from actors.ingress import Ingress
from domain.base import Input, Issued
from domain.errors import HindsightError
from domain.instrument import Instrument
from domain.market import InstrumentArrived, InstrumentLeft
from domain.operations import Condition
from domain.values import ZERO, decimal_of
from infra.beliefs import Beliefs
from infra.binance import universe
from infra.binance.account_desk import AccountDesk
from infra.binance.arrival import known_brackets, look, set_clock
from infra.binance.endpoints import KLINES
from infra.binance.first_look import until_it_answers
from infra.binance.history import Held, Loaded
from infra.binance.loading import Loading
from infra.binance.market_feed import MarketFeed
from infra.binance.rest import Rest
from infra.binance.routes import StreamHost
from infra.binance.settings import BinanceSettings
from infra.binance.signing import Key
from infra.clock import ExchangeClock
from infra.stopping import Stopped, unless_stopped

STOP_LOOK_S: Final = 0.05
FULL_PAUSE_S: Final = 0.01
TICK_S_MIN: Final = 0.1
CLOSE_S: Final = 2.0
CLOCK_EVERY_S: Final = 60.0
CLOCK_LOOK_S: Final = 0.25
CLOCK_FRESH_S: Final = 5.0
USER_STREAM_LOST_S: Final = 10.0
"""A reconnect takes a second or a few: sooner it is no news."""
USER_STREAM_LOST_LONG_S: Final = 60.0
"""So long the account was compared once already; who hears nothing of his fills for longer opens nothing new."""
Job = Callable[[], Coroutine[Any, Any, None]]


class Wish(msgspec.Struct, frozen=True):
    """What is to be followed: `wanted` as the user said it, the symbols that were found, what is known of each.

    `known_hours` says of a reference contract when its newest known hour closed, `terms` what each contract allows.
    """

    wanted: int | tuple[str, ...]
    symbols: tuple[str, ...]
    held: tuple[Held, ...]
    source: str = "exchange"
    known_hours: Mapping[str, int] = {}
    terms: Mapping[str, Instrument] = {}


class LiveExchange:
    """An exchange that speaks Binance's protocol. `account` None: prices only, orders stay in process.

    `open_in` says whether something is open in a symbol; it may be called from any thread.
    """

    def __init__(
        self,
        settings: BinanceSettings,
        key: Key | None,
        clock: ExchangeClock,
        ingress: Ingress,
        wish: Wish,
        *,
        account: tuple[Beliefs, str] | None = None,
        open_in: Callable[[str], bool] = lambda _: False,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock
        self._ingress = ingress
        self._wish = wish
        self._account = account
        self._open_in = open_in
        self._progress = progress
        self._lock = threading.Lock()
        self._early: list[Issued] | None = []
        self._desk: AccountDesk | None = None
        self._feed: MarketFeed | None = None
        self._loading: Loading | None = None
        self.ready = threading.Event()
        """Set when the histories that can be had are there and the streams run."""
        self.api_calls: Callable[[], int] = lambda: 0
        self.candle_calls: Callable[[], int] = lambda: 0
        self._clock_is_off = threading.Event()

    # ── from other threads ────────────────────────────────────────────────────────────────────────────────────────

    def carry_out(self, issued: Issued) -> None:
        """Do what an effect asks for. Before the account is looked at it waits; after the end it is left alone."""
        with self._lock:
            if self._early is not None:
                self._early.append(issued)
            elif self._desk is not None:
                self._desk.venue.carry_out(issued)

    def set_clock(self) -> None:
        """Ask for the exchange's time soon: it may be another than we believe."""
        self._clock_is_off.set()

    @property
    def loaded(self) -> Loaded | None:
        """What the histories came to so far; None before all were asked for."""
        return self._loading.loaded if self._loading is not None else None

    def conditions(self) -> Mapping[Condition, str]:
        """Say whether prices are stale, histories missing, and the account is listened to, as seen from here."""
        feed, desk, loading = self._feed, self._desk, self._loading
        told = {
            Condition.FEED_STALE: feed.stale() if feed is not None else "",
            Condition.HISTORY_MISSING: loading.missing if loading is not None else "",
        }
        found = {condition: detail for condition, detail in told.items() if detail}
        return found | _deaf(desk.stream.lost_s() if desk is not None else 0.0)

    def run(self, stop: threading.Event) -> None:
        """Live until `stop` is set."""
        asyncio.run(self._live(stop))

    # ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _live(self, stop: threading.Event) -> None:
        rest = Rest(self._settings, self._key, now_ms=self._clock.now_ms)
        self.api_calls = lambda: rest.api_calls
        self.candle_calls = lambda: rest.api_calls_by_endpoint.get(KLINES.name, 0)
        host = StreamHost(self._settings.streams, routed=self._settings.stream_routes == "routed")
        candles = not self._settings.disable_rest_fallback
        feed = MarketFeed(host, rest, self._clock, self._give, self._wish.symbols, candles_over_rest=candles)
        self._feed = feed
        jobs: list[asyncio.Task[None]] = []
        try:
            jobs += [asyncio.ensure_future(job) for job in (self._stopped(stop), self._keep_time(rest))]
            opened = await unless_stopped(self._opened_desk(rest, host, feed), stop)
            jobs += [asyncio.ensure_future(job()) for job in opened]
            tick_s = max(TICK_S_MIN, 1.0 / self._clock.speed)
            jobs += [asyncio.ensure_future(job) for job in (feed.run(), feed.tick(tick_s))]
            jobs += [asyncio.ensure_future(self._load_and_follow(rest, feed))]
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        except Stopped:
            pass  # before the account was open: there is nothing to take back
        finally:
            await self._close(rest, jobs)

    async def _opened_desk(self, rest: Rest, host: StreamHost, feed: MarketFeed) -> Sequence[Job]:
        set_s_ago = self._clock.set_s_ago
        if set_s_ago is None or set_s_ago > CLOCK_FRESH_S:
            with suppress(HindsightError):  # what was set at the arrival is still right enough
                await set_clock(rest, self._clock)
        if self._account is None:
            with self._lock:
                self._early = None
            return ()
        beliefs, epoch = self._account
        desk = AccountDesk(
            rest, host, beliefs, epoch, self._offer, _prices(feed), _funding(feed), speed=self._clock.speed
        )
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        desk.venue.on_error = lambda error: None if failed.done() else failed.set_exception(error)
        await until_it_answers(desk.begin, lambda _: None)  # health says meanwhile that no price comes
        with self._lock:
            early, self._early, self._desk = self._early or [], None, desk
        for issued in early:
            desk.venue.take(issued)

        async def raise_what_fails() -> None:
            await failed

        return *desk.jobs(), raise_what_fails

    async def _load_and_follow(self, rest: Rest, feed: MarketFeed) -> None:
        references = {name: self._wish.known_hours.get(name, 0) for name in feed.references}
        loading = self._loading = Loading(
            rest,
            feed,
            self._clock,
            self._give,
            candles=not self._settings.disable_rest_fallback,
            progress=self._progress,
        )
        await loading.begin(self._wish.held, references)
        self.ready.set()
        await asyncio.gather(feed.look(), feed.ask_open_interest(), self._refresh(rest, feed, loading), loading.run())

    async def _refresh(self, rest: Rest, feed: MarketFeed, loading: Loading) -> None:
        """Look for listings and delistings every 6 h of real time, and when the exchange says that a status changed."""
        symbols, terms = self._wish.symbols, dict(self._wish.terms)
        while True:
            await feed.listing_changed(universe.REFRESH_S)
            try:
                found = await look(rest, self._wish.wanted, strict=False)
                brackets, _ = await known_brackets(rest, self._key)
            except HindsightError:
                continue  # the next look finds it
            joined, left = universe.changes(symbols, found.symbols)
            for name in left:
                status = found.ended.get(name)
                if status == universe.UNLISTED:
                    status = None  # a list that lacks it says less than its streams: no reason to close anything
                if status is not None or not self._open_in(name):
                    await self._give(InstrumentLeft(name, status or "LEFT_UNIVERSE"))
            gone = tuple(name for name in left if not self._open_in(name))
            feed.remove(gone)
            kept = tuple(name for name in symbols if name not in gone)
            for instrument in universe.news(found, brackets, (*kept, *joined), terms):
                terms[instrument.symbol] = instrument
                await self._give(InstrumentArrived(instrument, self._wish.source))
            if joined:
                feed.add(joined)
                await loading.begin(Held(name) for name in joined)
            symbols = (*kept, *joined)

    async def _keep_time(self, rest: Rest) -> None:
        """Set the clock once a minute, and when somebody says that it is off."""
        set_s = time.monotonic()
        while True:
            await asyncio.sleep(CLOCK_LOOK_S)
            if not self._clock_is_off.is_set() and time.monotonic() - set_s < CLOCK_EVERY_S:
                continue
            with suppress(HindsightError):  # what was set before is still right enough
                await set_clock(rest, self._clock)
                await rest.synchronise()  # its own estimate is relative to ours, which has just changed
                set_s = time.monotonic()
                self._clock_is_off.clear()

    async def _stopped(self, stop: threading.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(STOP_LOOK_S)

    async def _close(self, rest: Rest, jobs: Sequence[asyncio.Task[None]]) -> None:
        with self._lock:
            self._early, desk, self._desk = None, self._desk, None
        for job in jobs:
            job.cancel()
        ends = asyncio.gather(*jobs, *((desk.close(),) if desk is not None else ()), return_exceptions=True)
        await asyncio.wait((ends,), timeout=CLOSE_S)
        await rest.close()

    # ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _offer(self, input_: Input, timeout_s: float) -> bool:
        return self._ingress.offer(self._clock.now_ms(), input_, timeout_s)

    async def _give(self, input_: Input) -> None:
        """Hand an input over; while the kernel's door is full the sockets wait."""
        began = time.monotonic()
        while not self._offer(input_, 0.0):
            await asyncio.sleep(min(0.5, FULL_PAUSE_S + (time.monotonic() - began) / 10))


def _deaf(lost_s: float) -> dict[Condition, str]:
    detail = f"no user data stream for {lost_s:.0f} s"
    bounds = (
        (Condition.USER_STREAM_LOST, USER_STREAM_LOST_S),
        (Condition.USER_STREAM_LOST_LONG, USER_STREAM_LOST_LONG_S),
    )
    return {condition: detail for condition, bound_s in bounds if lost_s >= bound_s}


def _prices(feed: MarketFeed) -> Callable[[str], Decimal | None]:
    def price_of(symbol: str) -> Decimal | None:
        row = feed.board.row(symbol)
        return None if row is None or row.mark is None else decimal_of(row.mark)

    return price_of


def _funding(feed: MarketFeed) -> Callable[[str], tuple[Decimal, Decimal]]:
    def funding_of(symbol: str) -> tuple[Decimal, Decimal]:
        row = feed.board.row(symbol)
        if row is None or row.mark is None:
            return ZERO, ZERO
        return decimal_of(row.funding_rate or 0.0), decimal_of(row.mark)

    return funding_of
