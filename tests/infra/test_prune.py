"""Tapes past their retention time: dropped from the front, never in between, and only when told so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier
from stored_history import MIDNIGHT, StoredHistory

from infra.cli.app import main
from infra.postgres import runs
from infra.postgres.prune import Pruned, prune
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store


@pytest.fixture
def history(connection: Connection[Any], schema: str) -> StoredHistory:
    """Three commits, an hour apart, each with a tape."""
    history = StoredHistory(connection, Tables(schema))
    for stream in "abc":
        history.commit([stream], [stream])
    return history


def tapes(history: StoredHistory) -> list[int]:
    found = history.connection.execute(SQL("SELECT commit_id FROM {} ORDER BY 1").format(history.tables.named("tapes")))
    return [commit_id for (commit_id,) in found.fetchall()]


BETWEEN = MIDNIGHT + timedelta(minutes=90)


def test_a_dry_run_counts_and_drops_nothing(database_url: str, history: StoredHistory) -> None:
    sizes = SQL("SELECT length(frames) FROM {} ORDER BY commit_id").format(history.tables.named("tapes"))
    first, second, _ = (size for (size,) in history.connection.execute(sizes))
    assert prune(database_url, history.tables, BETWEEN, apply=False) == Pruned(2, first + second)
    assert tapes(history) == [1, 2, 3]


def test_pruning_leaves_no_hole_when_the_clock_went_back(database_url: str, history: StoredHistory) -> None:
    history.tamper("UPDATE {commits} SET committed_at = committed_at - interval '1 day' WHERE commit_id = 3")
    prune(database_url, history.tables, MIDNIGHT + timedelta(minutes=30), apply=True)
    assert tapes(history) == [2, 3]


def test_tapes_of_before_a_moment_are_dropped_and_the_store_stays_ok(database_url: str, history: StoredHistory) -> None:
    counted = prune(database_url, history.tables, BETWEEN, apply=False)
    assert prune(database_url, history.tables, BETWEEN, apply=True) == counted
    assert tapes(history) == [3]
    verified = verify_store(database_url, history.tables)
    assert (verified.ok, verified.pruned_tapes, verified.checked_events) == (True, 2, 6)
    assert prune(database_url, history.tables, BETWEEN, apply=True) == Pruned(0, 0)


def test_all_tapes_may_be_past_their_time(database_url: str, history: StoredHistory) -> None:
    assert prune(database_url, history.tables, MIDNIGHT + timedelta(days=9), apply=True).tapes == 3
    assert tapes(history) == []


def test_a_run_that_was_renamed_when_it_was_complete_can_be_pruned(
    database_url: str, history: StoredHistory, schema: str
) -> None:
    history.connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(Identifier(schema), Identifier(f"{schema}x")))
    try:
        assert prune(database_url, Tables(f"{schema}x"), BETWEEN, apply=True).tapes == 2
    finally:
        history.connection.execute(
            SQL("ALTER SCHEMA {} RENAME TO {}").format(Identifier(f"{schema}x"), Identifier(schema))
        )
    assert tapes(history) == [3]


def test_whoever_comes_after_a_prune_can_not_delete(database_url: str, history: StoredHistory) -> None:
    prune(database_url, history.tables, BETWEEN, apply=True)
    with pytest.raises(psycopg.errors.RestrictViolation):
        history.connection.execute(SQL("DELETE FROM {}").format(history.tables.named("tapes")))


@pytest.fixture
def run_id(database_url: str, connection: Connection[Any], schema: str) -> Iterator[str]:
    """A run with tapes of long ago."""
    name = schema.removeprefix("test_")
    history = StoredHistory(connection, runs.tables_of(name))
    runs.continue_or_create(connection, history.tables, runs.new_run(name, "backtest", "paper", "recorded", "{}"))
    history.commit(["a"], ["b"])
    yield name
    runs.delete(database_url, name)


def test_the_command_counts_unless_it_is_told_to_apply(
    database_url: str, run_id: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HINDSIGHT_DATABASE__TAPE_RETENTION_DAYS", "1")
    place = ["--store", database_url, "--run", run_id, "--json"]
    said: list[dict[str, Any]] = []
    for more in ([], ["--apply"], []):
        assert main(["prune", *place, *more]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert [one["tapes"] for one in said] == [1, 1, 0]
    assert [one["applied"] for one in said] == [False, True, False]
    assert said[0]["bytes"] == said[1]["bytes"] > 0
