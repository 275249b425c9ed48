"""The live system: a market's inputs through the kernel as they come, on a handful of threads.

inflow thread ──▶ Ingress ──▶ kernel thread ──▶ journal's writer thread ──▶ PostgreSQL ──▶ follower thread
door thread  ───▶    │            │
(operator)           ▼            └── on_step ──▶ what the terminal shows
                conflation
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Final, Protocol

from actors.ingress import Ingress
from actors.runner import Runner
from domain.base import Input
from domain.operations import ClockTicked, Condition, ConditionChanged, SessionEnded
from infra.clock import Clock
from infra.door import DoorKeeper
from infra.durability import DurableJournal, StoreState

IDLE_S: Final = 0.2
STALL_S: Final = 60.0
LOST_LONG_S: Final = 60.0
STOP_S: Final = 5.0
CONFLATED_S: Final = 10.0
"""The condition CONFLATED ends when so long nothing was merged, so that a busy minute is one event, not hundreds."""


class Inflow(Protocol):
    """Where inputs come from: a market in process, or an exchange outside with its streams and answers."""

    def run(self, stop: threading.Event) -> None:
        """Offer inputs to the kernel's door until `stop` is set, on a thread of its own; an error ends the run."""
        ...

    def conditions(self) -> Mapping[Condition, str]:
        """Name the conditions that hold now, each with a detail; from any thread."""
        ...


class Source(Protocol):
    """A market in market time: what is due from a moment on, in order."""

    def feed(self, start_ms: int) -> Iterator[tuple[int, Input]]:
        """Give dated inputs."""
        ...


class Scheduled:
    """A source as an inflow: everything is offered when it is due."""

    def __init__(self, source: Source, start_ms: int, clock: Clock, ingress: Ingress) -> None:
        self._source = source
        self._start_ms = start_ms
        self._clock = clock
        self._ingress = ingress

    def run(self, stop: threading.Event) -> None:
        """Offer what is due until `stop` is set."""
        for due_ms, input_ in self._source.feed(self._start_ms):
            if not self._clock.sleep_until(due_ms, stop):
                return
            if not self._ingress.offer(max(due_ms, self._clock.now_ms()), input_):
                return

    def conditions(self) -> Mapping[Condition, str]:
        """A market in process is always there."""
        return {}


class LiveSystem:
    """Runs until `stop` is called, the kernel fails, or progress stalls. All methods are for the main thread."""

    def __init__(
        self,
        runner: Runner,
        journal: DurableJournal,
        clock: Clock,
        inflow: Inflow,
        ingress: Ingress,
        *,
        door: DoorKeeper | None = None,
        follow: Callable[[threading.Event], None] | None = None,
    ) -> None:
        self._runner = runner
        self._journal = journal
        self._clock = clock
        self._inflow = inflow
        self._door = door
        self._follow = follow
        self._ingress = ingress
        self._stopping = threading.Event()
        self._progress = time.monotonic()
        self._reported: dict[Condition, bool] = {}
        self._conflated = 0
        self._conflated_at = -CONFLATED_S
        self._lost_at: float | None = None
        self.error: Exception | None = None
        self._inner = [self._thread("inflow", self._read), self._thread("kernel", self._drive)]
        self._outer = [self._thread("door", self._watch_door), self._thread("follower", self._follow_views)]

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)

    def start(self) -> None:
        """Start all threads."""
        for thread in (*self._inner, *self._outer):
            thread.start()

    @property
    def stopping(self) -> threading.Event:
        """Set when the system is about to stop."""
        return self._stopping

    def stalled(self) -> bool:
        """Whether the kernel has made no progress for a minute although the database answers (product.md §8)."""
        waiting_for_disk = self._journal.condition().state is StoreState.LOST
        return not waiting_for_disk and time.monotonic() - self._progress > STALL_S

    def stop(self, reason: str) -> None:
        """Take no more work, finish what waits, end the session, checkpoint, and make all of it durable."""
        deadline = time.monotonic() + STOP_S
        self._stopping.set()
        self._ingress.close()
        if _joined(self._inner, deadline) and self.error is None:
            self._runner.feed(self._clock.now_ms(), SessionEnded(reason))
            self._runner.checkpoint()
        self._journal.close()
        _joined(self._outer, deadline)

    # ── the threads ───────────────────────────────────────────────────────────────────────────────────────────────

    def _guarded(self, work: Callable[[], None]) -> None:
        """Run a thread's work; whatever ends it ends the system."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the outermost loop of a shell: the main thread raises it again
            self.error = self.error or error
            self._stopping.set()
            self._ingress.close()

    def _read(self) -> None:
        self._inflow.run(self._stopping)

    def _watch_door(self) -> None:
        if self._door is not None:
            self._door.watch(lambda wish: self._ingress.offer(self._clock.now_ms(), wish), self._stopping)

    def _follow_views(self) -> None:
        if self._follow is not None:
            self._follow(self._stopping)

    def _drive(self) -> None:
        while True:
            self._progress = time.monotonic()
            if self._journal.error is not None:
                raise self._journal.error
            if not self._journal.wait_for_room(IDLE_S):
                continue  # at the bound no input is taken; what rests at the venue protects
            self._report_conditions()
            item = self._ingress.take(self._wait_s())
            if item is not None:
                self._runner.feed(*item)
                continue
            if self._stopping.is_set():
                return
            now_ms = self._clock.now_ms()
            self._runner.settle(now_ms)
            timer_ms = self._runner.kernel.next_timer_ms()
            if timer_ms is not None and timer_ms <= now_ms:
                self._runner.feed(now_ms, ClockTicked())

    def _wait_s(self) -> float:
        """Wait no longer than until the next timer or the venue's next answer."""
        venue = self._runner.venue
        due = [self._runner.kernel.next_timer_ms(), venue.next_due_ms() if venue else None]
        nearest = min((ms for ms in due if ms is not None), default=None)
        if nearest is None:
            return IDLE_S
        return min(IDLE_S, max(0.0, self._clock.seconds_until(nearest)))

    def _report_conditions(self) -> None:
        """Tell the kernel, as inputs, which conditions of the shell began or ended."""
        store = self._journal.condition()
        now = time.monotonic()
        lost = store.state is StoreState.LOST
        self._lost_at = (now if self._lost_at is None else self._lost_at) if lost else None
        conflated = self._ingress.conflated
        if conflated > self._conflated:
            self._conflated, self._conflated_at = conflated, now
        found = {
            Condition.JOURNAL_LAGGING: store.state is StoreState.LAGGING,
            Condition.JOURNAL_LOST: lost,
            Condition.JOURNAL_LOST_LONG: self._lost_at is not None and now - self._lost_at >= LOST_LONG_S,
            Condition.CONFLATED: now - self._conflated_at < CONFLATED_S,
            Condition.FEED_STALE: False,
            Condition.HISTORY_MISSING: False,
            Condition.USER_STREAM_LOST: False,
            Condition.USER_STREAM_LOST_LONG: False,
        }
        outside = self._inflow.conditions()
        found |= dict.fromkeys(outside, True)
        # What begins is told before what ends: health shall not be good for a moment in between.
        for condition, active in sorted(found.items(), key=itemgetter(1), reverse=True):
            count = conflated if condition is Condition.CONFLATED else 0
            self._report(condition, active, outside.get(condition, ""), count)

    def _report(self, condition: Condition, active: bool, detail: str, count: int) -> None:
        if self._reported.get(condition, False) != active:
            self._reported[condition] = active
            told = ConditionChanged(condition, active, detail if active else "", count)
            self._runner.feed(self._clock.now_ms(), told)


def _joined(threads: Iterable[threading.Thread], deadline: float) -> bool:
    """Wait for threads to end; false if one did not in time."""
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
