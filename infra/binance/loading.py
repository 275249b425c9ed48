"""Histories until none is missing: one round at the start, and further ones for what nobody answered for.

    begin ──▶ round ──all there──▶ ready: the symbol's candles follow
                ▲  └──unanswered──▶ postponed: nothing of it is told, it is not analysed; the others are
                └── when the ban is over, or after a back-off, as of that moment ◀──┘

A ban says how long it lasts and is waited out, however long. Where the exchange simply does not answer, from the round
`TRIES` on a part is taken if no more is to be had: such a symbol warms up from the streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

import msgspec

from domain.market import MINUTE_MS
from infra.binance.back_off import BackOff, BackOffPolicy
from infra.binance.calls import PATIENCE_MS
from infra.binance.history import Deliver, Held, Loaded, Loader, Missing, Plan, Source, plan
from infra.clock import ExchangeClock

TRIES: Final = 6
SETTLE_MS: Final = 1_000
"""A candle that closed just now may not be in the answer yet: so long it is waited for before anything is asked."""
MARGIN_S: Final = 1.0
NAMED: Final = 5


class Streams(Protocol):
    """Who holds candles of the streams back until their histories are there: `market_feed.MarketFeed`."""

    def begin(self, symbols: Iterable[str], next_ms: int) -> None:
        """Say which candle is the first that is wanted."""
        ...

    async def ready(self, symbols: Iterable[str]) -> None:
        """Let the candles follow."""
        ...

    def postpone(self, symbols: Iterable[str]) -> None:
        """Forget the candles that came so far, and those to come until `begin`."""
        ...

    def follows(self, symbol: str) -> bool:
        """Tell whether the symbol is still listened to."""
        ...


class Loading:
    """Loads what is missing, and says what still is. `pause` waits for so many real seconds."""

    def __init__(
        self,
        source: Source,
        streams: Streams,
        clock: ExchangeClock,
        deliver: Deliver,
        *,
        candles: bool = True,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._streams = streams
        self._clock = clock
        self._deliver = deliver
        self._candles = candles
        self._progress = progress
        self._pause = pause
        self._back_off = BackOff(BackOffPolicy(), lambda: 0.5)
        self._tries = 0
        self._held: dict[str, Held] = {}
        self._known_hours: dict[str, int] = {}
        self._missing = Missing()
        self._wanted = asyncio.Event()
        self.loaded: Loaded | None = None

    @property
    def missing(self) -> str:
        """Say what is missing and why; "" if nothing is. From any thread."""
        lacks = self._missing
        names = list(dict.fromkeys((*lacks.symbols, *lacks.references, *lacks.open_interest)))
        if not names:
            return ""
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"histories of {', '.join(names[:NAMED])}{more} are missing: {lacks.reason}"

    async def begin(self, held: Iterable[Held], known_hours: Mapping[str, int] | None = None) -> None:
        """Load what these symbols, and the hours of references, lack; what nobody answers for is left to `run`."""
        added = {each.symbol: each for each in held}
        self._held |= added
        self._known_hours |= known_hours or {}
        moment_ms = await self._settled_ms()
        wanted = plan(added.values(), moment_ms, candles=self._candles, references=known_hours)
        await self._round(wanted, tuple(added.values()))

    async def run(self) -> None:
        """Ask again for what is missing, as often as it takes, until cancelled."""
        while True:
            await self._wanted.wait()
            await self._pause(self._wait_s())
            await self._again()

    def _wait_s(self) -> float:
        said_s = self._missing.retry_after_ms / 1000
        return said_s + MARGIN_S if said_s else self._back_off.failed()

    async def _settled_ms(self) -> int:
        """Give the moment to ask as of (UTC ms), once the newest candle can be in the answers."""
        early_ms = SETTLE_MS - self._clock.now_ms() % MINUTE_MS
        if early_ms > 0:
            await self._pause(early_ms / 1_000 / self._clock.speed)
        return self._clock.now_ms()

    async def _again(self) -> None:
        moment_ms = await self._settled_ms()
        lacks = self._missing
        late = tuple(self._held[name] for name in lacks.symbols if self._streams.follows(name))
        hours = {name: self._known_hours[name] for name in lacks.references}
        asked = plan(late, moment_ms, candles=self._candles, references=hours)
        names = {each.symbol for each in late}
        interest = (name for name in lacks.open_interest if name not in names and self._streams.follows(name))
        wanted = msgspec.structs.replace(asked, open_interest=(*asked.open_interest, *interest))
        await self._round(wanted, late, settled=frozenset((*lacks.symbols, *lacks.open_interest)))

    async def _round(self, wanted: Plan, held: tuple[Held, ...], settled: frozenset[str] = frozenset()) -> None:
        """Load a plan; let the symbols that are complete follow their streams, and note the others."""
        closed_ms = wanted.now_ms - wanted.now_ms % MINUTE_MS
        for each in held:
            known_ms = None if each.last_open_ms is None else each.last_open_ms + MINUTE_MS
            first_ms = closed_ms if self._candles or known_ms is None else known_ms
            self._streams.begin((each.symbol,), max(first_ms, known_ms or 0))
        calls = wanted.calls
        whole = self._tries + 1 < TRIES
        loader = Loader(self._source, self._deliver, lambda done: self._progress(done, calls), whole=whole)
        found = await loader.load(wanted)
        self._note(_names(wanted) | settled, found)
        late = frozenset(found.missing.symbols)
        self._streams.postpone(found.missing.symbols)
        await self._streams.ready(each.symbol for each in held if each.symbol not in late)

    def _note(self, asked: frozenset[str], found: Loaded) -> None:
        """Join what a round found about `asked` to what is known: another may have been for other symbols."""
        before = self.loaded or Loaded(0, 0, 0, ())
        self.loaded = Loaded(
            before.candle_calls + found.candle_calls,
            before.candles + found.candles,
            max(before.symbols, found.symbols),
            (*(said for said in before.failed if said.partition(" ")[0] not in asked), *found.failed),
        )
        self._missing = _joined(self._missing, found.missing, asked)
        if self._missing.nothing:
            self._tries = 0
            self._back_off.succeeded()
            self._wanted.clear()
        else:
            self._tries += self._missing.retry_after_ms <= PATIENCE_MS
            self._wanted.set()


def _names(wanted: Plan) -> frozenset[str]:
    return frozenset((*(ask.symbol for ask in (*wanted.asks, *wanted.references)), *wanted.open_interest))


def _joined(before: Missing, found: Missing, asked: frozenset[str]) -> Missing:
    """Give what is missing after a round about `asked`."""
    return Missing(
        (*(name for name in before.symbols if name not in asked), *found.symbols),
        (*(name for name in before.open_interest if name not in asked), *found.open_interest),
        (*(name for name in before.references if name not in asked), *found.references),
        found.retry_after_ms,
        found.reason or before.reason,
    )
