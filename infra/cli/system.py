"""Wires the live system together: store, kernel, market or exchange, and who hears of every step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress

from actors.ingress import Ingress
from actors.outbox import Outbox
from actors.ports import Step
from actors.runner import Runner
from domain.base import Issued
from domain.errors import HindsightError
from domain.market import MINUTE_MS
from domain.operations import SessionStarted
from domain.scan.decider import ScanSummarized
from infra.cli.in_process import run_in_process
from infra.cli.live_store import open_store
from infra.cli.running import Beginning, System, WarmUp
from infra.cli.view import LiveView, scan_line
from infra.clock import Clock, wall_ms
from infra.code_version import code_version, strategy_named, strategy_sha256
from infra.durability import DurableJournal
from infra.live import Inflow, LiveSystem
from infra.moments import iso
from infra.network_calls import NetworkCalls
from infra.outside import Outside
from infra.patient_history import PatientHistory
from infra.places import Place
from infra.session import begin
from infra.settings import Settings
from infra.stopping import heed


@contextmanager
def opened(
    url: str | None,
    settings: Settings,
    place: Place,
    announce: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Generator[System]:
    """Open the live run (in memory if there is no URL) and start the system; the block stops it.

    `announce` is told each scan summary in a line, with the network calls that were measured since the last one;
    `say` why the start has to wait. Raises `Stopped` if `stop` is set before the system runs.
    """
    with ExitStack() as stack:
        vain = _Vain(url)
        stack.callback(vain.forget)  # runs last: the run is nobody's by then
        parts = _Parts()
        outbox = Outbox(parts.carry_out, parts.may_leave)
        store = open_store(url, settings, place, outbox.release, stack)
        heed(stop)
        journal = parts.journal = store.journal
        outside = parts.outside = None if place.in_process else Outside(place, settings, store.epoch, say)
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
            clock, inflow, symbols = run_in_process(runner, settings, ingress)
        else:
            stack.callback(outside.close)
            outside.beliefs.recall(store.reader)
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


def _all(*listeners: Callable[[Step], None] | None) -> Callable[[Step], None]:
    asked = tuple(listener for listener in listeners if listener is not None)

    def take(step: Step) -> None:
        for listener in asked:
            listener(step)

    return take
