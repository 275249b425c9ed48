"""Runs: one schema each, built beside the old one, and never met by another."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from histories import Author
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from domain.errors import Fenced, InvalidInput
from infra.postgres import runs
from infra.postgres.journal import PostgresJournal
from infra.postgres.lease import keep_writers_out
from infra.postgres.reader import PostgresReader
from infra.postgres.runs import RunInfo, new_run
from infra.postgres.session import connect
from infra.postgres.tables import Tables


@pytest.fixture
def run_id(database_url: str) -> Iterator[str]:
    drawn = f"t-{uuid.uuid4().hex[:12]}"
    yield drawn
    with connect(database_url, "test") as connection:
        for tables in (runs.tables_of(drawn), runs.building_tables_of(drawn)):
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(tables.schema)))


@pytest.fixture
def session(database_url: str) -> Iterator[Connection[Any]]:
    with connect(database_url, "test") as connection:
        yield connection


def backtest(run_id: str) -> RunInfo:
    return new_run(run_id, "backtest", "in-process", "history", "interval = '1m'")


def build(url: str, info: RunInfo, steps: int) -> None:
    """Build a run of so many steps, up to where it would take its name."""
    journal = PostgresJournal(
        url,
        runs.building_tables_of(info.run_id),
        lambda _: None,
        clock_kind=info.clock,
        prepare=lambda connection: runs.begin(connection, info),
    )
    for step in Author().ticks(steps):
        journal.append(step)
    journal.close()


def events_of(url: str, tables: Tables) -> int:
    with PostgresReader(url, tables) as reader:
        return reader.head().seq


def ids(url: str) -> list[str]:
    return [info.run_id for info in runs.list_runs(url)]


def test_a_run_is_seen_only_when_it_is_complete(database_url: str, run_id: str, session: Connection[Any]) -> None:
    info = backtest(run_id)
    build(database_url, info, 3)
    assert run_id not in ids(database_url)
    complete = runs.replace_when_complete(session, info)
    assert complete.completed_at is not None
    assert runs.find_run(database_url, run_id) == complete
    assert complete.epoch == info.epoch
    assert events_of(database_url, runs.tables_of(run_id)) == 3


def test_the_same_run_again_takes_the_place_of_the_old_one(
    database_url: str, run_id: str, session: Connection[Any]
) -> None:
    first, second = backtest(run_id), backtest(run_id)
    build(database_url, first, 3)
    runs.replace_when_complete(session, first)
    build(database_url, second, 5)
    assert events_of(database_url, runs.tables_of(run_id)) == 3, "the old result stays until the new one is complete"
    runs.replace_when_complete(session, second)
    assert events_of(database_url, runs.tables_of(run_id)) == 5
    assert runs.find_run(database_url, run_id).epoch == second.epoch


def test_what_a_killed_build_left_is_removed_by_the_next_one(
    database_url: str, run_id: str, session: Connection[Any]
) -> None:
    build(database_url, backtest(run_id), 7)
    again = backtest(run_id)
    build(database_url, again, 2)
    runs.replace_when_complete(session, again)
    assert events_of(database_url, runs.tables_of(run_id)) == 2


def test_two_builds_of_the_same_run_do_not_mix(database_url: str, run_id: str, session: Connection[Any]) -> None:
    slow, quick = backtest(run_id), backtest(run_id)
    build(database_url, slow, 7)
    build(database_url, quick, 2)  # it thought that nobody was there any more
    with pytest.raises(Fenced, match="builds run"):
        runs.replace_when_complete(session, slow)
    runs.replace_when_complete(session, quick)
    with pytest.raises(Fenced, match="builds run"):
        runs.replace_when_complete(session, slow)


def test_a_run_that_is_being_written_is_neither_replaced_nor_deleted(
    database_url: str, run_id: str, session: Connection[Any]
) -> None:
    info = backtest(run_id)
    build(database_url, info, 1)
    with connect(database_url, "writer") as writer, writer.transaction():
        keep_writers_out(writer, runs.tables_of(run_id))
        with pytest.raises(Fenced):
            runs.replace_when_complete(session, info)
    runs.replace_when_complete(session, info)
    journal = PostgresJournal(database_url, runs.tables_of(run_id), lambda _: None, clock_kind="test")
    with pytest.raises(Fenced):
        runs.delete(database_url, run_id)
    journal.close()


def test_a_deleted_run_is_gone(database_url: str, run_id: str, session: Connection[Any]) -> None:
    info = backtest(run_id)
    build(database_url, info, 1)
    runs.replace_when_complete(session, info)
    runs.delete(database_url, run_id)
    assert run_id not in ids(database_url)
    with pytest.raises(InvalidInput, match="runs: expected a run of this store"):
        runs.delete(database_url, run_id)


def test_a_run_that_is_continued_keeps_what_it_was_created_with(session: Connection[Any], schema: str) -> None:
    tables, created = Tables(schema), new_run("live", "live", "sim", "wall", "a = 1")
    assert runs.continue_or_create(session, tables, created) == created
    later = new_run("live", "live", "sim", "wall", "a = 2")
    assert later.epoch != created.epoch
    assert runs.continue_or_create(session, tables, later) == created


@pytest.mark.parametrize(("venue", "clock"), [("binance", "wall"), ("sim", "simulated")])
def test_a_run_keeps_its_venue_and_its_clock(session: Connection[Any], schema: str, venue: str, clock: str) -> None:
    tables = Tables(schema)
    runs.continue_or_create(session, tables, new_run("live", "live", "sim", "wall", ""))
    with pytest.raises(InvalidInput, match=f"expected .* sim and wall, found {venue} and {clock}"):
        runs.continue_or_create(session, tables, new_run("live", "live", venue, clock, ""))


def test_the_newest_run_is_found_without_its_id(database_url: str, run_id: str, session: Connection[Any]) -> None:
    info = backtest(run_id)
    build(database_url, info, 1)
    runs.replace_when_complete(session, info)
    assert runs.find_run(database_url).run_id == ids(database_url)[-1]
    assert runs.find_run(database_url).created_at >= info.created_at


def test_the_epoch_is_drawn_anew_for_every_run() -> None:
    assert len({backtest("x").epoch for _ in range(100)}) == 100


@pytest.mark.parametrize("run_id", ["", "Upper", "with_underscore", "a" * 49, "x;drop", "-x"])
def test_an_id_that_would_make_a_doubtful_schema_is_refused(run_id: str) -> None:
    with pytest.raises(InvalidInput, match="run id"):
        backtest(run_id)


def test_no_run_looks_like_the_building_place_of_another() -> None:
    assert runs.tables_of("x-new").schema != runs.building_tables_of("x").schema
    assert runs.tables_of("live").schema == "live"
