"""The one writer of a store: its connection, its claim on the store, and how a commit gets there exactly once.

    ready ──▶ [reconnect ──▶ lock ──▶ token still ours? ──▶ did the last commit land?] ──▶ commit ──▶ head

Whatever goes wrong on the way to PostgreSQL ends the connection, and the next `ready` makes a new one. The lock can be
taken again only after the old session has ended, and with it the transaction that it may have left under way. So what
the table of commits says then is the last word on an ambiguous COMMIT.

Everything here is called from one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import psycopg
from psycopg import Connection, Cursor

from actors.ports import Checkpoint, Step
from domain.errors import CorruptHistory, InvalidInput
from infra.postgres import commit, environment, small_commit, tape
from infra.postgres.commit import CommitDraft, CommitHead, SealedCommit
from infra.postgres.fault import Fault, no_fault
from infra.postgres.lease import Clock, Lease, machine_ms
from infra.postgres.migrate import migrate
from infra.postgres.process import this_process
from infra.postgres.reader import save_checkpoint
from infra.postgres.session import LOST, connect, limit_statements, unavailable
from infra.postgres.tables import Tables

Prepare: TypeAlias = Callable[[Connection[Any]], object]


class Writer:
    """Writes steps as commits. `head` is the end of what is known to be durable.

    Every method raises `Unavailable` if PostgreSQL is away (call it later), and `Fenced` or `CorruptHistory` if it
    must not be called again.
    """

    def __init__(
        self,
        url: str,
        tables: Tables,
        lease: Lease,
        *,
        clock_kind: str,
        fault: Fault = no_fault,
        clock: Clock = machine_ms,
        statement_ms_max: int = 30_000,
    ) -> None:
        self.head = CommitHead()
        self.lease = lease
        self._url = url
        self._tables = tables
        self._clock_kind = clock_kind
        self._fault = fault
        self._clock = clock
        self._statement_ms_max = statement_ms_max
        self._process = this_process()
        self._environment = ""
        self._connection: Connection[Any] | None = None
        self._doubtful: SealedCommit | None = None

    def open(self, prepare: Prepare | None = None) -> None:
        """Take the store. `prepare` makes or upgrades its tables, under the lock; by default it migrates them."""
        with self._guarded():
            connection = self._connection = connect(self._url, "writer")
            self.lease.lock(connection)
            if prepare is None:
                migrate(connection, self._tables)
            else:
                prepare(connection)
            limit_statements(connection, self._statement_ms_max)
            self.lease.take(connection)
            self.head = commit.read_head(connection.cursor(), self._tables)
            self._environment = environment.describe(connection, self._process, self._clock_kind)

    def ready(self) -> None:
        """Have a connection that owns the store. After an outage `head` may have gone on: the last commit landed."""
        if self._connection is not None:
            return
        with self._guarded():
            connection = self._connection = connect(self._url, "writer")
            limit_statements(connection, self._statement_ms_max)
            self.lease.retake(connection)
            found = commit.read_head(connection.cursor(), self._tables)
            if found != self.head:
                self._settle(found)
            self._doubtful = None

    def commit(self, steps: Sequence[Step]) -> None:
        """Make steps durable, all or none. They follow `head`."""
        rows = [row for step in steps for row in step.rows]
        sent_ms = self._clock()
        with self._guarded():
            connection = self._open_connection()
            self._fault("before_begin")
            with self.lease.fenced(connection):
                write = self._write_few if len(rows) <= small_commit.ROWS_MAX else self._write_many
                sealed = write(connection.cursor(), steps, rows)
            self._fault("after_commit")
        self._doubtful = None
        self.head = sealed.head
        self.lease.renewed(sent_ms)

    def renew(self) -> None:
        """Ask whether the store is still ours."""
        with self._guarded():
            self.lease.renew(self._open_connection())

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint of something durable."""
        with self._guarded():
            save_checkpoint(self._open_connection(), self._tables, checkpoint)

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self._connection is not None

    def release(self) -> None:
        """Let the store go, so that the next owner need not wait, and close the connection if there is one."""
        if self._connection is None:
            return
        with self._guarded():
            self.lease.release(self._open_connection())
        self.close()

    def close(self) -> None:
        """Close the connection without letting the store go on record."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write_few(self, cursor: Cursor[Any], steps: Sequence[Step], rows: list[bytes]) -> SealedCommit:
        sealed, blob = self._seal(steps, rows)
        self._fault("after_copy")  # copied, begun and committed are one here
        self._fault("before_commit")
        small_commit.write(cursor, self._tables, sealed, rows, blob)
        return sealed

    def _write_many(self, cursor: Cursor[Any], steps: Sequence[Step], rows: list[bytes]) -> SealedCommit:
        with cursor.connection.pipeline():
            cursor.execute("BEGIN")
            commit.lock(cursor, self._tables)
            self.lease.fence(cursor)
        with commit.copying(cursor, self._tables) as send:
            send(rows)
            sealed, blob = self._seal(steps, rows)  # hashed and compressed while the server stores the rows
        self._fault("after_copy")
        with cursor.connection.pipeline():
            commit.insert(cursor, self._tables, sealed, blob)
            self._fault("before_commit")
            cursor.execute("COMMIT")
        return sealed

    def _seal(self, steps: Sequence[Step], rows: list[bytes]) -> tuple[SealedCommit, bytes]:
        """Give the commit that the steps make, and its tape. From here on it may become durable without our knowing."""
        frames = [step.frame for step in steps]
        blob = tape.pack(frames)
        draft = CommitDraft(
            rows=rows,
            first_input=frames[0].input_seq,
            last_input=frames[-1].input_seq,
            at_ms=frames[-1].at_ms,
            tape=blob,
            content_hash=steps[-1].content_hash,
            writer=str(self._process),
            token=self.lease.token,
            environment=self._environment,
            committed_at=datetime.now(UTC),
        )
        sealed = self._doubtful = commit.seal(self.head, draft)
        return sealed, blob

    def _settle(self, found: CommitHead) -> None:
        """Find out what an interrupted commit became. The token is ours, so nobody else can have written."""
        doubtful = self._doubtful
        if doubtful is None or (found.commit_id, found.row_hash) != (doubtful.commit_id, doubtful.row_hash):
            raise CorruptHistory(
                found.last_seq,
                f"the store ends with commit {found.commit_id}, but we were told that {self.head.commit_id} is durable",
            )
        self.head = found

    def _open_connection(self) -> Connection[Any]:
        assert self._connection is not None, "`open` or `ready` comes first"
        return self._connection

    @contextmanager
    def _guarded(self) -> Generator[None]:
        """End the connection on any failure, and say in our own words what happened."""
        try:
            yield
        except BaseException as error:
            self.close()
            if isinstance(error, LOST):
                raise unavailable(error) from error
            if isinstance(error, psycopg.errors.InsufficientPrivilege):
                raise InvalidInput("the store", "a role that may create and write tables", str(error)) from error
            if isinstance(error, psycopg.Error):
                why = f"the store refused what follows commit {self.head.commit_id}: {error}"
                raise CorruptHistory(self.head.last_seq + 1, why) from error
            raise
