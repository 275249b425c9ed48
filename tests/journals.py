"""A journal under test, and what surrounds it: an outbox, a clock with jumps, and steps to append."""

from __future__ import annotations

import threading
from collections.abc import Callable

from histories import Author

from actors.ports import Step
from infra.durability import DurableJournal, StoreState
from infra.postgres.backlog import Limits
from infra.postgres.journal import PostgresJournal, Timing
from infra.postgres.lease import machine_ms
from infra.postgres.tables import Tables

WAIT_S = 10.0
QUICK = Timing(retry_ms_min=1, retry_ms_max=20, renew_ms=20, lock_wait_ms=2_000)


class Clock:
    """The machine's clock, with jumps."""

    def __init__(self) -> None:
        self.jumped_ms = 0

    def __call__(self) -> int:
        return machine_ms() + self.jumped_ms


class Watch:
    """An `on_durable` that notes what it was told, and whether effects could leave then."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.journal: DurableJournal | None = None
        self.released = 0
        self._changed = threading.Condition()

    def __call__(self, input_seq: int) -> None:
        with self._changed:
            self.told.append(input_seq)
            if self.journal is not None and self.journal.lease_valid():
                self.released = max(self.released, input_seq)
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S)

    def wait_durable(self, input_seq: int) -> None:
        self.wait(lambda: bool(self.told) and self.told[-1] >= input_seq)

    def wait_released(self, input_seq: int) -> None:
        self.wait(lambda: self.released >= input_seq)


class Steps:
    """A `fault` that lets a test act, once, at a named step of a commit."""

    def __init__(self) -> None:
        self.at: dict[str, Callable[[], None]] = {}

    def __call__(self, step: str) -> None:
        act = self.at.pop(step, None)
        if act is not None:
            act()


class Run:
    """A journal under test, and what surrounds it."""

    def __init__(self, url: str, tables: Tables, timing: Timing = QUICK, limits: Limits | None = None) -> None:
        self.author, self.watch, self.clock, self.steps = Author(), Watch(), Clock(), Steps()
        self.appended: list[Step] = []
        self.journal = PostgresJournal(
            url,
            tables,
            self.watch,
            clock_kind="test",
            timing=timing,
            limits=limits or Limits(),
            fault=self.steps,
            clock=self.clock,
        )
        self.watch.journal = self.journal

    def append(self, count: int) -> None:
        for step in self.author.ticks(count):
            self.journal.append(step)
            self.appended.append(step)
        self.journal.commit_soon()

    def wait_for(self, state: StoreState) -> None:
        """Wait until the journal reports a state."""
        self.wait_until(lambda: self.journal.condition().state is state)

    def wait_for_error(self) -> None:
        """Wait until the journal has ended with an error."""
        self.wait_until(lambda: self.journal.error is not None)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for what nobody tells. Retries and renewals are a few ms apart."""
        pause, deadline_ms = threading.Event(), machine_ms() + WAIT_S * 1_000
        while not condition():
            assert machine_ms() < deadline_ms, f"still {self.journal.condition()}, {self.journal.error}"
            pause.wait(0.001)
