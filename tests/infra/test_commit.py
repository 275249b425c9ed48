from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection
from stored_history import MIDNIGHT, StoredHistory

from domain.errors import InvalidInput
from domain.proof.chain import GENESIS, events_root, row_bytes
from infra.postgres import commit
from infra.postgres.commit import CommitDraft, CommitHead, is_written, lock, read_head, seal, write
from infra.postgres.migrate import migrate
from infra.postgres.tables import Tables


@pytest.fixture
def tables(connection: Connection[Any], schema: str) -> Tables:
    tables = Tables(schema)
    migrate(connection, tables)
    return tables


def rows(first_seq: int, count: int, stream: str = "symbol:BTCUSDT", first_version: int = 1) -> list[bytes]:
    return [
        row_bytes(first_seq + i, stream.encode(), first_version + i, b"CandleClosed", b"state %d" % i)
        for i in range(count)
    ]


def draft(rows: list[bytes], **changes: Any) -> CommitDraft:
    facts: dict[str, Any] = {
        "rows": rows,
        "first_input": 1,
        "last_input": 2,
        "at_ms": 1_700_000_000_000,
        "tape": b"frames",
        "content_hash": bytes(31) + b"c",
        "writer": "process 1 on host",
        "token": 4,
        "environment": "{}",
        "committed_at": MIDNIGHT,
    }
    return CommitDraft(**(facts | changes))


def test_a_sealed_commit_continues_the_numbers_of_its_head() -> None:
    head = CommitHead(commit_id=6, last_seq=40, last_input=9)

    sealed = seal(head, draft(rows(41, 3)))

    assert (sealed.commit_id, sealed.first_seq, sealed.last_seq) == (7, 41, 43)
    assert sealed.head == CommitHead(7, 43, 2, 1_700_000_000_000, sealed.content_hash, sealed.row_hash)


def test_a_commit_without_events_ends_where_the_one_before_ended() -> None:
    sealed = seal(CommitHead(commit_id=6, last_seq=40), draft([]))

    assert (sealed.first_seq, sealed.last_seq) == (41, 40)
    assert sealed.events_root == events_root([])


def test_the_row_hash_covers_all_columns_and_the_row_hash_before() -> None:
    events = rows(1, 2)
    head = CommitHead(row_hash=b"before".ljust(32))

    sealed = seal(head, draft(events))

    numbers = [1, 1, 2, 1, 2, 1_700_000_000_000, 1_763_683_200_000_000]
    hashes = [events_root(events), hashlib.sha256(b"frames").digest(), bytes(31) + b"c"]
    columns = [*numbers, "process 1 on host", 4, "{}", *hashes]
    assert sealed.row_hash == hashlib.sha256(msgspec.msgpack.encode(columns) + head.row_hash).digest()


@pytest.mark.parametrize("column", [name for name in commit.COLUMNS if name != "row_hash"])
def test_another_value_in_any_column_gives_another_row_hash(column: str) -> None:
    sealed = seal(CommitHead(), draft(rows(1, 2)))
    value = getattr(sealed, column)
    more = {int: 1, str: " ", bytes: b"\0", datetime: timedelta(microseconds=1)}

    changed = msgspec.structs.replace(sealed, **{column: value + more[type(value)]})

    assert commit.row_hash(changed, GENESIS) != sealed.row_hash


def test_the_row_hash_does_not_depend_on_the_time_zone_in_which_a_time_is_told() -> None:
    elsewhere = MIDNIGHT.astimezone(timezone(timedelta(hours=9)))

    assert seal(CommitHead(), draft([], committed_at=elsewhere)).row_hash == seal(CommitHead(), draft([])).row_hash


def test_rows_that_do_not_follow_the_head_are_not_sealed() -> None:
    with pytest.raises(AssertionError, match="the first row has seq 5, after the head comes 4"):
        seal(CommitHead(last_seq=3), draft(rows(5, 2)))
    with pytest.raises(AssertionError, match="the last row has seq 6, 2 rows end at 5"):
        seal(CommitHead(last_seq=3), draft([*rows(4, 1), *rows(6, 1)]))


def test_a_commit_of_too_many_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "ROWS_MAX", 2)

    with pytest.raises(InvalidInput, match="at most 2 events, found 3"):
        seal(CommitHead(), draft(rows(1, 3)))


def test_an_empty_chain_has_the_genesis_head(connection: Connection[Any], tables: Tables) -> None:
    with connection.cursor() as cursor:
        assert read_head(cursor, tables) == CommitHead(0, 0, 0, 0, GENESIS, GENESIS)


def test_what_was_written_is_read_back_as_it_was_sealed(connection: Connection[Any], tables: Tables) -> None:
    at = datetime(2025, 11, 21, 7, 8, 9, 123_457, tzinfo=UTC)
    events = rows(1, 3)
    change = draft(events, committed_at=at, environment='{"clock":"ä"}')
    sealed = seal(CommitHead(), change)

    with connection.transaction(), connection.cursor() as cursor:
        write(cursor, tables, sealed, events, change.tape)

    columns = ", ".join(commit.COLUMNS)
    stored = connection.execute(f"SELECT {columns} FROM {tables.schema}.commits").fetchall()
    assert stored == [msgspec.structs.astuple(sealed)]
    assert connection.execute(f"SELECT * FROM {tables.schema}.tapes").fetchall() == [(1, b"frames")]
    assert connection.execute(f"SELECT * FROM {tables.schema}.events ORDER BY notification_id").fetchall() == [
        ("symbol:BTCUSDT", 1, "CandleClosed", b"state 0", 1),
        ("symbol:BTCUSDT", 2, "CandleClosed", b"state 1", 2),
        ("symbol:BTCUSDT", 3, "CandleClosed", b"state 2", 3),
    ]
    with connection.cursor() as cursor:
        assert read_head(cursor, tables) == sealed.head


def test_a_commit_without_a_tape_leaves_no_blob(connection: Connection[Any], tables: Tables) -> None:
    change = draft(rows(1, 1), tape=b"", first_input=0, last_input=0)
    sealed = seal(CommitHead(), change)

    with connection.transaction(), connection.cursor() as cursor:
        write(cursor, tables, sealed, change.rows, change.tape)

    assert connection.execute(f"SELECT count(*) FROM {tables.schema}.tapes").fetchone() == (0,)


def test_a_commit_number_can_be_taken_only_once(connection: Connection[Any], tables: Tables) -> None:
    sealed = seal(CommitHead(), draft([]))
    with connection.transaction(), connection.cursor() as cursor:
        write(cursor, tables, sealed, [], b"frames")

    other = seal(CommitHead(), draft(rows(1, 1)))
    with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction(), connection.cursor() as cursor:
        write(cursor, tables, other, rows(1, 1), b"frames")

    assert connection.execute(f"SELECT count(*) FROM {tables.schema}.events").fetchone() == (0,)


def test_a_commit_wakes_whoever_listens(connection: Connection[Any], tables: Tables, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute(f"LISTEN {tables.channel}")

        with connection.transaction(), connection.cursor() as cursor:
            write(cursor, tables, seal(CommitHead(), draft([])), [], b"frames")

        assert [note.channel for note in listener.notifies(timeout=10, stop_after=1)] == ["events"]


def test_a_durable_commit_is_found_again_and_another_one_is_not(connection: Connection[Any], tables: Tables) -> None:
    history = StoredHistory(connection, tables)
    written = history.commit(["symbol:BTCUSDT"])
    never_written = seal(written.head, draft(rows(2, 1, first_version=2)))
    with_the_same_number = seal(CommitHead(), draft(rows(1, 1)))

    with connection.transaction(), connection.cursor() as cursor:
        assert is_written(cursor, tables, written)
        assert not is_written(cursor, tables, never_written)
        assert not is_written(cursor, tables, with_the_same_number)


def test_the_look_up_waits_until_a_transaction_that_still_ends_has_ended(
    connection: Connection[Any], tables: Tables, database_url: str
) -> None:
    sealed = seal(CommitHead(), draft([]))
    with psycopg.connect(database_url) as other, other.cursor() as ending:
        lock(ending, tables)
        write(ending, tables, sealed, [], b"frames")

        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable), connection.transaction():
                is_written(cursor, tables, sealed)
        other.commit()

    with connection.transaction(), connection.cursor() as cursor:
        assert is_written(cursor, tables, sealed)
