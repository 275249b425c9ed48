"""Tapes past their retention time: dropped from the front, never in between, and only when told so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from stored_history import MIDNIGHT, StoredHistory

from infra.postgres.prune import Pruned, prune
from infra.postgres.tables import Tables


def kept(connection: Connection[Any], schema: str) -> list[int]:
    return [one for (one,) in connection.execute(f"SELECT commit_id FROM {schema}.tapes ORDER BY commit_id")]


@pytest.fixture
def history(connection: Connection[Any], schema: str) -> StoredHistory:
    """Three commits, an hour apart from midnight on."""
    history = StoredHistory(connection, Tables(schema))
    for _ in range(3):
        history.commit(["symbol:BTCUSDT"])
    return history


def test_tapes_are_pruned_up_to_a_moment_and_only_when_told_so(
    history: StoredHistory, database_url: str, schema: str
) -> None:
    connection = history.connection
    third = MIDNIGHT + timedelta(hours=2)
    sizes = [size for (size,) in connection.execute(f"SELECT length(frames) FROM {schema}.tapes ORDER BY commit_id")]

    counted = prune(database_url, history.tables, third, apply=False)

    assert counted == Pruned(2, sizes[0] + sizes[1])
    assert kept(connection, schema) == [1, 2, 3]
    assert prune(database_url, history.tables, third, apply=True) == counted
    assert kept(connection, schema) == [3]
    assert prune(database_url, history.tables, third, apply=True) == Pruned(0, 0)


def test_nobody_else_may_drop_a_tape_after_pruning(history: StoredHistory, database_url: str, schema: str) -> None:
    prune(database_url, history.tables, MIDNIGHT + timedelta(hours=1), apply=True)
    with pytest.raises(psycopg.errors.RestrictViolation):
        history.connection.execute(f"DELETE FROM {schema}.tapes")


def test_pruning_leaves_no_hole_when_the_clock_went_back(
    history: StoredHistory, database_url: str, schema: str
) -> None:
    history.tamper("UPDATE {commits} SET committed_at = committed_at - interval '1 day' WHERE commit_id = 3")

    prune(database_url, history.tables, MIDNIGHT + timedelta(minutes=30), apply=True)

    assert kept(history.connection, schema) == [2, 3]


def test_a_renamed_run_can_be_pruned(history: StoredHistory, database_url: str, schema: str) -> None:
    history.connection.execute(f"ALTER SCHEMA {schema} RENAME TO {schema}_done")
    try:
        assert prune(database_url, Tables(f"{schema}_done"), MIDNIGHT + timedelta(hours=9), apply=True).tapes == 3
    finally:
        history.connection.execute(f"ALTER SCHEMA {schema}_done RENAME TO {schema}")
