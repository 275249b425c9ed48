"""Where a bundle's events come from: history as it is stored, older shapes included.

A bundle proves what was *recorded*. So its lines are made of the stored bytes, and stay the same when a later version
of the code gives an event a new field; only its tables are made of events as they are read today.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, LiteralString, Protocol, Self, TypeAlias

import msgspec
from psycopg import Connection
from psycopg.sql import SQL

from actors.ports import Head, Reader
from domain.base import Recorded
from domain.catalog import TOPICS, encode_event
from infra.postgres.session import connect, reaching
from infra.postgres.tables import Tables

ROWS_A_READ: Final = 8_192

Stored: TypeAlias = tuple[int, str, int, str, bytes]
"""An event as it is stored: seq, stream, version, topic, state (see `domain.catalog`)."""


class RunFacts(msgspec.Struct, frozen=True):
    """What a bundle says about the run: nothing that differs between two stores of the same history."""

    run_id: str
    kind: str
    clock: str


class Source(Protocol):
    """A recorded history, with its stored bytes."""

    @property
    def reader(self) -> Reader:
        """The same history, decoded."""
        ...

    def stored(self, after_seq: int, until_seq: int, topics: Sequence[str] = ()) -> Iterator[Stored]:
        """Give stored events in order, `after_seq` excluded, `until_seq` included, in bounded memory."""
        ...

    def chain_at(self, seq: int) -> Head:
        """Give the chain at the end of the first commit that holds an event: `run.py verify --head` finds it."""
        ...


class ReaderSource:
    """Any history, encoded again: for one that is kept in memory, and so has today's shapes only."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def stored(self, after_seq: int, until_seq: int, topics: Sequence[str] = ()) -> Iterator[Stored]:
        """Give events as they would be stored."""
        return map(_encoded, self.reader.events(after_seq, until_seq, topics))

    def chain_at(self, seq: int) -> Head:
        """Give the end of the history: memory keeps no commits."""
        head = self.reader.head()
        assert seq <= head.seq, f"seq {seq} is not durable, seq {head.seq} is the last"
        return head


class PostgresSource:
    """A run in PostgreSQL. Raises `Unavailable` if it goes away. Reads go in chunks, as `PostgresReader` does."""

    def __init__(self, url: str, tables: Tables, reader: Reader) -> None:
        self.reader = reader
        self._url = url
        self._names = tables.identifiers()
        self._connection: Connection[Any] | None = None

    def __enter__(self) -> Self:
        self.reader.head()  # says what is wrong with the tables, if anything is
        self._connection = connect(self._url, "export")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def stored(self, after_seq: int, until_seq: int, topics: Sequence[str] = ()) -> Iterator[Stored]:
        """Give stored events."""
        while True:
            rows = self._rows(
                "SELECT notification_id, originator_id, originator_version, topic, state FROM {events}"
                " WHERE notification_id > %(after)s AND notification_id <= %(until)s"
                " AND (%(all)s OR topic = ANY(%(topics)s)) ORDER BY notification_id LIMIT %(limit)s",
                {
                    "after": after_seq,
                    "until": until_seq,
                    "all": not topics,
                    "topics": list(topics),
                    "limit": ROWS_A_READ,
                },
            )
            yield from rows
            if len(rows) < ROWS_A_READ:
                return
            after_seq = rows[-1][0]

    def chain_at(self, seq: int) -> Head:
        """Give the end of the first commit that holds an event."""
        found = self._rows(
            "SELECT last_seq, last_input, at_ms, content_hash FROM {commits} WHERE last_seq >= %(seq)s"
            " ORDER BY commit_id LIMIT 1",
            {"seq": seq},
        )
        return Head(*found[0])

    def _rows(self, statement: LiteralString, asked: dict[str, object]) -> list[Any]:
        assert self._connection is not None, "the source is open within its block only"
        with reaching():
            cursor = self._connection.cursor(binary=True)
            return cursor.execute(SQL(statement).format(**self._names), asked, prepare=True).fetchall()


def _encoded(recorded: Recorded) -> Stored:
    event = recorded.event
    state = encode_event(recorded.input_seq, recorded.at_ms, event)
    return recorded.seq, recorded.stream, recorded.version, TOPICS[type(event)].decode(), state
