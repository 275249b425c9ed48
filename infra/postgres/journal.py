"""The journal: steps go in from the kernel's thread, and a writer's thread makes them durable in groups.

    kernel ──append──▶ Backlog ──250 ms · 1,000 events · commit_soon──▶ one transaction ──▶ on_durable ──▶ effects leave

The kernel never waits for the disk, except at the bound of what may be held. While PostgreSQL is away nothing is lost
and nothing leaves: steps are held, the writer tries again with growing pauses, `condition` says so. When it is back,
what has piled up goes in large commits, and everything continues where it stopped.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from actors.ports import Checkpoint, Head, Step
from domain.base import Recorded
from domain.errors import Unavailable
from infra.durability import OnDurable, StoreCondition, StoreState
from infra.postgres.backlog import Backlog, Limits
from infra.postgres.fault import Fault, no_fault
from infra.postgres.lease import LEASE_MS, LOCK_WAIT_MS, Clock, Lease, machine_ms
from infra.postgres.reader import PostgresReader
from infra.postgres.tables import Tables
from infra.postgres.writer import Prepare, Writer


class Timing(msgspec.Struct, frozen=True):
    """How long things may take.

    - `lease_ms`, `lock_wait_ms`: see `lease.py`. `renew_ms`: how often an idle journal asks whether the store is ours.
    - `statement_ms_max`: a statement that hangs longer is cancelled and tried again.
    - `retry_ms_min`, `retry_ms_max`: the pause after a failed attempt; it doubles.
    - `lagging_ms`: from what age of the oldest held step the store counts as lagging.
    """

    lease_ms: int = LEASE_MS
    lock_wait_ms: int = LOCK_WAIT_MS
    renew_ms: int = 1_000
    statement_ms_max: int = 30_000
    retry_ms_min: int = 50
    retry_ms_max: int = 1_000
    lagging_ms: int = 1_000


class PostgresJournal:
    """One run's journal. Making it takes the store; `close` gives it back.

    - `on_durable`: told the last durable input after each commit and each renewal of the lease, from the writer's
      thread, without any lock. What may not leave for now (`lease_valid` is false) is asked about again by then.
    - `prepare`: makes or upgrades the tables, under the lock of the store; by default they are migrated.
    - `clock_kind`: where the times of the inputs come from, for the commit rows.

    Raises `Fenced` if another process owns the store, `Unavailable` if PostgreSQL does not answer.
    """

    def __init__(
        self,
        url: str,
        tables: Tables,
        on_durable: OnDurable,
        *,
        clock_kind: str,
        prepare: Prepare | None = None,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        timing: Timing = Timing(),  # noqa: B008 - immutable
        fault: Fault = no_fault,
        clock: Clock = machine_ms,
    ) -> None:
        self._on_durable = on_durable
        self._timing = timing
        self._fault = fault
        self._clock = clock
        self._lease = Lease(tables, lease_ms=timing.lease_ms, lock_wait_ms=timing.lock_wait_ms, clock=clock)
        self._writer = Writer(
            url,
            tables,
            self._lease,
            clock_kind=clock_kind,
            statement_ms_max=timing.statement_ms_max,
            fault=fault,
            clock=clock,
        )
        self._writer.open(prepare)
        head = self._writer.head
        self._backlog = Backlog(Head(head.last_seq, head.last_input, head.at_ms, head.content_hash), limits, clock)
        self._reader = PostgresReader(url, tables)
        self._lost_ms: int | None = None
        self._checkpoint: Checkpoint | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # The kernel's side.

    def append(self, step: Step) -> None:
        """Take a step. Never drops one, and waits only at the bound of what may be held."""
        self._backlog.put(step)

    def commit_soon(self) -> None:
        """Ask for a commit of everything so far, at once."""
        self._backlog.want()

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, after everything before it is durable. A newer one takes the place of one that waits."""
        self._checkpoint = checkpoint

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        """Give the stream's events after a version in order, the tail that is not yet durable included.

        Raises `Unavailable` if a durable part is needed while PostgreSQL is away.
        """
        held = self._backlog.of_stream(stream)  # first: what leaves the tail after this is durable, and read below
        if not held:
            return self._reader.of_stream(stream, after_version)
        durable = self._reader.of_stream(stream, after_version, before_version=held[0].version)
        return itertools.chain(durable, (recorded for recorded in held if recorded.version > after_version))

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until `append` would not wait; false if it still would after `timeout_s`."""
        return self._backlog.wait_for_room(timeout_s)

    @property
    def error(self) -> Exception | None:
        """The error that ended this journal, if one did."""
        return self._backlog.error

    def durable_input(self) -> int:
        """Give the last input that is durable with all its events and effects."""
        return self._backlog.durable_input

    def commits(self) -> int:
        """Give how many commits the history has."""
        return self._writer.head.commit_id

    def lease_valid(self) -> bool:
        """Say whether an effect may leave the process at this instant."""
        return self._backlog.error is None and self._lease.valid()

    def condition(self) -> StoreCondition:
        """Say how the store is doing: lost since the first failed attempt, or lagging since its oldest held step."""
        lost_ms = self._lost_ms
        if lost_ms is not None:
            return StoreCondition(StoreState.LOST, lost_ms)
        oldest_ms = self._backlog.oldest_ms()
        if oldest_ms is not None and self._clock() - oldest_ms >= self._timing.lagging_ms:
            return StoreCondition(StoreState.LAGGING, oldest_ms)
        return StoreCondition(StoreState.OK)

    def close(self, timeout_s: float = 5.0) -> None:
        """Make everything durable, let the store go, and stop. Calling it again does nothing.

        Whoever carries out effects must be done before: the next owner may start at once.
        Raises `Unavailable` if the store does not take what is held within `timeout_s`, and the error that ended the
        journal if nobody was told yet.
        """
        self._backlog.end()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._backlog.fail(
                Unavailable("PostgreSQL", f"the last {len(self._backlog)} inputs were not stored within {timeout_s} s")
            )
        self._reader.close()
        error = self._backlog.take_untold_error()
        if error is not None:
            raise error

    # The writer's thread.

    def _run(self) -> None:
        try:
            self._serve()
            self._attempt(self._save_checkpoint)  # the one of a clean stop comes when all is durable already
            with suppress(Unavailable):  # all is durable: the next owner has to wait for our lease, no more
                self._writer.release()
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop; the kernel's thread raises it
            self._writer.close()
            self._backlog.fail(error)

    def _serve(self) -> None:
        pause_ms = self._timing.retry_ms_min
        while (steps := self._backlog.next_commit(self._timing.renew_ms)) is not None:
            if not self._attempt(functools.partial(self._store, steps)):
                self._backlog.pause(pause_ms)
                pause_ms = min(pause_ms * 2, self._timing.retry_ms_max)
                continue
            pause_ms = self._timing.retry_ms_min
            self._on_durable(self._writer.head.last_input)
            self._fault("after_release")
            self._attempt(self._save_checkpoint)

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Do something with the store; false if that is away, which is noted."""
        try:
            action()
        except Unavailable:
            self._lost_ms = self._clock() if self._lost_ms is None else self._lost_ms
            return False
        self._lost_ms = None
        return True

    def _store(self, steps: list[Step]) -> None:
        """Commit, or only renew the lease if there is nothing to commit."""
        self._writer.ready()
        landed = self._writer.head.last_input
        missing = [step for step in steps if step.frame.input_seq > landed]
        if missing:
            self._writer.commit(missing)
        self._backlog.durable(self._writer.head.last_input)
        if not missing or self._lease.expired():
            self._writer.renew()

    def _save_checkpoint(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is None or not self._writer.connected:
            return
        if checkpoint.head.input_seq <= self._writer.head.last_input:
            self._writer.save(checkpoint)
            if self._checkpoint is checkpoint:
                self._checkpoint = None
