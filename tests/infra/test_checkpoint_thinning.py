"""Old checkpoints: which of them are worth their room, and that a store without the others is as good as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.sql import SQL
from stored_history import StoredHistory

from actors.kernel import CHECKPOINT_SCHEMA
from actors.ports import Checkpoint, Head
from infra.cli.app import main
from infra.postgres import runs
from infra.postgres.checkpoints import DAY_MS, HOUR_MS, NEWEST, Taken, Thinned, thin, useful
from infra.postgres.reader import PostgresReader, save_checkpoint
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store

DAY = 20_000 * DAY_MS


def kept(*at_ms: int) -> list[int]:
    """Which of checkpoints taken at these times stay, by their place from 1."""
    return sorted(useful(Taken(number, at) for number, at in enumerate(at_ms, 1)))


def test_the_newest_few_stay_however_close_they_are() -> None:
    assert kept(*range(DAY, DAY + 10)) == [8, 9, 10]
    assert kept(DAY) == [1]
    assert kept() == []


def test_of_the_last_day_one_an_hour_stays_and_of_each_day_before_one() -> None:
    now = DAY + 12 * HOUR_MS
    times = [*range(now - 5 * DAY_MS, now + 1, HOUR_MS // 4)]
    stay = [times[number - 1] for number in kept(*times)]
    hourly = [at for at in stay if now - at < DAY_MS]
    assert len(hourly) == 24 + NEWEST - 1
    assert len({at // DAY_MS for at in stay if now - at >= DAY_MS}) == len(stay) - len(hourly) == 5 - 1 + 1


@given(st.lists(st.integers(0, 40 * DAY_MS // HOUR_MS), min_size=1, max_size=60).map(sorted))
def test_no_moment_is_far_from_a_checkpoint_that_stays_and_thinning_again_drops_nothing(hours: list[int]) -> None:
    taken = [Taken(number, hour * HOUR_MS) for number, hour in enumerate(hours, 1)]
    stay = useful(taken)
    assert useful(one for one in taken if one.input_seq in stay) == stay
    for one in taken:
        span_ms = HOUR_MS if taken[-1].at_ms - one.at_ms < DAY_MS else DAY_MS
        assert any(abs(other.at_ms - one.at_ms) < span_ms for other in taken if other.input_seq in stay)


@pytest.fixture
def history(connection: Connection[Any], schema: str) -> StoredHistory:
    """Ten commits with a checkpoint each, all within one second of the run's own time."""
    history = StoredHistory(connection, Tables(schema))
    for _ in range(10):
        history.commit(["a"], ["b"])
    return history


def checkpoints(history: StoredHistory, schema_name: str = CHECKPOINT_SCHEMA) -> list[int]:
    query = SQL("SELECT input_seq FROM {} WHERE schema_name = %s ORDER BY 1").format(
        history.tables.named("checkpoints")
    )
    return [place for (place,) in history.connection.execute(query, (schema_name,)).fetchall()]


def take(history: StoredHistory, *places: int, schema_name: str = CHECKPOINT_SCHEMA) -> None:
    for place in places:
        save_checkpoint(history.connection, history.tables, Checkpoint(schema_name, Head(place, place), ()))


def test_the_age_of_a_checkpoint_is_that_of_its_commit(database_url: str, history: StoredHistory) -> None:
    take(history, *range(1, 11))
    history.tamper("UPDATE {commits} SET at_ms = 1750000000000 + commit_id * 1800000")  # half an hour apart
    thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=True)
    assert checkpoints(history) == [2, 6, 8, 9, 10], "the newest three, and the last of each hour before"


def test_a_dry_run_counts_checkpoints_and_drops_none(database_url: str, history: StoredHistory) -> None:
    take(history, 1, 2, 3, 4, 5)
    counted = thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=False)
    assert (counted.checkpoints, counted.checkpoints_kept) == (2, 3)
    assert counted.checkpoint_bytes > 0
    assert checkpoints(history) == [1, 2, 3, 4, 5]
    assert thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=True) == counted
    assert checkpoints(history) == [3, 4, 5]
    assert thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=True) == Thinned(0, 0, 3)
    assert verify_store(database_url, history.tables).ok


def test_those_of_another_schema_go_and_an_empty_run_has_none(database_url: str, history: StoredHistory) -> None:
    assert thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=True) == Thinned(0, 0, 0)
    take(history, 1, 2, schema_name="old")
    take(history, 2)
    assert thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=True).checkpoints == 2
    assert (checkpoints(history), checkpoints(history, "old")) == ([2], [])


def test_the_newest_that_can_be_read_stays(database_url: str, history: StoredHistory) -> None:
    take(history, *range(1, 8))
    history.connection.execute(
        SQL("UPDATE {} SET body = 'x' WHERE input_seq > 2").format(history.tables.named("checkpoints"))
    )
    thin(database_url, history.tables, CHECKPOINT_SCHEMA, apply=True)
    assert checkpoints(history) == [2, 5, 6, 7]
    with PostgresReader(database_url, history.tables, checkpoint_schema=CHECKPOINT_SCHEMA) as reader:
        found = reader.checkpoint(10)
    assert found is not None
    assert found.head.input_seq == 2


@pytest.fixture
def run_id(database_url: str, connection: Connection[Any], schema: str) -> Iterator[str]:
    name = schema.removeprefix("test_")
    history = StoredHistory(connection, runs.tables_of(name))
    runs.continue_or_create(connection, history.tables, runs.new_run(name, "backtest", "paper", "recorded", "{}"))
    for _ in range(5):
        history.commit(["a"], ["b"])
    take(history, 1, 2, 3, 4, 5)
    yield name
    runs.delete(database_url, name)


def test_prune_counts_and_drops_checkpoints_too(
    database_url: str, run_id: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HINDSIGHT_DATABASE__TAPE_RETENTION_DAYS", "36500")
    place = ["prune", "--store", database_url, "--run", run_id]
    assert main(place) == 0
    assert "2 checkpoints" in capsys.readouterr().err
    said: list[dict[str, Any]] = []
    for more in ([], ["--apply"], []):
        assert main([*place, "--json", *more]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert [(one["tapes"], one["checkpoints"], one["applied"]) for one in said] == [
        (0, 2, False), (0, 2, True), (0, 0, False),
    ]  # fmt: skip
    assert said[0]["checkpoint_bytes"] == said[1]["checkpoint_bytes"] > 0
