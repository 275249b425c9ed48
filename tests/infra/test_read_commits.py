from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection
from stored_history import StoredHistory

from infra.postgres import read_commits, tape
from infra.postgres.commit import seq_of
from infra.postgres.commit_check import StoredCommit
from infra.postgres.tables import Tables

BTC = "symbol:BTCUSDT"


@pytest.fixture
def history(connection: Connection[Any], schema: str) -> StoredHistory:
    """Five commits with seq 1 to 2, 3, none, 4 to 6, 7."""
    history = StoredHistory(connection, Tables(schema))
    for inputs in ([[BTC, BTC]], [[BTC]], [[]], [[BTC], [BTC, BTC]], [[BTC]]):
        history.commit(*inputs)
    return history


def read(history: StoredHistory) -> list[StoredCommit]:
    with history.connection.transaction():
        return list(read_commits.read_commits(history.connection, history.tables))


def places(history: StoredHistory) -> list[list[int]]:
    return [[seq_of(row) for row in stored.rows] for stored in read(history)]


def test_commits_come_in_order_with_their_rows_and_tapes(history: StoredHistory) -> None:
    found = read(history)

    assert [stored.commit.commit_id for stored in found] == [1, 2, 3, 4, 5]
    assert places(history) == [[1, 2], [3], [], [4, 5, 6], [7]]
    inputs = [[frame.input_seq for frame in tape.unpack(stored.blob or b"")] for stored in found]
    assert inputs == [[1], [2], [3], [4, 5], [6]]


@pytest.mark.parametrize("commits_a_batch", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("rows_a_batch", [1, 3, 100])
def test_batches_make_no_difference(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch, commits_a_batch: int, rows_a_batch: int
) -> None:
    monkeypatch.setattr(read_commits, "COMMITS_A_BATCH", commits_a_batch)
    monkeypatch.setattr(read_commits, "ROWS_A_BATCH", rows_a_batch)

    assert places(history) == [[1, 2], [3], [], [4, 5, 6], [7]]


@pytest.mark.parametrize("commits_a_batch", [1, 2, 5])
def test_a_commit_that_claims_too_much_does_not_get_the_rows_of_the_next(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch, commits_a_batch: int
) -> None:
    monkeypatch.setattr(read_commits, "COMMITS_A_BATCH", commits_a_batch)
    history.tamper("UPDATE {commits} SET last_seq = 4000000000 WHERE commit_id = 2")

    assert places(history) == [[1, 2], [3], [], [4, 5, 6], [7]]


def test_the_last_commit_gets_only_so_many_rows_as_fit_into_memory(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_commits, "COMMITS_A_BATCH", 4)
    monkeypatch.setattr(read_commits, "ROWS_MAX", 2)
    history.tamper("UPDATE {commits} SET last_seq = 4000000000 WHERE commit_id = 5")
    history.tamper("INSERT INTO {events} SELECT 'new', n, 'Ticked', '', n + 7 FROM generate_series(1, 9) n")

    assert places(history)[-1] == [7, 8]


def test_a_row_too_much_is_given_where_it_stands(history: StoredHistory) -> None:
    history.tamper("INSERT INTO {events} VALUES ('new', 1, 'Ticked', '', 0)")

    assert places(history) == [[0, 1, 2], [3], [], [4, 5, 6], [7]]


def test_a_tape_that_was_dropped_is_none(history: StoredHistory) -> None:
    history.tamper("DELETE FROM {tapes} WHERE commit_id = 2")

    assert [stored.blob is None for stored in read(history)] == [False, True, False, False, False]
