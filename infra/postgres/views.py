"""Read models in PostgreSQL: rows and place in one transaction.

A batch goes in one statement, as JSON that PostgreSQL reads by the table's own columns; amounts travel as text, so
nothing is rounded. Views can be folded again at any time, so their transactions do not wait for the disk: after a
power cut rows and place are both as of a moment ago.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection, DataError
from psycopg.errors import UndefinedTable
from psycopg.rows import class_row
from psycopg.sql import SQL

from domain.errors import Unavailable
from infra.followers.views import Gone, Moved, Place, Stage, Unwritable, plain, shape_of
from infra.postgres.migrate import lock_schema
from infra.postgres.session import LOST, connect, reaching
from infra.postgres.tables import Tables
from infra.postgres.view_tables import ViewStatements, create_positions, positions_of, rename, statements, view_of
from projections.base import Key, Projection, R

Connect: TypeAlias = Callable[[str, str], Connection[Any]]
"""Opens a connection in autocommit mode: (URL, purpose)."""

_json = msgspec.json.Encoder().encode


class PostgresViews:
    """The views of one run, in its schema. Opens its own connection when first asked, and again after an outage."""

    def __init__(self, url: str, tables: Tables, *, open_connection: Connect = connect) -> None:
        self._url = url
        self._tables = tables
        self._connect = open_connection
        self._connection: Connection[Any] | None = None

    def close(self) -> None:
        """Close the connection. A later call opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ── following ─────────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, projection: Projection[Any], stage: Stage = Stage.LIVE) -> Place | None:
        """Say where a view stands; None if there is none, or if its table was dropped."""
        with self._answering() as connection:
            return self._place(connection, projection, stage)

    def load(self, projection: Projection[R], stage: Stage = Stage.LIVE) -> tuple[Place, dict[Key, R]]:
        """Give a view's place and the rows that its fold needs, both of the same moment. `Gone` if there is none."""
        decode = msgspec.json.Decoder(projection.row).decode
        with self._answering() as connection, connection.transaction():
            place = self._place(connection, projection, stage, lock=True)
            if place is None:
                raise Gone(projection.name)
            rows = [decode(text) for (text,) in connection.execute(self._statements(projection, stage).load)]
        return place, {projection.key_of(row): row for row in rows}

    def find(self, projection: Projection[R], stage: Stage, key: Key) -> R | None:
        """Give one row, finished ones included; None if there is none."""
        with self._answering() as connection:
            try:
                found = connection.execute(self._statements(projection, stage).find, key).fetchone()
            except UndefinedTable:
                raise Moved(projection.name) from None  # dropped by hand: loading it again will tell
        return None if found is None else msgspec.json.decode(found[0], type=projection.row)

    def advance(
        self, projection: Projection[R], stage: Stage, before: Place, after: Place, changed: Iterable[R]
    ) -> None:
        """Write changed rows and move the view, in one transaction.

        Raises `Moved` if it is not at `before`, `Unwritable` if a value has no place in its column (NUL in a text).
        """
        move = SQL(
            "UPDATE {} SET seq = %s, failed_seq = %s, error = %s"
            " WHERE name = %s AND stage = %s AND seq = %s AND generation = %s"
        ).format(positions_of(self._tables))
        named = (projection.name, stage.value, before.seq, before.generation)
        with self._answering() as connection, connection.transaction():
            if connection.execute(move, (after.seq, after.failed_seq, after.error, *named)).rowcount != 1:
                raise Moved(projection.name)
            rows = list(changed)
            if rows:
                self._upsert(connection, projection, stage, _json(rows).decode())

    def fail(self, projection: Projection[Any], seq: int, error: str) -> None:
        """Note at the live view that its projection could not take an event."""
        note = SQL("UPDATE {} SET failed_seq = %s, error = %s WHERE name = %s AND stage = %s")
        with self._answering() as connection:
            where = (projection.name, Stage.LIVE.value)
            connection.execute(note.format(positions_of(self._tables)), (seq, error, *where))

    def rows(self, projection: Projection[Any]) -> list[dict[str, Any]]:
        """Give all live rows in the projection's order. Raises `Gone` if there is no such view."""
        decode = msgspec.json.Decoder(projection.row).decode
        with self._answering() as connection:
            if self._place(connection, projection, Stage.LIVE) is None:
                raise Gone(projection.name)
            found = connection.execute(self._statements(projection, Stage.LIVE).rows)
            return [plain(decode(text)) for (text,) in found]

    # ── rebuilding ────────────────────────────────────────────────────────────────────────────────────────────────

    def sweep(self, projection: Projection[Any]) -> None:
        """Drop what a killed rebuild left behind, unless one is going on."""
        with self._answering() as connection:
            got = connection.execute("SELECT pg_try_advisory_lock(%s)", (self._lock_key(projection),)).fetchone()
            if got == (True,):
                self._drop_built(connection, projection)
                self._unlock(connection, projection)

    @contextmanager
    def building(self, projection: Projection[Any]) -> Generator[None]:
        """Begin an empty view beside the live one. The lock is the session's: it goes when the process does."""
        with self._answering() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (self._lock_key(projection),))
            try:
                self._drop_built(connection, projection)
                self._begin(connection, projection)
                yield
            finally:
                with suppress(*LOST):
                    self._drop_built(connection, projection)
                    self._unlock(connection, projection)

    @contextmanager
    def swapping(self, projection: Projection[Any]) -> Generator[Place | None]:
        """Hold the live view at its place until the transaction ends: whoever follows it waits."""
        with self._answering() as connection, connection.transaction():
            yield self._place(connection, projection, Stage.LIVE, lock=True)

    def equal(self, projection: Projection[Any]) -> bool:
        """Whether the live rows and those being built are the same."""
        live, built = (view_of(self._tables, projection, stage) for stage in (Stage.LIVE, Stage.BUILDING))
        same = SQL(
            "SELECT NOT EXISTS (TABLE {live} EXCEPT ALL TABLE {built})"
            " AND NOT EXISTS (TABLE {built} EXCEPT ALL TABLE {live})"
        ).format(live=live, built=built)
        with self._answering() as connection:
            return connection.execute(same).fetchone() == (True,)

    def swap(self, projection: Projection[Any]) -> int:
        """Let the built rows take the place of the live ones."""
        positions = positions_of(self._tables)
        forget = SQL("DELETE FROM {} WHERE name = %s AND stage = %s").format(positions)
        promote = SQL("UPDATE {} SET stage = %s WHERE name = %s AND stage = %s").format(positions)
        with self._answering() as connection:
            connection.execute(self._statements(projection, Stage.LIVE).drop)
            connection.execute(rename(self._tables, projection))
            connection.execute(forget, (projection.name, Stage.LIVE.value))
            connection.execute(promote, (Stage.LIVE.value, projection.name, Stage.BUILDING.value))
            counted = connection.execute(self._statements(projection, Stage.LIVE).count).fetchone()
            assert counted is not None
            return counted[0]

    def _upsert(self, connection: Connection[Any], projection: Projection[Any], stage: Stage, rows: str) -> None:
        try:
            connection.execute(self._statements(projection, stage).upsert, (rows,))
        except UndefinedTable:
            raise Moved(projection.name) from None  # dropped by hand: loading it again will tell
        except DataError as error:
            raise Unwritable(projection.name, str(error).partition("\n")[0]) from error

    def _begin(self, connection: Connection[Any], projection: Projection[Any]) -> None:
        begin = SQL(
            "INSERT INTO {positions} (name, stage, version, shape, seq, generation)"
            " SELECT %s, %s, %s, %s, 0, coalesce(max(generation), 0) + 1 FROM {positions} WHERE name = %s"
        ).format(positions=positions_of(self._tables))
        name = projection.name
        with connection.transaction():
            for statement in self._statements(projection, Stage.BUILDING).create:
                connection.execute(statement)
            connection.execute(begin, (name, Stage.BUILDING.value, projection.version, shape_of(projection), name))

    def _drop_built(self, connection: Connection[Any], projection: Projection[Any]) -> None:
        forget = SQL("DELETE FROM {} WHERE name = %s AND stage = %s").format(positions_of(self._tables))
        with connection.transaction():
            connection.execute(self._statements(projection, Stage.BUILDING).drop)
            connection.execute(forget, (projection.name, Stage.BUILDING.value))

    # ── the connection ────────────────────────────────────────────────────────────────────────────────────────────

    def _place(
        self, connection: Connection[Any], projection: Projection[Any], stage: Stage, *, lock: bool = False
    ) -> Place | None:
        query = SQL(
            "SELECT version, shape, seq, generation, failed_seq, error FROM {}"
            " WHERE name = %s AND stage = %s AND to_regclass(%s) IS NOT NULL"
        ).format(positions_of(self._tables))
        table = view_of(self._tables, projection, stage).as_string(connection)
        with connection.cursor(row_factory=class_row(Place)) as cursor:
            cursor.execute(query + SQL(" FOR UPDATE") if lock else query, (projection.name, stage.value, table))
            return cursor.fetchone()

    def _statements(self, projection: Projection[Any], stage: Stage) -> ViewStatements:
        return statements(self._tables, projection, stage)

    def _lock_key(self, projection: Projection[Any]) -> int:
        """One lock for each view of each schema."""
        named = f"hindsight:view:{self._tables.schema}:{projection.name}".encode()
        return int.from_bytes(hashlib.sha256(named).digest()[:8], "big", signed=True)

    def _unlock(self, connection: Connection[Any], projection: Projection[Any]) -> None:
        connection.execute("SELECT pg_advisory_unlock(%s)", (self._lock_key(projection),))

    @contextmanager
    def _answering(self) -> Generator[Connection[Any]]:
        """Give the connection; whoever loses it learns that PostgreSQL is `Unavailable`."""
        try:
            with reaching():
                if self._connection is None or self._connection.closed:
                    self._connection = self._opened()
                yield self._connection
        except Unavailable:
            self.close()
            raise

    def _opened(self) -> Connection[Any]:
        connection = self._connect(self._url, "views")
        connection.execute("SET synchronous_commit = off")
        with connection.transaction():
            lock_schema(connection, self._tables.schema)
            connection.execute(create_positions(self._tables))
        return connection
