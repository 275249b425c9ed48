"""One writer a store: who holds it, who may still act for it, and who has to stop.

Three things together:
- *liveness*: a session-level advisory lock on the writer's own connection. It ends with the session, so a store whose
  writer died is free again at once.
- *fence*: a token that every new owner counts up. Each commit checks it inside its transaction, so an owner that was
  replaced while it slept can't write.
- *lease*: an effect may leave the process only until `lease_ms` after the moment at which the last answered statement
  was *sent*. A new owner can only have got the lock after that moment, and lets `lease_ms` pass before its own first
  effect. So no two owners act at the same time, though neither sees the other's clock.

The new owner need not wait if the one before released the store, or is provably dead on this machine, and did not have
to wait itself.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeAlias, cast

import msgspec
import psycopg
from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Literal

from domain.errors import CorruptHistory, Fenced, Unavailable
from infra.postgres.process import Process, is_gone, this_process
from infra.postgres.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Generator

LEASE_MS: Final = 3_000
LOCK_WAIT_MS: Final = 1_500
"""How long the lock of an owner that just died is waited for: its server session takes a moment to end."""

_CLOCK: Final = cast("int", getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

Clock: TypeAlias = Callable[[], int]


def machine_ms() -> int:
    """Give ms of a clock that never steps, and that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000


class Claim(msgspec.Struct, frozen=True):
    """Who took the store, as JSON in the table. `waits`: an owner before may still have acted for a while."""

    process: Process
    waits: bool = False


class Owner(msgspec.Struct, frozen=True):
    """The row of the table `lease`: who took the store last, when, and whether it let go.

    `owner` is a `Claim`, empty if nobody has had the store yet. `lease_ms` is what the next owner waits, if it must.
    """

    token: int
    owner: str
    lease_ms: int
    taken_at: datetime | None
    released_at: datetime | None

    @property
    def harmless(self) -> bool:
        """True if no effect, of this owner or one before it, can be under way any more."""
        if not self.owner or self.released_at is not None:
            return True
        claim = self._claim
        return not claim.waits and is_gone(claim.process)

    def __str__(self) -> str:
        since = f" since {self.taken_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if self.taken_at else ""
        return f"{self._claim.process}{since}" if self.owner else "a process that is just taking it"

    @property
    def _claim(self) -> Claim:
        return msgspec.json.decode(self.owner, type=Claim)


class Lease:
    """Our claim on one store. `take`, `retake`, `renew` and `release` are for the writer's thread; `valid` is for all.

    `token` is ours from `take` on.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        lease_ms: int = LEASE_MS,
        lock_wait_ms: int = LOCK_WAIT_MS,
        clock: Clock = machine_ms,
        process: Process | None = None,
    ) -> None:
        self.token = 0
        self.lease_ms = lease_ms
        self._clock = clock
        self._process = process or this_process()
        self._sql = _Statements(tables, lock_wait_ms)
        self._session: int = 0
        self._not_before_ms = 0
        self._deadline_ms = 0

    def lock(self, connection: Connection[Any]) -> None:
        """Take the lock of the store for this connection's life. Raises `Fenced` if another session holds it."""
        if not self._try_lock(connection):
            try:
                owner = str(self._owner(connection))
            except psycopg.errors.UndefinedTable:
                owner = "a process that is just making it"
            raise Fenced(owner)

    def take(self, connection: Connection[Any]) -> None:
        """Become the owner, under the lock: count the token up, and find out from when on effects may leave."""
        sent_ms = self._clock()
        with connection.transaction():
            # A commit of the owner before us that is still under way ends first, or fails at its fence.
            connection.execute(self._sql.lock_events)
            before = self._owner(connection)
            waits = not before.harmless
            lease_ms = max(self.lease_ms, before.lease_ms) if waits else self.lease_ms
            claim = msgspec.json.encode(Claim(self._process, waits)).decode()
            connection.execute(self._sql.take, (claim, lease_ms))
        self.token = before.token + 1
        self._session = connection.info.backend_pid
        if waits:
            self._not_before_ms = self._clock() + before.lease_ms
        self.renewed(sent_ms)

    def retake(self, connection: Connection[Any]) -> None:
        """Go on with the store after a reconnect. Raises `Fenced` if it has, or had, another owner since."""
        sent_ms = self._clock()
        self._check(connection)
        connection.execute(self._sql.end_session, (self._session,))
        locked = self._try_lock(connection)
        self._check(connection)
        if not locked:
            raise Unavailable("The lock of this store", "our own last session has not ended yet")
        self._session = connection.info.backend_pid
        self.renewed(sent_ms)

    def renew(self, connection: Connection[Any]) -> None:
        """Ask whether the store is still ours, and act for it so much longer. Raises `Fenced` if it is not."""
        sent_ms = self._clock()
        self._check(connection)
        self.renewed(sent_ms)

    def renewed(self, sent_ms: int) -> None:
        """Note that something sent at `sent_ms`, which only the owner can do, was answered."""
        self._deadline_ms = max(self._deadline_ms, sent_ms + self.lease_ms)

    def release(self, connection: Connection[Any]) -> None:
        """Let the store go: no effect leaves from now on, and the next owner need not wait.

        Unless we still wait for an owner before us ourselves: then the next one has to do so in our place.
        """
        self._deadline_ms = 0
        if self._clock() >= self._not_before_ms:
            connection.execute(self._sql.release, (self.token,))
        connection.execute(self._sql.unlock)

    def valid(self) -> bool:
        """Tell whether an effect may leave the process at this instant."""
        return self._not_before_ms <= self._clock() < self._deadline_ms

    def expired(self) -> bool:
        """Tell whether the last answer is too old to act on, so that asking again would help."""
        return self._clock() >= self._deadline_ms

    def fence(self, cursor: Cursor[Any]) -> None:
        """Check the token inside a transaction that has locked the events.

        The statement *fails* if the token is no longer ours, so that it also works in a pipeline, where nobody
        looks at an answer before everything was sent. `fenced` turns that failure into `Fenced`.
        """
        cursor.execute(self._sql.fence, (self.token,), prepare=True)

    @contextmanager
    def fenced(self, connection: Connection[Any]) -> Generator[None]:
        """Raise `Fenced` where a commit failed because the token is no longer ours."""
        try:
            yield
        except (psycopg.errors.DivisionByZero, psycopg.errors.NotNullViolation):
            connection.rollback()
            raise Fenced(str(self._owner(connection))) from None

    def _try_lock(self, connection: Connection[Any]) -> bool:
        try:
            with connection.transaction():
                connection.execute(self._sql.lock_wait)
                connection.execute(self._sql.lock)
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _check(self, connection: Connection[Any]) -> None:
        owner = self._owner(connection)
        if owner.token != self.token:
            self._deadline_ms = 0
            raise Fenced(str(owner))

    def _owner(self, connection: Connection[Any]) -> Owner:
        with connection.cursor(row_factory=class_row(Owner)) as cursor:
            owner = cursor.execute(self._sql.owner, prepare=True).fetchone()
        if owner is None:
            raise CorruptHistory(0, "the table of the lease is empty")
        return owner


def is_owned(connection: Connection[Any], tables: Tables) -> bool:
    """Say whether a process owns the store right now: something runs on it."""
    try:
        with connection.transaction():
            keep_writers_out(connection, tables)
    except Fenced:
        return True
    return False


def keep_writers_out(connection: Connection[Any], tables: Tables) -> None:
    """Take the lock of a store until the caller's transaction ends. Raises `Fenced` if a writer is at work there."""
    taken = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_lock_key(tables),)).fetchone()
    if taken != (True,):
        raise Fenced(f"a process that writes {tables.schema!r}")


def _lock_key(tables: Tables) -> int:
    # PostgreSQL keeps advisory locks per database, so the key names the schema and the table only.
    name = f"hindsight {tables.schema}.{tables.events}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


class _Statements:
    """The SQL of one store's lease."""

    def __init__(self, tables: Tables, lock_wait_ms: int) -> None:
        names = {**tables.identifiers(), "key": Literal(_lock_key(tables)), "wait_ms": Literal(lock_wait_ms)}

        def statement(template: LiteralString) -> Composed:
            return SQL(template).format(**names)

        self.lock_wait = statement("SET LOCAL lock_timeout = {wait_ms}")
        self.lock = statement("SELECT pg_advisory_lock({key})")
        self.unlock = statement("SELECT pg_advisory_unlock({key})")
        # Our own old session may still wait in the server for a client that it believes to be there.
        self.end_session = statement(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE pid = %s AND locktype = 'advisory'"
            " AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = {key}"
        )
        self.owner = statement("SELECT token, owner, lease_ms, taken_at, released_at FROM {lease}")
        self.lock_events = statement("LOCK TABLE {events} IN EXCLUSIVE MODE")
        self.take = statement(
            "UPDATE {lease} SET token = token + 1, owner = %s, lease_ms = %s, taken_at = clock_timestamp(),"
            " released_at = NULL"
        )
        self.release = statement("UPDATE {lease} SET released_at = clock_timestamp() WHERE token = %s")
        self.fence = statement("SELECT 1 / (token = %s)::int FROM {lease}")
