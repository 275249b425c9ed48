"""Wires the live system together: store, kernel, market, operator's door, followers, and what is drawn of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Final

import msgspec
from rich.console import RenderableType

from actors.ingress import Ingress
from actors.ports import Head, Reader, Step
from actors.runner import Runner
from domain.base import Input
from domain.market import MINUTE_MS, HistoryArrived
from domain.operations import SessionStarted
from domain.scanning import ScanSummarized
from domain.symbol_state import SymbolState
from infra.cli.view import Footing, LiveView, scan_line
from infra.clock import ScaledClock, wall_ms
from infra.code_version import code_version, strategy_named, strategy_sha256
from infra.door import DoorKeeper
from infra.durability import DurableJournal
from infra.live import LiveSystem
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.moments import iso
from infra.network_calls import NetworkCalls
from infra.patient_history import PatientHistory
from infra.session import begin
from infra.settings import Settings

HISTORY: Final = {"4h": 75, "1h": 300, "15m": 300, "5m": 300, "1m": 300}
"""How many closed candles of each interval a symbol starts with (product.md §2): at most 12.5 days have to be made."""
VENUE: Final = "paper over the synthetic market"


class RunSummary(msgspec.Struct, frozen=True):
    """What a session brought. Counts are of this session, money in USDT, `chain_head` the content hash in hex."""

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
    ) -> None:
        self.title = title
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

    def draw(self) -> RenderableType:
        """Draw the live view."""
        head = self._runner.kernel.head
        then, seq, rate = self._rate
        now = time.monotonic()
        if now - then >= 1.0:
            rate = (head.seq - seq) / (now - then)
            self._rate = (now, head.seq, rate)
        held = head.input_seq - self._journal.durable_input()
        return self._view.render(Footing(head.at_ms, rate, self._journal.commits(), held, self._ingress.conflated))

    def stop(self, reason: str) -> None:
        """Stop cleanly, or raise what ended the system."""
        self._live.stop(reason)
        if self._live.error is not None:
            raise self._live.error

    def summary(self, seconds: float) -> RunSummary:
        """Sum the session up."""
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
        )


@contextmanager
def opened(url: str | None, settings: Settings, announce: Callable[[str], None] | None = None) -> Generator[System]:
    """Open the live run (in memory if there is no URL) and start the system; the block stops it.

    `announce` is told each scan summary in a line, with the network calls that were measured since the last one.
    """
    with ExitStack() as stack:
        started = SessionStarted(
            config=settings.config,
            code_version=code_version(),
            strategy_sha256=strategy_sha256(settings.strategy.name),
            venue=VENUE,
            market=f"synthetic, seed {settings.market.seed}",
        )
        journal, reader, door, follow = _stored(url, settings, stack)
        view = LiveView(f"{VENUE} x{settings.market.speed:g}")
        market = SyntheticMarket(settings.market.seed, settings.market.symbols)
        before = Beginning(reader.head(), journal.commits())
        start_ms = before.head.at_ms or wall_ms() // MINUTE_MS * MINUTE_MS
        on_step: Callable[[Step], None] = view.take
        if announce is not None:
            on_step = _both(on_step, _Announcing(announce, stack.enter_context(NetworkCalls())).take)
        if door is not None:
            on_step = _both(on_step, door.note)
        runner = begin(
            journal, reader, strategy_named, started, start_ms, on_step=on_step, history=PatientHistory(journal)
        )
        view.adopt(runner.kernel.population)
        _load(runner, market, start_ms)
        ingress = Ingress()
        clock = ScaledClock(start_ms, settings.market.speed)
        source = Ticking(market, settings.market.tick_ms)
        live = LiveSystem(runner, journal, clock, source, ingress, door=door, follow=follow)
        live.start()
        yield System(live, runner, journal, view, ingress, before, f"{VENUE}, {len(market.symbols)} symbols")


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
    url: str | None, settings: Settings, stack: ExitStack
) -> tuple[DurableJournal, Reader, DoorKeeper | None, Callable[[threading.Event], None] | None]:
    if url is None:
        journal = MemoryJournal()
        return journal, journal, None, None
    from infra import store
    from infra.postgres import runs
    from infra.postgres.following import follower_of

    journal = store.open_live(url, settings, VENUE, "market", lambda _: None)
    stack.callback(journal.close)
    _, tables, reader = stack.enter_context(store.reading(url, runs.LIVE))
    door = DoorKeeper(url, tables, stack.enter_context(store.reading(url, runs.LIVE))[2], journal.durable_input)
    follower = stack.enter_context(follower_of(url, tables.schema))
    return journal, reader, door, follower.run


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


def _both(first: Callable[[Step], None], second: Callable[[Step], None]) -> Callable[[Step], None]:
    def take(step: Step) -> None:
        first(step)
        second(step)

    return take
