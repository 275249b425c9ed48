"""Dropping tapes past their retention time. Events, commits and the hashes of the tapes stay for ever.

The trigger that keeps tapes append-only lets a DELETE pass in a transaction that says `hindsight.pruning`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.sql import SQL

from infra.postgres.migrate import require_current
from infra.postgres.session import connect, reaching
from infra.postgres.tables import Tables

_OLD: Final = (
    " FROM {tapes} WHERE commit_id <"
    " coalesce((SELECT min(commit_id) FROM {commits} WHERE committed_at >= %s), 9223372036854775807)"
)


class Pruned(msgspec.Struct, frozen=True):
    """How many tapes, and how many bytes of them, were (or would be) dropped."""

    tapes: int
    bytes: int


def prune(url: str, tables: Tables, before: datetime, *, apply: bool) -> Pruned:
    """Drop the tapes of all commits before the first one that was made at or after a moment, or only count them.

    So what stays has no hole. Raises `Unavailable` if PostgreSQL is away, and `InvalidInput` if the tables are not
    those of this version.
    """
    with reaching(), connect(url, "prune") as connection, connection.transaction():
        require_current(connection, tables)
        found = _count(connection, tables, before)
        if apply and found.tapes:
            connection.execute("SELECT set_config('hindsight.pruning', 'on', true)")  # the trigger lets it pass
            connection.execute(SQL("DELETE" + _OLD).format(**tables.identifiers()), (before,))
    return found


def sealed_until(url: str, tables: Tables, before: datetime) -> int:
    """Give the last event of the commits whose tapes `prune` would drop, 0 if it would drop none.

    What it covers is sealed: no commit is ever added in front of another.
    """
    last = SQL("SELECT coalesce(max(last_seq), 0) FROM {commits} WHERE commit_id IN (SELECT commit_id" + _OLD + ")")
    with reaching(), connect(url, "prune") as connection, connection.transaction():
        require_current(connection, tables)
        found = connection.execute(last.format(**tables.identifiers()), (before,)).fetchone()
    assert found is not None, "an aggregate gives one row"
    return int(found[0])


def _count(connection: Connection[Any], tables: Tables, before: datetime) -> Pruned:
    with connection.cursor(row_factory=class_row(Pruned)) as cursor:
        statement = SQL("SELECT count(*) AS tapes, coalesce(sum(length(frames)), 0)::bigint AS bytes" + _OLD)
        found = cursor.execute(statement.format(**tables.identifiers()), (before,)).fetchone()
    assert found is not None, "an aggregate gives one row"
    return found
