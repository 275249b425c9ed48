"""One commit: a part of history that is sealed, written as a whole, and found again when its answer was lost.

A commit row closes over everything that came with it:

    events_root   RFC 6962 root over the event rows, each as its binary COPY row (`domain.chain`)
    tape_hash     sha256 of the tape's blob; it stays when the blob is pruned
    content_hash  the rolling hash over inputs, events and effects after the last input of this commit
    row_hash      sha256(msgpack([every other column, in the order of the table]) ‖ row_hash of the commit before)

In msgpack, integers take their shortest form, texts are `str`, hashes are `bin`, and `committed_at` is an integer:
microseconds since 1970, UTC. The commit before the first has the row hash `GENESIS`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from psycopg import Cursor
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn
from psycopg.rows import class_row, tuple_row
from psycopg.sql import SQL, Composable, Identifier, Literal, Placeholder
from psycopg.waiting import Wait

from domain.errors import InvalidInput
from domain.proof.chain import GENESIS, events_root
from infra.postgres.binary_copy import loading
from infra.postgres.tables import Tables

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SEQ_BYTES: Final = 8

ROWS_MAX: Final = 1_000_000
"""No commit may hold more events: it is written, and read back, as a whole."""

_encode = msgspec.msgpack.Encoder().encode


class CommitHead(msgspec.Struct, frozen=True):
    """The end of a chain of commits; of an empty one, zeros and `GENESIS`."""

    commit_id: int = 0
    last_seq: int = 0
    last_input: int = 0
    at_ms: int = 0
    content_hash: bytes = GENESIS
    row_hash: bytes = GENESIS


class CommitDraft(msgspec.Struct, frozen=True):
    """What is to be written in one transaction.

    `rows` are binary COPY rows whose sequence numbers follow the head without a gap. `first_input`, `last_input` and
    `at_ms` are those of the tape's frames; without frames 0 and the head's values. `tape` are the compressed frames,
    `b""` if there are none. `environment` is canonical JSON text. `committed_at` has a time zone.
    """

    rows: Sequence[bytes]
    first_input: int
    last_input: int
    at_ms: int
    tape: bytes
    content_hash: bytes
    writer: str
    token: int
    environment: str
    committed_at: datetime


class SealedCommit(msgspec.Struct, frozen=True):
    """A row of the table of commits: its columns, in their order."""

    commit_id: int
    first_seq: int
    last_seq: int
    first_input: int
    last_input: int
    at_ms: int
    committed_at: datetime
    writer: str
    token: int
    environment: str
    events_root: bytes
    tape_hash: bytes
    content_hash: bytes
    row_hash: bytes

    @property
    def head(self) -> CommitHead:
        """The end of the chain with this commit on it."""
        return CommitHead(self.commit_id, self.last_seq, self.last_input, self.at_ms, self.content_hash, self.row_hash)


COLUMNS: Final = SealedCommit.__struct_fields__


def seal(head: CommitHead, draft: CommitDraft) -> SealedCommit:
    """Give the commit that a draft becomes after a head. Raises `InvalidInput` if it holds too many events."""
    rows = draft.rows
    if len(rows) > ROWS_MAX:
        raise InvalidInput("one commit", f"at most {ROWS_MAX} events", f"{len(rows)}", "Insert them in several parts.")
    first_seq, last_seq = head.last_seq + 1, head.last_seq + len(rows)
    if rows:
        assert seq_of(rows[0]) == first_seq, (
            f"the first row has seq {seq_of(rows[0])}, after the head comes {first_seq}"
        )
        assert seq_of(rows[-1]) == last_seq, (
            f"the last row has seq {seq_of(rows[-1])}, {len(rows)} rows end at {last_seq}"
        )
    unchained = SealedCommit(
        commit_id=head.commit_id + 1,
        first_seq=first_seq,
        last_seq=last_seq,
        first_input=draft.first_input,
        last_input=draft.last_input,
        at_ms=draft.at_ms,
        committed_at=draft.committed_at,
        writer=draft.writer,
        token=draft.token,
        environment=draft.environment,
        events_root=events_root(rows),
        tape_hash=hashlib.sha256(draft.tape).digest(),
        content_hash=draft.content_hash,
        row_hash=b"",
    )
    return msgspec.structs.replace(unchained, row_hash=row_hash(unchained, head.row_hash))


def row_hash(commit: SealedCommit, previous: bytes) -> bytes:
    """Give the hash over a commit's columns and the row hash of the commit before."""
    columns: list[object] = list(msgspec.structs.astuple(commit)[:-1])
    columns[COLUMNS.index("committed_at")] = (commit.committed_at - _EPOCH) // _MICROSECOND
    return hashlib.sha256(_encode(columns) + previous).digest()


def seq_of(row: bytes) -> int:
    """Give the sequence number of an event row; below 1 only if somebody put it there."""
    return int.from_bytes(row[-_SEQ_BYTES:], "big", signed=True)


def lock(cursor: Cursor[Any], tables: Tables) -> None:
    """Lock out every other writer of this history until the transaction ends; readers go on."""
    cursor.execute(_statements(tables).lock, prepare=True)


def read_head(cursor: Cursor[Any], tables: Tables) -> CommitHead:
    """Give the end of the chain. Under `lock` it is the last word, else what was durable a moment ago."""
    with cursor.connection.cursor(row_factory=class_row(CommitHead)) as heads:
        return heads.execute(_statements(tables).head, prepare=True).fetchone() or CommitHead()


def write(cursor: Cursor[Any], tables: Tables, sealed: SealedCommit, rows: Sequence[bytes], tape: bytes) -> None:
    """Write a sealed commit within the caller's transaction, and notify whoever listens.

    Raises `psycopg.errors.UniqueViolation` if another writer took the commit's number, a sequence number, or the
    version of a stream.
    """
    insert(cursor, tables, sealed, tape)
    if rows:
        with copying(cursor, tables) as send:
            send(rows)


@contextmanager
def copying(cursor: Cursor[Any], tables: Tables) -> Generator[Callable[[Sequence[bytes]], None]]:
    """Write the event rows of a commit: give the function that sends them, see `binary_copy.loading`.

    So a commit may be hashed and sealed while the server already stores its rows; `insert` completes it.
    """
    connection = cursor.connection

    def send(rows: Sequence[bytes]) -> None:
        load(rows)
        connection.wait(_flush(connection.pgconn))

    with loading(cursor, _statements(tables).copy) as load:
        yield send


def _flush(pgconn: PGconn) -> PQGen[None]:
    """Hand everything to the operating system: what libpq keeps, the server would wait for while we do other work."""
    while pgconn.flush():
        while not (yield Wait.W):
            pass


def insert(cursor: Cursor[Any], tables: Tables, sealed: SealedCommit, tape: bytes) -> None:
    """Write the row of a commit and its tape, and notify whoever listens: one statement, also for a pipeline."""
    statements = _statements(tables)
    columns = msgspec.structs.astuple(sealed)
    if tape:
        cursor.execute(statements.insert_with_tape, (sealed.commit_id, tape, *columns), prepare=True)
    else:
        cursor.execute(statements.insert, columns, prepare=True)


def is_written(cursor: Cursor[Any], tables: Tables, sealed: SealedCommit) -> bool:
    """Tell whether a commit, the answer to which was lost, is durable.

    Takes the lock of writers first: a transaction that is still ending on the server has then ended, so the answer
    can't change any more. False if the number is free, or was taken by another writer.
    """
    lock(cursor, tables)
    with cursor.connection.cursor(row_factory=tuple_row) as found:
        found.execute(_statements(tables).lookup, (sealed.commit_id, sealed.row_hash), prepare=True)
        return found.fetchone() is not None


class _Statements(msgspec.Struct, frozen=True):
    lock: bytes
    head: bytes
    insert: bytes
    insert_with_tape: bytes
    copy: bytes
    lookup: bytes


@functools.lru_cache(maxsize=64)
def _statements(tables: Tables) -> _Statements:
    names: dict[str, Composable] = {
        **tables.identifiers(),
        "channel": Literal(tables.channel),
        "columns": SQL(", ").join(map(Identifier, COLUMNS)),
        "head_columns": SQL(", ").join(map(Identifier, CommitHead.__struct_fields__)),
        "values": SQL(", ").join([Placeholder()] * len(COLUMNS)),
    }
    insert = SQL("INSERT INTO {commits} ({columns}) VALUES ({values}) RETURNING pg_notify({channel}, '')").format(
        **names
    )
    texts = {
        "lock": SQL("LOCK TABLE {events} IN EXCLUSIVE MODE").format(**names),
        "head": SQL("SELECT {head_columns} FROM {commits} ORDER BY commit_id DESC LIMIT 1").format(**names),
        "insert": insert,
        "insert_with_tape": SQL(
            "WITH tape AS (INSERT INTO {tapes} (commit_id, frames) VALUES (%s, %b)) {insert}"
        ).format(insert=insert, **names),
        "copy": SQL(
            "COPY {events} (originator_id, originator_version, topic, state, notification_id)"
            " FROM STDIN (FORMAT BINARY)"
        ).format(**names),
        "lookup": SQL("SELECT 1 FROM {commits} WHERE commit_id = %s AND row_hash = %s").format(**names),
    }
    return _Statements(**{name: text.as_bytes(None) for name, text in texts.items()})
