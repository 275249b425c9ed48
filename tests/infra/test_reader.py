"""Reading a history in PostgreSQL: what is missing, damaged or of another version is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from histories import OPERATIONS, Author, all_events
from proxy import Proxy, Way
from psycopg import Connection
from psycopg.sql import SQL

from actors.ports import Step
from domain.errors import CorruptHistory, InvalidInput, Unavailable
from infra.postgres import reader as reading
from infra.postgres.lease import Lease
from infra.postgres.migrate import migrate
from infra.postgres.reader import PostgresReader, save_checkpoint
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.postgres.writer import Writer


@pytest.fixture
def admin(database_url: str) -> Iterator[Connection[Any]]:
    with connect(database_url, "admin") as connection:
        yield connection


@pytest.fixture
def tables(schema: str, admin: Connection[Any]) -> Tables:
    tables = Tables(schema)
    migrate(admin, tables)
    return tables


@pytest.fixture
def reader(database_url: str, tables: Tables) -> Iterator[PostgresReader]:
    with PostgresReader(database_url, tables, checkpoint_schema="shape-1") as one:
        yield one


def store(url: str, tables: Tables, *commits: list[Step]) -> None:
    """Write commits as they are cut here."""
    writer = Writer(url, tables, Lease(tables), clock_kind="test")
    writer.open()
    for steps in commits:
        writer.commit(steps)
    writer.release()


def tamper(admin: Connection[Any], tables: Tables, table: str, statement: str) -> None:
    """Change what is stored, as an administrator can: with the triggers off."""
    admin.execute(f"ALTER TABLE {tables.schema}.{table} DISABLE TRIGGER USER")
    admin.execute(SQL(statement).format(**tables.identifiers()))


def test_a_history_longer_than_one_read_is_given_whole(
    database_url: str, tables: Tables, reader: PostgresReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EVENTS_A_READ", 3)
    monkeypatch.setattr(reading, "TAPES_A_READ", 2)
    author = Author()
    commits = [author.ticks(2) for _ in range(6)]
    store(database_url, tables, *commits)
    steps = [step for commit in commits for step in commit]
    assert list(reader.events(0)) == all_events(steps)
    assert list(reader.frames(0)) == [step.frame for step in steps]
    assert [event.version for event in reader.of_stream("symbol:A")] == [1, 2, 3, 4]
    assert [event.version for event in reader.of_stream("symbol:A", before_version=4)] == [1, 2, 3]
    assert [event.seq for event in reader.events(0, topics=("ActorStayedDown",))] == list(range(1, 13))


def test_readings_may_take_turns_while_the_server_reads_ahead(
    database_url: str, tables: Tables, reader: PostgresReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EVENTS_A_READ", 2)
    author = Author()
    store(database_url, tables, author.ticks(9))
    one, other = reader.events(0), reader.events(0)
    assert [(next(one).seq, next(other).seq) for _ in range(7)] == [(n, n) for n in range(1, 8)]
    assert [frame.input_seq for frame in reader.frames(0, 3)] == [1, 2, 3]
    assert [event.version for event in reader.of_stream("symbol:A")] == [1, 2, 3]
    one.close()
    assert [event.seq for event in other] == [8, 9]


def test_a_reading_that_is_let_go_leaves_no_transaction_behind(
    database_url: str, tables: Tables, reader: PostgresReader, admin: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EVENTS_A_READ", 2)
    store(database_url, tables, Author().ticks(9))
    assert next(reader.events(0)).seq == 1
    admin.execute("SET lock_timeout = '5s'")
    admin.execute(SQL("ALTER TABLE {events} ADD COLUMN more int").format(**tables.identifiers()))
    assert len(list(reader.events(0))) == 9


def test_a_connection_that_is_cut_while_the_server_reads_ahead_is_an_outage(
    database_url: str, tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EVENTS_A_READ", 2)
    store(database_url, tables, Author().ticks(9))
    with Proxy(database_url, tmp_path) as proxy, PostgresReader(proxy.url, tables) as reader:
        events = reader.events(0)
        assert next(events).seq == 1
        proxy.cut(then=Way.OPEN)
        with pytest.raises(Unavailable, match="PostgreSQL"):
            list(events)
        assert [event.seq for event in reader.events(0)] == list(range(1, 10))


def test_a_tape_that_was_dropped_is_named_and_the_rest_can_be_read(
    database_url: str, tables: Tables, reader: PostgresReader, admin: Connection[Any]
) -> None:
    author = Author()
    store(database_url, tables, author.ticks(4), author.ticks(2))
    tamper(admin, tables, "tapes", "DELETE FROM {tapes} WHERE commit_id = 1")
    with pytest.raises(Unavailable, match="The tape of inputs 1 to 4 is not available: it was dropped"):
        list(reader.frames(2))
    assert [frame.input_seq for frame in reader.frames(4)] == [5, 6]


def test_a_damaged_tape_is_named_by_its_first_event(
    database_url: str, tables: Tables, reader: PostgresReader, admin: Connection[Any]
) -> None:
    author = Author()
    store(database_url, tables, author.ticks(4), author.ticks(2))
    tamper(admin, tables, "tapes", "UPDATE {tapes} SET frames = set_byte(frames, 20, 77) WHERE commit_id = 2")
    with pytest.raises(CorruptHistory) as found:
        list(reader.frames(0))
    assert found.value.seq == 5


@pytest.mark.parametrize("damage", ["topic = 'Unheard'", "state = 'no msgpack'"])
def test_an_event_that_cannot_be_read_is_named_by_its_place(
    database_url: str, tables: Tables, reader: PostgresReader, admin: Connection[Any], damage: str
) -> None:
    author = Author()
    store(database_url, tables, author.ticks(4))
    tamper(admin, tables, "events", f"UPDATE {{events}} SET {damage} WHERE notification_id = 3")
    events = reader.events(0)
    assert [next(events).seq, next(events).seq] == [1, 2]
    with pytest.raises(CorruptHistory) as found:
        next(events)
    assert found.value.seq == 3


def test_a_checkpoint_that_cannot_be_read_is_passed_over(
    database_url: str, tables: Tables, reader: PostgresReader, admin: Connection[Any]
) -> None:
    author = Author()
    store(database_url, tables, author.ticks(2))
    good = author.checkpoint()
    save_checkpoint(admin, tables, good)
    author.ticks(2)
    save_checkpoint(admin, tables, author.checkpoint())
    assert reader.checkpoint(9) == author.checkpoint()
    admin.execute(f"UPDATE {tables.schema}.checkpoints SET body = set_byte(body, 10, 77) WHERE input_seq = 4")
    assert reader.checkpoint(9) == good


def test_a_checkpoint_taken_again_replaces_the_first(
    tables: Tables, reader: PostgresReader, admin: Connection[Any]
) -> None:
    author = Author()
    author.ticks(2)
    for _ in range(2):
        save_checkpoint(admin, tables, author.checkpoint())
    assert reader.checkpoint(2) == author.checkpoint()


def test_a_reader_finds_its_way_back_after_an_outage(database_url: str, tables: Tables, tmp_path: Path) -> None:
    author = Author()
    store(database_url, tables, [author.stop()])
    with Proxy(database_url, tmp_path) as proxy, PostgresReader(proxy.url, tables) as reader:
        assert reader.head() == author.head
        proxy.cut(then=Way.CLOSED)
        for read in (reader.head, lambda: list(reader.events(0, 9)), lambda: list(reader.of_stream(OPERATIONS))):
            with pytest.raises(Unavailable):
                read()
        proxy.way = Way.OPEN
        assert reader.head() == author.head


def test_tables_of_another_version_are_not_read(tables: Tables, reader: PostgresReader, admin: Connection[Any]) -> None:
    admin.execute(f"INSERT INTO {tables.schema}.migrations (number, name) VALUES (9999, 'from_the_future')")
    with pytest.raises(InvalidInput, match="newer version"):
        reader.head()


def test_a_run_that_does_not_exist_is_named(database_url: str, schema: str) -> None:
    with PostgresReader(database_url, Tables(f"{schema}_missing")) as reader, pytest.raises(InvalidInput) as found:
        reader.head()
    assert f"{schema}_missing" in str(found.value)
