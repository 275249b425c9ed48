"""A small commit leaves what a large one leaves, in one statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from histories import Author, all_events
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from domain.errors import Fenced
from domain.proof.chain import row_bytes
from infra.postgres import small_commit
from infra.postgres.lease import Lease
from infra.postgres.reader import PostgresReader
from infra.postgres.session import connect
from infra.postgres.small_commit import columns_of
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store
from infra.postgres.writer import Writer

_u63 = st.integers(min_value=0, max_value=2**63 - 1)
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture
def writer(database_url: str, schema: str) -> Iterator[Writer]:
    tables = Tables(schema)
    one = Writer(database_url, tables, Lease(tables), clock_kind="test")
    one.open()
    yield one
    one.close()


@pytest.fixture
def observer(database_url: str) -> Iterator[Connection[Any]]:
    with connect(database_url, "observer") as connection:
        yield connection


@given(_u63, _text, _u63, _text, st.binary(max_size=100))
def test_a_row_is_taken_apart_into_what_it_was_made_of(
    seq: int, stream: str, version: int, topic: str, state: bytes
) -> None:
    row = row_bytes(seq, stream.encode(), version, topic.encode(), state)
    assert columns_of(row) == (stream, version, topic, state, seq)


@pytest.mark.parametrize("rows", [0, 1, small_commit.ROWS_MAX, small_commit.ROWS_MAX + 1])
def test_either_way_the_store_holds_the_same(writer: Writer, database_url: str, schema: str, rows: int) -> None:
    author = Author()
    steps = [*author.ticks(rows), author.nothing()]
    writer.commit(steps)
    writer.commit([author.stop()])
    outcome = verify_store(database_url, Tables(schema), remembered_head=writer.head)
    assert outcome.problems == ()
    assert (outcome.checked_commits, outcome.checked_events) == (2, rows + 2)
    with PostgresReader(database_url, Tables(schema)) as reader:
        assert list(reader.events(0, rows)) == all_events(steps)
        assert reader.head() == author.head


@pytest.mark.parametrize("rows", [1, small_commit.ROWS_MAX + 1])
def test_followers_are_notified_either_way(writer: Writer, observer: Connection[Any], rows: int) -> None:
    observer.execute("LISTEN events")
    writer.commit(Author().ticks(rows))
    assert [1 for _ in observer.notifies(timeout=10.0, stop_after=1)] == [1]


@pytest.mark.parametrize("rows", [1, small_commit.ROWS_MAX + 1])
def test_a_writer_whose_token_is_old_writes_nothing_either_way(
    writer: Writer, observer: Connection[Any], schema: str, rows: int
) -> None:
    author = Author()
    writer.commit(author.ticks(1))
    observer.execute(f"UPDATE {schema}.lease SET token = token + 1")
    with pytest.raises(Fenced, match=r"process \d+ on"):
        writer.commit(author.ticks(rows))
    for table in ("events", "commits", "tapes"):
        assert observer.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone() == (1,)


@pytest.mark.parametrize(
    ("rows", "held"),
    [(1, "UPDATE {}.lease SET token = token"), (small_commit.ROWS_MAX + 1, "LOCK TABLE {}.events IN EXCLUSIVE MODE")],
)
def test_a_commit_that_waits_for_a_new_owner_is_fenced_when_that_is_done(
    writer: Writer, database_url: str, schema: str, rows: int, held: str
) -> None:
    outcome: list[Exception] = []

    def commit() -> None:
        try:
            writer.commit(Author().ticks(rows))
        except Fenced as error:
            outcome.append(error)

    with connect(database_url, "successor") as successor:
        successor.execute("BEGIN")
        successor.execute(held.format(schema))
        sleeper = threading.Thread(target=commit)
        sleeper.start()
        sleeper.join(0.1)
        assert sleeper.is_alive(), "it waits for the lock"
        successor.execute(f"UPDATE {schema}.lease SET token = token + 1")
        successor.execute("COMMIT")
        sleeper.join(10.0)
        assert len(outcome) == 1
        assert successor.execute(f"SELECT count(*) FROM {schema}.commits").fetchone() == (0,)
