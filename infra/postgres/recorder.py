"""The recorder of the `eventsourcing` library, with every insert as one sealed commit.

Same table and same API as the library's own recorder for PostgreSQL: mapper, snapshots, subscriptions, `Projection`
and tracking work unchanged. Other than there,

- rows go in as one binary COPY, under the library's lock on the table;
- notification ids follow the head of the commits, read under that lock, so that a failed insert leaves no gap;
- the same transaction writes a row of commits (with an empty tape), so that `verify` covers every application;
- an insert whose COMMIT got no answer is looked up before anything is repeated. The library repeats it blindly, and
  then reports a conflict with itself.

`PERSISTENCE_MODULE=infra.postgres.recorder` makes an application use it: the library takes the one factory class that
it finds in this module, which is why its own one is not imported here by name.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from eventsourcing import postgres
from eventsourcing.persistence import (
    AggregateRecorder,
    InterfaceError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
)
from eventsourcing.postgres import TPostgresTrackingRecorder
from psycopg import Connection, Cursor
from psycopg.rows import DictRow

from domain.errors import InvalidInput
from domain.proof.chain import row_bytes
from infra.postgres import commit, environment
from infra.postgres.commit import CommitDraft, CommitHead, SealedCommit
from infra.postgres.migrate import OriginatorIdType, lock_schema, migrate
from infra.postgres.process import this_process
from infra.postgres.tables import Tables

_ATTEMPTS: Final = 10
_WAIT_S: Final = 0.2
_ROWS_A_PART: Final = 250
"""So many rows are made at a time, while the server stores those before."""
_NO_TAPE: Final = b""
_CLOCK: Final = "none: an application of the library has no inputs"


class JournalRecorder(postgres.PostgresApplicationRecorder):
    """Records an application's events as a chain of commits.

    Raises `InvalidInput` if the library's database functions are switched on: in 9.5.6 they insert without the lock, so
    that followers miss events, and they would insert without a commit.
    """

    def __init__(self, datastore: postgres.PostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        if datastore.enable_db_functions:
            raise InvalidInput(
                postgres.PostgresFactory.POSTGRES_ENABLE_DB_FUNCTIONS,
                "it to be off",
                "it on",
                "Unset it: these functions take no lock, so that followers miss events.",
            )
        super().__init__(datastore, events_table_name=events_table_name)
        self.sql_create_statements.clear()  # the migrations make this table; what a subclass adds stays
        self.tables: Final = Tables(datastore.schema, events_table_name)
        self._process: Final = this_process()
        self._environment = ""

    def create_table(self) -> None:
        """Create or upgrade the tables, once, however many processes start together."""
        with self.datastore.transaction(commit=True) as cursor:
            migrate(cursor.connection, self.tables, cast("OriginatorIdType", self.datastore.originator_id_type))
            self._create_table(cursor)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Insert events as one commit, and give their notification ids.

        Raises the library's `IntegrityError` if the version of a stream is taken, and its `OperationalError` or
        `InterfaceError` if the database stays away. Without events there is no commit to look up: what else the insert
        holds (a tracking position) is tried once.
        """
        if not stored_events:
            with self.datastore.transaction(commit=True) as cursor:
                self._insert_events(cursor, stored_events, **kwargs)
            return None
        doubtful: SealedCommit | None = None
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                with self.datastore.transaction(commit=True) as cursor:
                    self._lock_table(cursor)
                    if doubtful is not None and commit.is_written(cursor, self.tables, doubtful):
                        return _notification_ids(doubtful)
                    doubtful = None
                    sealed = self._write(cursor, stored_events, **kwargs)
                    doubtful = sealed  # from here on COMMIT may have been done without our knowing
                return _notification_ids(sealed)
            except (InterfaceError, OperationalError) as error:
                if not attempts_left:
                    _explain(error, doubtful)
                    raise
                time.sleep(_WAIT_S)
        raise AssertionError("the last attempt returns or raises")

    def _write(self, cursor: Cursor[DictRow], stored_events: Sequence[StoredEvent], **kwargs: Any) -> SealedCommit:
        head = commit.read_head(cursor, self.tables)
        self._insert_events(cursor, stored_events, **kwargs)
        rows: list[bytes] = []
        with commit.copying(cursor, self.tables) as send:
            for start in range(0, len(stored_events), _ROWS_A_PART):
                part = self._rows(stored_events[start : start + _ROWS_A_PART], head.last_seq + 1 + start)
                send(part)
                rows += part
            sealed = commit.seal(head, self._draft(cursor.connection, head, rows))
        commit.insert(cursor, self.tables, sealed, _NO_TAPE)
        return sealed

    def _draft(self, connection: Connection[Any], head: CommitHead, rows: Sequence[bytes]) -> CommitDraft:
        self._environment = self._environment or environment.describe(connection, self._process, _CLOCK)
        return CommitDraft(
            rows=rows,
            first_input=0,
            last_input=head.last_input,
            at_ms=head.at_ms,
            tape=_NO_TAPE,
            content_hash=head.content_hash,
            writer=str(self._process),
            token=0,
            environment=self._environment,
            committed_at=datetime.now(UTC),
        )

    def _rows(self, stored_events: Sequence[StoredEvent], first_seq: int) -> list[bytes]:
        encode = _uuid_bytes if self.datastore.originator_id_type == "uuid" else _text_bytes
        return [
            row_bytes(seq, encode(event.originator_id), event.originator_version, event.topic.encode(), event.state)
            for seq, event in enumerate(stored_events, first_seq)
        ]


class JournalProcessRecorder(postgres.PostgresProcessRecorder, JournalRecorder):
    """Records the events of a process application as commits, each together with its tracking position."""


class JournalFactory(postgres.PostgresFactory):
    """Makes the library's recorders for an application whose events are a chain of commits.

    Takes the library's own environment variables (`POSTGRES_DBNAME`, `ORIGINATOR_ID_TYPE` …).
    """

    application_recorder_class = JournalRecorder
    process_recorder_class = JournalProcessRecorder

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Make the recorder of snapshots."""
        with self._alone():
            return super().aggregate_recorder(purpose)

    def tracking_recorder(
        self, tracking_recorder_class: type[TPostgresTrackingRecorder] | None = None
    ) -> TPostgresTrackingRecorder:
        """Make the recorder of a projection's position."""
        with self._alone():
            return super().tracking_recorder(tracking_recorder_class)

    def process_recorder(self) -> ProcessRecorder:
        """Make the recorder of a process application."""
        with self._alone():
            return super().process_recorder()

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Let one process at a time create tables: the library's IF NOT EXISTS fails when two do it at once.

        On a connection of its own, because the pool may have no second one to give.
        """
        pool = self.datastore.pool
        settings = dict(cast("dict[str, Any]", pool.kwargs))  # the library's datastore sets no other kind
        if pool.get_password_func is not None:
            settings["password"] = pool.get_password_func()
        with psycopg.connect(**settings) as connection:
            lock_schema(connection, f"{self.datastore.schema} of the library")
            yield


def _notification_ids(sealed: SealedCommit) -> list[int]:
    return list(range(sealed.first_seq, sealed.last_seq + 1))


def _explain(error: Exception, doubtful: SealedCommit | None) -> None:
    if doubtful is not None:
        error.add_note(
            f"Commit {doubtful.commit_id} got no answer and may be durable: before these events are inserted again, "
            f"look for the row hash {doubtful.row_hash.hex()} in the table of commits."
        )


def _text_bytes(originator_id: UUID | str) -> bytes:
    return str(originator_id).encode()


def _uuid_bytes(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes
