"""Wires the live system together: store, kernel, market or exchange, operator's door, followers, and what is drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
from rich.console import ConsoleDimensions, RenderableType

from actors.ingress import Ingress
from actors.outbox import Outbox
from actors.ports import Head, Reader, Step
from actors.runner import Runner
from domain.base import Input, Issued
from domain.errors import HindsightError
from domain.market import MINUTE_MS, HistoryArrived
from domain.operations import SessionStarted
from domain.scan.decider import ScanSummarized
from domain.symbol.state import SymbolState
from infra.cli.view import Footing, LiveView, scan_line
from infra.clock import Clock, ScaledClock, wall_ms
from infra.code_version import code_version, strategy_named, strategy_sha256
from infra.door import DoorKeeper
from infra.durability import DurableJournal
from infra.live import Inflow, LiveSystem, Scheduled
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.moments import iso
from infra.network_calls import NetworkCalls
from infra.outside import Outside
from infra.patient_history import PatientHistory
from infra.places import Place
from infra.session import begin
from infra.settings import Settings
from infra.stopping import heed

HISTORY: Final = {"4h": 75, "1h": 300, "15m": 300, "5m": 300, "1m": 300}
"""How many closed candles of each interval a symbol starts with (product.md §2): at most 12.5 days have to be made."""


class RunSummary(msgspec.Struct, frozen=True):
    """What a session brought. Counts are of this session, money in USDT, `chain_head` the content hash in hex.

    `api_calls` were sent to the exchange over REST, `candle_calls` of them for candles.
    """

    run_id: str
    inputs: int
    events: int
    commits: int
    signals: int
    positions_opened: int
    positions_closed: int
    orders: int
    realized_pnl: Decimal
    balance: Decimal
    chain_head: str
    elapsed_seconds: float
    api_calls: int = 0
    candle_calls: int = 0


class Beginning(msgspec.Struct, frozen=True):
    """Where the history ended when the session began."""

    head: Head
    commits: int


class System:
    """A live system and its picture. All methods are for the main thread."""

    def __init__(
        self,
        live: LiveSystem,
        runner: Runner,
        journal: DurableJournal,
        view: LiveView,
        ingress: Ingress,
        before: Beginning,
        title: str,
        outside: Outside | None = None,
        warm_up: WarmUp | None = None,
    ) -> None:
        self.title = title
        self._outside = outside
        self._warm_up = warm_up or WarmUp()
        self._live = live
        self._runner = runner
        self._journal = journal
        self._view = view
        self._ingress = ingress
        self._before = before
        self._rate = (time.monotonic(), runner.kernel.head.seq, 0.0)

    @property
    def ended(self) -> bool:
        """Whether the system stopped by itself, or stands still."""
        return self._live.error is not None or self.stalled

    @property
    def stalled(self) -> bool:
        """Whether the kernel makes no progress although it could."""
        return self._live.stalled()

    def warm(self, within_s: float = 0.0) -> bool:
        """Whether every history that could be had is there, or will be in so many seconds: those are waited for."""
        return self._outside is None or self._outside.live is None or self._outside.live.ready.wait(within_s)

    @property
    def warming(self) -> tuple[int, int | None]:
        """How many requests for histories are done, and of how many; None while nobody knows."""
        return self._warm_up.done, self._warm_up.calls

    @property
    def not_loaded(self) -> tuple[str, ...]:
        """What of the histories and the fundings could not be had, a sentence each."""
        live = self._outside.live if self._outside is not None else None
        histories = live.loaded.failed if live is not None and live.loaded is not None else ()
        return (*self._warm_up.failed, *histories)

    def look_after(self) -> bool:
        """Start the simulator again if it died; true if that was needed."""
        return self._outside is not None and self._outside.look_after()

    def draw(self, size: ConsoleDimensions) -> RenderableType:
        """Draw the live view for a terminal of this size."""
        head = self._runner.kernel.head
        then, seq, rate = self._rate
        now = time.monotonic()
        if now - then >= 1.0:
            rate = (head.seq - seq) / (now - then)
            self._rate = (now, head.seq, rate)
        held = head.input_seq - self._journal.durable_input()
        return self._view.render(
            Footing(head.at_ms, rate, self._journal.commits(), held, self._ingress.conflated), size
        )

    def note(self, what: str) -> None:
        """Tell something in the live view."""
        self._view.note(self._runner.kernel.head.at_ms, what)

    def stop(self, reason: str) -> None:
        """Stop cleanly, or raise what ended the system."""
        self._live.stop(reason)
        if self._outside is not None:
            self._outside.close()
        if self._live.error is not None:
            raise self._live.error

    def summary(self, seconds: float) -> RunSummary:
        """Sum the session up."""
        api_calls, candle_calls = self._outside.calls() if self._outside is not None else (0, 0)
        head, totals, before = self._runner.kernel.head, self._view.totals, self._before
        return RunSummary(
            run_id="live",
            inputs=head.input_seq - before.head.input_seq,
            events=head.seq - before.head.seq,
            commits=self._journal.commits() - before.commits,
            signals=totals.signals,
            positions_opened=totals.opened,
            positions_closed=totals.closed,
            orders=totals.orders,
            realized_pnl=totals.realized_pnl,
            balance=totals.balance,
            chain_head=head.content_hash.hex(),
            elapsed_seconds=round(seconds, 3),
            api_calls=api_calls,
            candle_calls=candle_calls,
        )


@contextmanager
def opened(
    url: str | None,
    settings: Settings,
    place: Place,
    announce: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Generator[System]:
    """Open the live run (in memory if there is no URL) and start the system; the block stops it.

    `announce` is told each scan summary in a line, with the network calls that were measured since the last one.
    Raises `Stopped` if `stop` is set before the system runs.
    """
    with ExitStack() as stack:
        vain = _Vain(url)
        stack.callback(vain.forget)  # runs last: the run is nobody's by then
        parts = _Parts()
        outbox = Outbox(parts.carry_out, parts.may_leave)
        store = _stored(url, settings, place, outbox.release, stack)
        heed(stop)
        journal = parts.journal = store.journal
        outside = parts.outside = None if place.in_process else Outside(place, settings, store.epoch)
        view = LiveView(place.venue if place.speed == 1.0 else f"{place.venue} x{place.speed:g}")
        before = Beginning(store.reader.head(), journal.commits())
        vain.attempt = outside is not None and before.head.input_seq == 0
        told = None if announce is None else _Announcing(announce, stack.enter_context(NetworkCalls()))
        runner = begin(
            journal,
            store.reader,
            strategy_named,
            _session(settings, place),
            before.head.at_ms or _opening_ms(outside, stop),
            outbox=outbox,
            on_step=_all(view.take, told and told.take, store.door and store.door.note, outside and outside.take),
            history=PatientHistory(journal),
            outside=(settings.account.name,) if place.over_the_wire else (),
        )
        view.adopt(runner.kernel.population)
        ingress = Ingress()
        warm_up = WarmUp()
        if outside is None:
            clock, inflow, symbols = _in_process(runner, settings, ingress)
        else:
            stack.callback(outside.close)
            clock, inflow, symbols = _connected(outside, runner, ingress, warm_up, stop)
            vain.attempt = False
        heed(stop)
        live = LiveSystem(runner, journal, clock, inflow, ingress, door=store.door, follow=store.follow)
        live.start()
        title = f"{place.venue}, {symbols} symbols"
        yield System(live, runner, journal, view, ingress, before, title, outside, warm_up)


def _opening_ms(outside: Outside | None, stop: threading.Event | None) -> int:
    return wall_ms() // MINUTE_MS * MINUTE_MS if outside is None else outside.opening_ms(stop)


class _Parts:
    """What the outbox needs and what is made after it: effects leave while the lease is ours."""

    def __init__(self) -> None:
        self.journal: DurableJournal | None = None
        self.outside: Outside | None = None

    def carry_out(self, issued: Issued) -> None:
        """Hand an effect to the exchange outside."""
        if self.outside is not None:
            self.outside.carry_out(issued)

    def may_leave(self) -> bool:
        """Whether the store is ours at this instant."""
        return self.journal is not None and self.outside is not None and self.journal.lease_valid()


class _Vain:
    """A first start that never reached its exchange leaves no run: a run is bound to its venue for good.

    Nothing has left the process by then, and all that stands in the history is that a session began.
    """

    def __init__(self, url: str | None) -> None:
        self.attempt = False
        self._url = url

    def forget(self) -> None:
        """Drop the run if the attempt was in vain."""
        if not self.attempt or self._url is None:
            return
        from infra.postgres import runs

        with suppress(HindsightError):  # what ended the attempt is what the user has to hear
            runs.delete(self._url, runs.LIVE)


def _session(settings: Settings, place: Place) -> SessionStarted:
    return SessionStarted(
        config=settings.config,
        code_version=code_version(),
        strategy_sha256=strategy_sha256(settings.strategy.name),
        venue=place.venue,
        market=place.market,
    )


def _in_process(runner: Runner, settings: Settings, ingress: Ingress) -> tuple[Clock, Inflow, int]:
    """Let the synthetic market run in this process."""
    market = SyntheticMarket(settings.market.seed, settings.market.symbols)
    start_ms = runner.kernel.head.at_ms
    _load(runner, market, start_ms)
    clock = ScaledClock(start_ms, settings.market.speed)
    source = Ticking(market, settings.market.tick_ms)
    return clock, Scheduled(source, runner.kernel.head.at_ms, clock, ingress), len(market.symbols)


def _connected(
    outside: Outside, runner: Runner, ingress: Ingress, warm_up: WarmUp, stop: threading.Event | None
) -> tuple[Clock, Inflow, int]:
    """Reach the exchange outside, and bring in its contracts and the funding that passed meanwhile."""
    arrival = outside.open(runner.kernel.population, runner.kernel.head.at_ms, stop)
    for instrument in outside.instruments(arrival):
        runner.feed(outside.clock.now_ms(), instrument)
    for funding in arrival.missed.fundings:
        runner.feed(outside.clock.now_ms(), funding)
    warm_up.failed = arrival.missed.failed
    return outside.clock, outside.connect(arrival, ingress, warm_up.told), len(arrival.symbols)


class WarmUp:
    """How far the histories are. Written by the exchange's thread, read by the main one."""

    def __init__(self) -> None:
        self.done = 0
        self.calls: int | None = None
        self.failed: tuple[str, ...] = ()

    def told(self, done: int, calls: int) -> None:
        """Note how many of so many requests are done."""
        self.done, self.calls = done, calls


class Stored(NamedTuple):
    """An open store; `door` and `follow` only where there is a database."""

    journal: DurableJournal
    reader: Reader
    epoch: str = ""
    door: DoorKeeper | None = None
    follow: Callable[[threading.Event], None] | None = None


class _Announcing:
    """Tells each scan summary in a line."""

    def __init__(self, announce: Callable[[str], None], calls: NetworkCalls) -> None:
        self._announce = announce
        self._calls = calls
        self._counted = 0

    def take(self, step: Step) -> None:
        for recorded in step.events:
            if isinstance(recorded.event, ScanSummarized):
                made, self._counted = self._calls.count - self._counted, self._calls.count
                self._announce(
                    f"{iso(recorded.event.time_ms)} {scan_line(recorded.event.summary)}; {made} network calls"
                )


def _stored(
    url: str | None, settings: Settings, place: Place, release: Callable[[int], object], stack: ExitStack
) -> Stored:
    def on_durable(input_seq: int) -> None:
        release(input_seq)

    if url is None:
        journal = MemoryJournal(on_durable)
        return Stored(journal, journal)
    from infra import store
    from infra.postgres import runs
    from infra.postgres.following import follower_of

    journal = store.open_live(url, settings, place.venue, place.clock, on_durable)
    stack.callback(journal.close)
    info, tables, reader = stack.enter_context(store.reading(url, runs.LIVE))
    door = DoorKeeper(url, tables, stack.enter_context(store.reading(url, runs.LIVE))[2], journal.durable_input)
    follower = stack.enter_context(follower_of(url, tables.schema))
    return Stored(journal, reader, info.epoch, door, follower.run)


class Ticking:
    """The synthetic market as a source: taken up a moment early, so that what a crash lost of it comes again."""

    def __init__(self, market: SyntheticMarket, tick_ms: int) -> None:
        self._market = market
        self._tick_ms = tick_ms

    def feed(self, start_ms: int) -> Iterator[tuple[int, Input]]:
        """Give all that comes in from `start_ms` on, what is due then included."""
        yield from self._market.feed(start_ms - 1, self._tick_ms)


def _load(runner: Runner, market: SyntheticMarket, start_ms: int) -> None:
    """Bring in the contracts, and the history of symbols that have none."""
    for instrument in market.instruments():
        runner.feed(start_ms, instrument)
    for symbol in market.symbols:
        actor = runner.kernel.population.get(f"symbol:{symbol}")
        known = actor is not None and isinstance(actor.state, SymbolState) and actor.state.frames.last is not None
        if not known:
            for interval, count in HISTORY.items():
                candles = market.history(symbol, interval, start_ms, count)
                runner.feed(start_ms, HistoryArrived(symbol, interval, candles))


def _all(*listeners: Callable[[Step], None] | None) -> Callable[[Step], None]:
    asked = tuple(listener for listener in listeners if listener is not None)

    def take(step: Step) -> None:
        for listener in asked:
            listener(step)

    return take
