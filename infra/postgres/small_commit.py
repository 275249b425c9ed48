"""A small commit as one statement, for the sake of the effect that waits for it.

COPY is the fastest way to many rows, but a transaction around it takes five exchanges with the server. A few rows
go as one INSERT that is a transaction of its own: one exchange, like the cheapest commit there is. Both ways leave
the same rows.

It needs no lock of the table: whoever takes the store, or writes through the recorder, takes a lock that waits for this
INSERT, or lets it wait. And the fence is a row lock, under which the token can't be counted up.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from psycopg import Cursor
from psycopg.sql import SQL, Composable, Identifier, Literal, Placeholder

from infra.postgres.commit import COLUMNS, SealedCommit
from infra.postgres.tables import Tables

ROWS_MAX: Final = 50
"""With more rows than this COPY is faster."""

_LENGTH: Final = struct.Struct(">i").unpack_from
_VERSION: Final = struct.Struct(">q").unpack_from
_COUNT, _INT4 = 2, 4
_TOKEN: Final = COLUMNS.index("token")

Columns = tuple[str, int, str, bytes, int]


def write(cursor: Cursor[Any], tables: Tables, sealed: SealedCommit, rows: Sequence[bytes], tape: bytes) -> None:
    """Commit few rows, and notify whoever listens. The connection is in autocommit mode.

    Raises `psycopg.errors.NotNullViolation` if the commit's token is no longer that of the store.
    """
    columns = [list(column) for column in zip(*map(columns_of, rows), strict=True)] or [[], [], [], [], []]
    parameters = (sealed.token, *columns, sealed.commit_id, tape, *_without_token(sealed))
    cursor.execute(_statement(tables), parameters, prepare=True)


def columns_of(row: bytes) -> Columns:
    """Take an event's canonical row apart: stream, version, topic, state, seq. The inverse of `chain.row_bytes`."""
    stream, at = _field(row, _COUNT)
    version, at = _field(row, at)
    topic, at = _field(row, at)
    state, at = _field(row, at)
    seq, _ = _field(row, at)
    return str(stream, "utf-8"), _VERSION(version)[0], str(topic, "utf-8"), state, _VERSION(seq)[0]


def _field(row: bytes, at: int) -> tuple[bytes, int]:
    start = at + _INT4
    end = start + _LENGTH(row, at)[0]
    return row[start:end], end


def _without_token(sealed: SealedCommit) -> list[object]:
    values: list[object] = list(msgspec.structs.astuple(sealed))
    del values[_TOKEN]
    return values


@functools.lru_cache(maxsize=64)
def _statement(tables: Tables) -> bytes:
    values: list[Composable] = [Placeholder()] * len(COLUMNS)
    values[_TOKEN] = SQL("(SELECT token FROM ours)")  # null if it is not, which that column refuses
    statement = SQL(
        "WITH ours AS (SELECT token FROM {lease} WHERE token = %s FOR SHARE),"
        " event AS (INSERT INTO {events} (originator_id, originator_version, topic, state, notification_id)"
        " SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[], %b::bigint[])),"
        " tape AS (INSERT INTO {tapes} (commit_id, frames) VALUES (%s, %b))"
        " INSERT INTO {commits} ({columns}) VALUES ({values}) RETURNING pg_notify({channel}, '')"
    ).format(
        **tables.identifiers(),
        columns=SQL(", ").join(map(Identifier, COLUMNS)),
        values=SQL(", ").join(values),
        channel=Literal(tables.channel),
    )
    return statement.as_bytes(None)
