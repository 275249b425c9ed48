"""Runs that hold a given history, in memory and in PostgreSQL, for the tests of whoever follows one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import psycopg
from histories import row_of
from psycopg import Connection

from actors.ports import Frame, Head, Reader, Step
from domain.base import Recorded
from domain.proof.chain import GENESIS
from infra.followers.memory import MemoryViews
from infra.followers.views import Views
from infra.memory import MemoryJournal
from infra.postgres import commit
from infra.postgres.migrate import migrate
from infra.postgres.reader import PostgresReader
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.postgres.views import PostgresViews


class StoredRun(Protocol):
    """A run to which events are added, and whose views outlive a follower."""

    reader: Reader

    def add(self, events: Sequence[Recorded]) -> None: ...

    def views(self) -> Views: ...

    def close(self) -> None: ...


class MemoryRun:
    """A run in memory."""

    def __init__(self) -> None:
        self.reader = MemoryJournal()
        self._views = MemoryViews()

    def add(self, events: Sequence[Recorded]) -> None:
        head = self.reader.head()
        for step in _steps(events, head):
            self.reader.append(step)
        self.reader.commit()

    def views(self) -> MemoryViews:
        return self._views

    def close(self) -> None: ...


class PostgresRun:
    """A run in a schema of its own."""

    def __init__(self, url: str, schema: str) -> None:
        self.url = url
        self.tables = Tables(schema)
        self.connection: Connection[Any] = psycopg.connect(url, autocommit=True)
        migrate(self.connection, self.tables)
        self.reader = PostgresReader(url, self.tables)
        self._open: list[PostgresViews] = []

    def add(self, events: Sequence[Recorded]) -> None:
        self.add_rows([row_of(recorded) for recorded in events])

    def add_rows(self, rows: Sequence[bytes]) -> None:
        """Write one commit of these rows, whatever they hold."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            commit.lock(cursor, self.tables)
            head = commit.read_head(cursor, self.tables)
            draft = commit.CommitDraft(
                rows=rows, first_input=0, last_input=head.last_input, at_ms=head.at_ms, tape=b"", token=0,
                content_hash=head.content_hash, writer="test", environment="{}", committed_at=datetime.now(UTC),
            )  # fmt: skip
            commit.write(cursor, self.tables, commit.seal(head, draft), rows, b"")

    def views(self, open_connection: Callable[[str, str], Connection[Any]] = connect) -> PostgresViews:
        """Give views with a connection of their own."""
        views = PostgresViews(self.url, self.tables, open_connection=open_connection)
        self._open.append(views)
        return views

    def close(self) -> None:
        for views in self._open:
            views.close()
        self.reader.close()
        self.connection.close()


def _steps(events: Sequence[Recorded], head: Head) -> list[Step]:
    steps: list[Step] = []
    for number, (_, group) in enumerate(itertools.groupby(events, lambda recorded: recorded.input_seq), 1):
        together = tuple(group)
        frame = Frame(head.input_seq + number, together[0].at_ms, b"", b"")
        steps.append(Step(frame, together, tuple(map(row_of, together)), (), GENESIS))
    return steps
