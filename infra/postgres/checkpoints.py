"""Letting old checkpoints go. They are a cache, but one that a start and `replay --at` are slow without.

Kept are the newest few; of the last day, as the run's own time goes, one an hour; of each day before, one. The newest
that can be read is never dropped; those of another schema, which nobody reads any more, always are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from psycopg.rows import class_row
from psycopg.sql import SQL

from domain.flow import HOUR_MS
from infra.postgres.migrate import require_current
from infra.postgres.reader import PostgresReader
from infra.postgres.session import connect, reaching
from infra.postgres.tables import Tables

NEWEST: Final = 3
DAY_MS: Final = 24 * HOUR_MS
_LISTED: Final = (
    "SELECT input_seq, schema_name, length(body)::bigint AS size, coalesce("
    "(SELECT at_ms FROM {commits} WHERE last_input >= input_seq ORDER BY last_input, commit_id LIMIT 1), 0) AS at_ms"
    " FROM {checkpoints} ORDER BY input_seq"
)


class Taken(NamedTuple):
    """Where a checkpoint stands: its input, and when that was received (UTC ms)."""

    input_seq: int
    at_ms: int


class Thinned(msgspec.Struct, frozen=True):
    """How many checkpoints, and how many bytes of them, were (or would be) dropped, and how many stay."""

    checkpoints: int
    checkpoint_bytes: int
    checkpoints_kept: int


class _Row(msgspec.Struct, frozen=True):
    """A checkpoint as it stands in its table; `at_ms` is that of the commit that holds its input."""

    input_seq: int
    schema_name: str
    size: int
    at_ms: int


def useful(taken: Iterable[Taken]) -> frozenset[int]:
    """Choose, by their inputs, the checkpoints that are worth their room."""
    newest_first = sorted(taken, reverse=True)
    kept = {one.input_seq for one in newest_first[:NEWEST]}
    seen: set[tuple[int, int]] = set()
    for one in newest_first:
        span_ms = HOUR_MS if newest_first[0].at_ms - one.at_ms < DAY_MS else DAY_MS
        period = span_ms, one.at_ms // span_ms
        if period not in seen:
            seen.add(period)
            kept.add(one.input_seq)
    return frozenset(kept)


def thin(url: str, tables: Tables, schema: str, *, apply: bool) -> Thinned:
    """Drop the checkpoints that are not useful to a program that reads those of `schema`, or only count them.

    Raises `Unavailable` if PostgreSQL is away, and `InvalidInput` if the tables are not those of this version.
    """
    listed = SQL(_LISTED).format(**tables.identifiers())
    dropped = SQL("DELETE FROM {checkpoints} WHERE input_seq = %s AND schema_name = %s").format(**tables.identifiers())
    with (
        PostgresReader(url, tables, checkpoint_schema=schema) as reader,
        reaching(),
        connect(url, "prune") as connection,
        connection.transaction(),
    ):
        require_current(connection, tables)
        rows = connection.cursor(row_factory=class_row(_Row)).execute(listed).fetchall()
        kept = useful(Taken(row.input_seq, row.at_ms) for row in rows if row.schema_name == schema)
        newest = reader.checkpoint(rows[-1].input_seq) if rows else None
        if newest is not None:
            kept |= {newest.head.input_seq}
        superfluous = [row for row in rows if row.schema_name != schema or row.input_seq not in kept]
        if apply:
            for row in superfluous:
                connection.execute(dropped, (row.input_seq, row.schema_name))
    return Thinned(len(superfluous), sum(row.size for row in superfluous), len(rows) - len(superfluous))
