"""Reading a recorded history: events, streams, the tape and checkpoints, in bounded memory.

Reads go in chunks by key, each a short statement of its own: history is append-only, so what was read stays true, and
several iterators may take turns on one connection. While a chunk is used, the server works on the next one already
(libpq's pipeline mode); until such an iterator ends, or is let go, its connection is in a transaction that only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, LiteralString, Self

import msgspec
import zstandard
from psycopg import Connection, Cursor
from psycopg.sql import SQL

from actors.ports import Checkpoint, Frame, Head
from domain.base import Recorded
from domain.catalog import decode_event
from domain.errors import CorruptHistory, Unavailable
from infra.postgres import tape
from infra.postgres.commit import read_head
from infra.postgres.migrate import require_current
from infra.postgres.session import LOST, connect, unavailable
from infra.postgres.tables import Tables

EVENTS_A_READ: Final = 500
"""So many fit into the buffers between server and reader: the next ones wait there while these are used."""
TAPES_A_READ: Final = 16
_SEQ, _VERSION = 0, 2

_decode_checkpoint = msgspec.msgpack.Decoder(Checkpoint).decode


class PostgresReader:
    """The history of one run. Opens its own connection at the first read, and again after an outage.

    `checkpoint_schema`: checkpoints of another shape are ignored.
    Reading raises `Unavailable` if PostgreSQL is away, `InvalidInput` if the run's tables are not this version's, and
    `CorruptHistory` if what is stored can't be read.
    """

    def __init__(self, url: str, tables: Tables, *, checkpoint_schema: str = "") -> None:
        self._url = url
        self._tables = tables
        self._checkpoint_schema = checkpoint_schema
        self._connection: Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. A later read opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def head(self) -> Head:
        """Give the end of what is durable."""
        try:
            found = read_head(self._cursor(), self._tables)
        except LOST as error:
            raise self._lost(error) from error
        return Head(found.last_seq, found.last_input, found.at_ms, found.content_hash)

    def events(self, after_seq: int, until_seq: int | None = None, topics: Sequence[str] = ()) -> Iterator[Recorded]:
        """Give events in order, `after_seq` excluded, `until_seq` (or what is durable by then) included."""
        chosen = " AND topic = ANY(%(topics)s)" if topics else ""
        statement: LiteralString = (
            "SELECT notification_id, originator_id, originator_version, topic, state FROM {events}"
            f" WHERE notification_id > %(after)s AND notification_id <= %(until)s{chosen}"
            " ORDER BY notification_id LIMIT %(limit)s"
        )
        until = self.head().seq if until_seq is None else until_seq
        bounds: dict[str, object] = {"until": until, "topics": list(topics)}
        for rows in self._chunks(statement, bounds, after_seq, _SEQ):
            yield from _recorded(rows)

    def of_stream(self, stream: str, after_version: int = 0, before_version: int | None = None) -> Iterator[Recorded]:
        """Give the stream's durable events in order, after one version and before another, both excluded."""
        statement: LiteralString = (
            "SELECT notification_id, originator_id, originator_version, topic, state FROM {events}"
            " WHERE originator_id = %(stream)s AND originator_version > %(after)s AND originator_version < %(before)s"
            " ORDER BY originator_version LIMIT %(limit)s"
        )
        bounds: dict[str, object] = {
            "stream": stream,
            "before": 2**63 - 1 if before_version is None else before_version,
        }
        for rows in self._chunks(statement, bounds, after_version, _VERSION):
            yield from _recorded(rows)

    def frames(self, after_input: int, until_input: int | None = None) -> Iterator[Frame]:
        """Give the tape in order, `after_input` excluded, `until_input` (or what is durable by then) included.

        Raises `Unavailable` if a part of it was dropped after its retention time.
        """
        until = self.head().input_seq if until_input is None else until_input
        while True:
            rows = self._rows(
                "SELECT first_seq, first_input, last_input, frames FROM {commits} LEFT JOIN {tapes} USING (commit_id)"
                " WHERE last_input > %(after)s AND first_input BETWEEN 1 AND %(until)s"
                " ORDER BY last_input LIMIT %(limit)s",
                {"after": after_input, "until": until, "limit": TAPES_A_READ},
            )
            for first_seq, first_input, last_input, blob in rows:
                if blob is None:
                    raise Unavailable(
                        f"The tape of inputs {first_input} to {last_input}",
                        "it was dropped after its retention time; choose a later moment",
                    )
                for frame in tape.unpack(blob, first_seq):
                    if after_input < frame.input_seq <= until:
                        yield frame
                after_input = last_input
            if len(rows) < TAPES_A_READ:
                return

    def checkpoint(self, until_input: int) -> Checkpoint | None:
        """Give the newest checkpoint of our schema at or before an input. One that can't be read is passed over."""
        while True:
            rows = self._rows(
                "SELECT input_seq, body FROM {checkpoints} WHERE schema_name = %(schema)s AND input_seq <= %(until)s"
                " ORDER BY input_seq DESC LIMIT 1",
                {"schema": self._checkpoint_schema, "until": until_input},
            )
            if not rows:
                return None
            with suppress(zstandard.ZstdError, msgspec.MsgspecError):
                return _decode_checkpoint(zstandard.ZstdDecompressor().decompress(rows[0][1]))
            until_input = rows[0][0] - 1

    def _chunks(
        self, statement: LiteralString, bounds: dict[str, object], after: int, key: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows of a statement that has `after` and `limit`, chunk by chunk; `key` is the column of `after`."""
        rows = self._rows(statement, {**bounds, "after": after, "limit": EVENTS_A_READ})
        if len(rows) == EVENTS_A_READ:
            try:
                with self._connected().pipeline():
                    while len(rows) == EVENTS_A_READ:
                        ahead = self._sent(statement, {**bounds, "after": rows[-1][key], "limit": EVENTS_A_READ})
                        yield rows
                        rows = ahead.fetchall()
            except LOST as error:
                raise self._lost(error) from error
        yield rows

    def _rows(self, statement: LiteralString, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        try:
            return self._sent(statement, parameters).fetchall()
        except LOST as error:
            raise self._lost(error) from error

    def _sent(self, statement: LiteralString, parameters: dict[str, object]) -> Cursor[tuple[Any, ...]]:
        return self._cursor().execute(SQL(statement).format(**self._tables.identifiers()), parameters, prepare=True)

    def _cursor(self) -> Cursor[tuple[Any, ...]]:
        return self._connected().cursor(binary=True)

    def _connected(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, "reader")
            try:
                require_current(self._connection, self._tables)
            except BaseException:
                self.close()
                raise
        return self._connection

    def _lost(self, error: Exception) -> Unavailable:
        self.close()
        return unavailable(error)


def save_checkpoint(connection: Connection[Any], tables: Tables, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint; one of the same place and schema is replaced."""
    body = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(msgspec.msgpack.encode(checkpoint))
    statement = SQL(
        "INSERT INTO {checkpoints} (input_seq, seq, schema_name, body) VALUES (%s, %s, %s, %b)"
        " ON CONFLICT (input_seq, schema_name) DO UPDATE SET seq = excluded.seq, body = excluded.body, taken_at = now()"
    ).format(**tables.identifiers())
    connection.execute(statement, (checkpoint.head.input_seq, checkpoint.head.seq, checkpoint.schema, body))


def _recorded(rows: list[tuple[Any, ...]]) -> Iterator[Recorded]:
    seq = 0
    try:
        for seq, stream, version, topic, state in rows:
            input_seq, at_ms, event = decode_event(topic, state)
            yield Recorded(seq, stream, version, input_seq, at_ms, event)
    except CorruptHistory as error:
        raise CorruptHistory(seq, error.why) from error
