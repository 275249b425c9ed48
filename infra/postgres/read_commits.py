"""Read commits back, each with its event rows as they are stored and with its tape, in order and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row, tuple_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from infra.postgres.binary_copy import rows_of
from infra.postgres.commit import COLUMNS, ROWS_MAX, SealedCommit, seq_of
from infra.postgres.commit_check import StoredCommit
from infra.postgres.tables import Tables

COMMITS_A_BATCH: Final = 32
ROWS_A_BATCH: Final = 50_000

_FIRST: Final = -(2**63)
"""The least number that a row can have: an edit may have given it one of these."""
_READABLE_TIME: Final = SQL(
    "greatest(least(committed_at, '9999-12-31 00:00:00+00'), '0001-01-02 00:00:00+00') AS committed_at"
)
"""PostgreSQL knows times that Python does not. Such a one was edited in: the nearest that can be read fits no hash."""


class _Span(NamedTuple):
    """A commit, and the last seq that can be its own."""

    commit: SealedCommit
    end: int


def read_commits(connection: Connection[Any], tables: Tables) -> Iterator[StoredCommit]:
    """Give every commit of a history in order, within the caller's transaction.

    A commit gets the rows after those of the one before, up to its own last seq, whatever its first seq says: so a row
    that is too much is seen where it stands. Rows after the last commit are not given. Use the connection for nothing
    else until the iterator is exhausted.
    """
    select = _select_commits(tables)
    start = rows_start = _FIRST
    with connection.cursor(row_factory=class_row(SealedCommit), binary=True) as cursor:
        while found := cursor.execute(select, (start, COMMITS_A_BATCH + 1)).fetchall():
            batch = _batch(found)
            yield from _with_rows(connection, tables, batch, rows_start)
            start, rows_start = batch[-1].commit.commit_id + 1, max(rows_start, batch[-1].end + 1)


def _batch(found: Sequence[SealedCommit]) -> list[_Span]:
    """Give as many commits as fit into memory together. The last of `found` may only say where the one before ends.

    A commit whose last seq was changed must not get the rows of those after it.
    """
    ends = [min(commit.last_seq, following.first_seq - 1) for commit, following in pairwise(found)]
    if len(found) <= COMMITS_A_BATCH:
        ends.append(found[-1].last_seq)
    first, *others = [_Span(commit, end) for commit, end in zip(found, ends, strict=False)]
    first_seq = first.commit.first_seq
    return [first, *takewhile(lambda span: span.end - first_seq < ROWS_A_BATCH, others)]


def _with_rows(
    connection: Connection[Any], tables: Tables, batch: Sequence[_Span], rows_start: int
) -> Iterator[StoredCommit]:
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        bounds = (batch[0].commit.commit_id, batch[-1].commit.commit_id)
        blobs: dict[int, bytes] = dict(cursor.execute(_select_tapes(tables), bounds).fetchall())
        with cursor.copy(_copy_rows(tables, rows_start, batch[-1].end)) as copy:
            rows = rows_of(copy)
            row = next(rows, None)
            for commit, end in batch:
                own: list[bytes] = []
                while row is not None and seq_of(row) <= end:
                    own.append(row)
                    row = next(rows, None)
                yield StoredCommit(commit, own, blobs.get(commit.commit_id))


def _select_commits(tables: Tables) -> Composed:
    columns = SQL(", ").join(_READABLE_TIME if name == "committed_at" else Identifier(name) for name in COLUMNS)
    return SQL("SELECT {} FROM {} WHERE commit_id >= %s ORDER BY commit_id LIMIT %s").format(
        columns, tables.named("commits")
    )


def _select_tapes(tables: Tables) -> Composed:
    return SQL("SELECT commit_id, frames FROM {} WHERE commit_id BETWEEN %s AND %s").format(tables.named("tapes"))


def _copy_rows(tables: Tables, start: int, until: int) -> Composed:
    return SQL(
        "COPY (SELECT originator_id, originator_version, topic, state, notification_id FROM {}"
        " WHERE notification_id >= {} AND notification_id <= {} ORDER BY notification_id LIMIT {})"
        " TO STDOUT (FORMAT BINARY)"
    ).format(Identifier(tables.schema, tables.events), Literal(start), Literal(until), Literal(ROWS_MAX))
