"""What a symbol needs from before now, and only that: planned from what history already holds, fetched concurrently.

    cold   six intervals and open interest, all as of one moment ──▶ HistoryArrived …, OpenInterestArrived
    stale  after more than two days: as cold, and what is held is forgotten with the first of the histories
    warm   the 1m candles between the last known one and now     ──▶ CandleArrived, late, by time over all symbols

A larger bucket that closes between two histories would be missing for good, hence the one moment. What can't be had is
said and the rest goes on: a symbol without history warms up from the streams. Who can wait asks for *whole* symbols:
then of one that nobody answered for nothing is told, and it is named as missing (`loading.py` asks again).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from domain.base import Input
from domain.errors import HindsightError, Unavailable
from domain.flow import HOUR_MS
from domain.market import (
    INTERVALS_MS,
    MINUTE_MS,
    Candle,
    CandleArrived,
    HistoryArrived,
    OpenInterestArrived,
)
from domain.market_view import HOURS_KEPT, ReferenceHoursArrived
from infra.binance.wire.market_bodies import OpenInterestPoint

CANDLES: Final[Mapping[str, int]] = {"1d": 100, "4h": 200, "1h": 300, "15m": 300, "5m": 300, "1m": 300}
"""How many closed candles a symbol starts with (product.md §2), the longest interval first."""
OPEN_INTEREST_HOURS: Final = 200
INTEREST: Final = "open interest"
CALL_MAX: Final = 1_500
GAP_MINUTES_MAX: Final = 2 * 24 * 60
"""A longer absence is not filled minute by minute: reading it would take longer than to begin anew, which is done."""
PARALLEL: Final = 64
"""Requests at once: at 2.6 s an answer, the thousand calls of 140 symbols still take less than a minute."""
Deliver = Callable[[Input], Awaitable[object]]


class Held(msgspec.Struct, frozen=True):
    """What history already knows of a symbol: the newest base candle, the intervals that are filled.

    `open_interest_ms` is the newest full hour of which the open interest is known, 0 if none is.
    """

    symbol: str
    last_open_ms: int | None = None
    intervals: tuple[str, ...] = ()
    open_interest_ms: int = 0


class Ask(msgspec.Struct, frozen=True):
    """Candles to fetch, of open times in [`start_ms`, `end_ms`). `gap`: they follow what is held; `anew`: they are
    told in its place.
    """

    symbol: str
    interval: str
    start_ms: int
    end_ms: int
    gap: bool = False
    anew: bool = False

    @property
    def count(self) -> int:
        """How many candles that is."""
        return (self.end_ms - self.start_ms) // INTERVALS_MS[self.interval]


class Plan(msgspec.Struct, frozen=True):
    """All that is missing as of one moment."""

    now_ms: int
    asks: tuple[Ask, ...]
    open_interest: tuple[str, ...] = ()
    references: tuple[Ask, ...] = ()

    @property
    def calls(self) -> int:
        """How many requests that takes."""
        return sum(-(-ask.count // CALL_MAX) for ask in (*self.asks, *self.references)) + len(self.open_interest)


class Missing(msgspec.Struct, frozen=True):
    """What nobody answered for and may be asked for again, by symbol; `retry_after_ms` if it was said when (else 0)."""

    symbols: tuple[str, ...] = ()
    open_interest: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    retry_after_ms: int = 0
    reason: str = ""

    @property
    def nothing(self) -> bool:
        """True if all is there that can be had."""
        return not (self.symbols or self.open_interest or self.references)


class Loaded(msgspec.Struct, frozen=True):
    """What a load brought. `failed` says in sentences what could not be had."""

    candle_calls: int
    candles: int
    symbols: int
    failed: tuple[str, ...]
    missing: Missing = Missing()


class Source(Protocol):
    """Who has the past: `market_data.MarketData`."""

    async def candles(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> tuple[Candle, ...]:
        """Give closed candles that open in [start, end]."""
        ...

    async def open_interest_history(
        self, symbol: str, period: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[OpenInterestPoint]:
        """Give open interest by period."""
        ...


def plan(
    held: Iterable[Held], now_ms: int, *, candles: bool = True, references: Mapping[str, int] | None = None
) -> Plan:
    """Say what is missing at `now_ms`. Without `candles` no candle is asked for (`binance.disable_rest_fallback`).

    `references` are contracts that only their closed hours are wanted of, with the close of the newest known one.
    """
    asks: list[Ask] = []
    interest: list[str] = []
    for known in held:
        if candles:
            asks += _asks(known, now_ms)
        if known.open_interest_ms < now_ms - now_ms % HOUR_MS - HOUR_MS:
            interest.append(known.symbol)
    hours = [_hours(name, newest_ms, now_ms) for name, newest_ms in (references or {}).items()] if candles else []
    return Plan(now_ms, tuple(asks), tuple(interest), tuple(ask for ask in hours if ask.count > 0))


def _hours(reference: str, newest_ms: int, now_ms: int) -> Ask:
    end_ms = now_ms - now_ms % HOUR_MS
    return Ask(reference, "1h", max(newest_ms, end_ms - HOURS_KEPT * HOUR_MS), end_ms)


def _asks(known: Held, now_ms: int) -> list[Ask]:
    last_ms = known.last_open_ms
    closed_ms = now_ms - now_ms % MINUTE_MS
    if last_ms is not None and closed_ms - last_ms > GAP_MINUTES_MAX * MINUTE_MS:
        return [msgspec.structs.replace(_last_closed(known.symbol, name, now_ms), anew=True) for name in CANDLES]
    # What is held ends at its newest candle: histories that are missing must fit to that moment, not to now.
    moment_ms = now_ms if last_ms is None else last_ms + MINUTE_MS
    asks = [_last_closed(known.symbol, interval, moment_ms) for interval in CANDLES if interval not in known.intervals]
    if last_ms is not None and closed_ms > moment_ms:
        asks.append(Ask(known.symbol, "1m", moment_ms, closed_ms, gap=True))
    return asks


def _last_closed(symbol: str, interval: str, moment_ms: int) -> Ask:
    interval_ms = INTERVALS_MS[interval]
    end_ms = moment_ms - moment_ms % interval_ms
    return Ask(symbol, interval, end_ms - CANDLES[interval] * interval_ms, end_ms)


def contiguous(candles: Sequence[Candle], interval: str) -> tuple[Candle, ...]:
    """Give the newest candles without a gap: an exchange in maintenance leaves holes."""
    opens = [candle.open_time_ms for candle in candles]
    if opens and opens == [*range(opens[0], opens[-1] + 1, INTERVALS_MS[interval])]:
        return tuple(candles)  # as nearly always
    first = len(candles) - 1
    while first > 0 and candles[first].open_time_ms - candles[first - 1].open_time_ms == INTERVALS_MS[interval]:
        first -= 1
    return tuple(candles[max(0, first) :])


class Loader:
    """Fetches a plan and delivers inputs: a symbol's histories when all of them are there, gaps when all are.

    Of a symbol that the exchange did not answer for at all nothing is delivered; `whole`: nor of one that it did not
    answer for in part.
    """

    def __init__(
        self,
        source: Source,
        deliver: Deliver,
        progress: Callable[[int], None] = lambda _: None,
        *,
        whole: bool = False,
    ) -> None:
        self._source = source
        self._deliver = deliver
        self._progress = progress
        self._whole = whole
        self._unanswered: dict[tuple[str, str], Unavailable] = {}
        self._slots = asyncio.Semaphore(PARALLEL)
        self._failed: list[str] = []
        self._counts: Counter[str] = Counter()

    async def load(self, wanted: Plan) -> Loaded:
        """Load everything; what fails is reported and does not stop the rest."""
        symbols = dict.fromkeys([*(ask.symbol for ask in wanted.asks), *wanted.open_interest])
        # One gather around both: a part that nobody waits for yet would complain when a stop cancels it.
        gaps, _ = await asyncio.gather(
            asyncio.gather(*(self._symbol(symbol, wanted) for symbol in symbols)),
            asyncio.gather(*(self._reference(ask) for ask in wanted.references)),
        )
        late = sorted((arrived for gap in gaps for arrived in gap), key=lambda a: (a.candle.open_time_ms, a.symbol))
        for arrived in late:
            await self._deliver(arrived)
        return Loaded(
            self._counts["calls"],
            self._counts["candles"],
            len(symbols),
            tuple(self._failed),
            self._missing(wanted, symbols),
        )

    def _missing(self, wanted: Plan, symbols: Iterable[str]) -> Missing:
        last = max(self._unanswered.values(), key=lambda error: error.retry_after_ms or 0, default=None)
        return Missing(
            tuple(name for name in symbols if self._lacks(ask for ask in wanted.asks if ask.symbol == name)),
            tuple(name for name in wanted.open_interest if (name, INTEREST) in self._unanswered),
            tuple(ask.symbol for ask in wanted.references if self._lacks((ask,))),
            (last.retry_after_ms if last else None) or 0,
            last.detail if last else "",
        )

    def _lacks(self, asks: Iterable[Ask]) -> bool:
        """Tell whether so much of these was not answered that the rest is not told either."""
        lacking = [(ask.symbol, ask.interval) in self._unanswered for ask in asks]
        return any(lacking) if self._whole else bool(lacking) and all(lacking)

    async def _reference(self, ask: Ask) -> None:
        hours = tuple((c.open_time_ms + HOUR_MS, c.high, c.low, c.close) for c in await self._candles(ask))
        if hours:
            await self._deliver(ReferenceHoursArrived(ask.symbol, hours))

    async def _symbol(self, symbol: str, wanted: Plan) -> list[CandleArrived]:
        """Deliver a symbol's histories, and give the candles that follow what is held."""
        asks = [ask for ask in wanted.asks if ask.symbol == symbol]
        found, points = await asyncio.gather(
            asyncio.gather(*(self._candles(ask) for ask in asks)), self._open_interest(symbol, wanted)
        )
        if self._lacks(asks):
            return []  # of another moment than what comes later, it would not fit
        gap: list[CandleArrived] = []
        held = True  # until a history that takes its place is told: what fails entirely leaves what is held
        for ask, candles in zip(asks, found, strict=True):
            if ask.gap:
                gap += (CandleArrived(symbol, candle, late=True) for candle in candles)
            elif candles:
                history = contiguous(candles, ask.interval)
                await self._deliver(HistoryArrived(symbol, ask.interval, history, anew=ask.anew and held))
                held = False
        if points:
            await self._deliver(OpenInterestArrived(symbol, points))
        return gap

    async def _candles(self, ask: Ask) -> tuple[Candle, ...]:
        found: list[Candle] = []
        interval_ms = INTERVALS_MS[ask.interval]
        for start_ms in range(ask.start_ms, ask.end_ms, CALL_MAX * interval_ms):
            end_ms = min(ask.end_ms, start_ms + CALL_MAX * interval_ms)
            try:
                async with self._slots:
                    self._counts["calls"] += 1
                    count = (end_ms - start_ms) // interval_ms
                    found += await self._source.candles(ask.symbol, ask.interval, start_ms, end_ms - 1, count)
            except HindsightError as error:
                self._fail(ask.symbol, ask.interval, error)
                break
            finally:
                self._done()
        self._counts["candles"] += len(found)
        return tuple([candle for candle in found if ask.start_ms <= candle.open_time_ms < ask.end_ms])

    async def _open_interest(self, symbol: str, wanted: Plan) -> tuple[tuple[int, float], ...]:
        if symbol not in wanted.open_interest:
            return ()
        end_ms = wanted.now_ms - wanted.now_ms % HOUR_MS
        try:
            async with self._slots:
                points = await self._source.open_interest_history(
                    symbol, "1h", end_ms - OPEN_INTEREST_HOURS * HOUR_MS, end_ms, OPEN_INTEREST_HOURS
                )
        except HindsightError as error:
            self._fail(symbol, INTEREST, error)
            return ()
        finally:
            self._done()
        return tuple((point.time_ms, point.open_interest_value) for point in points)

    def _fail(self, symbol: str, what: str, error: HindsightError) -> None:
        self._failed.append(f"{symbol} {what}: {error}")
        if isinstance(error, Unavailable):  # everything else would be refused again
            self._unanswered[symbol, what] = error

    def _done(self) -> None:
        self._counts["done"] += 1
        self._progress(self._counts["done"])
