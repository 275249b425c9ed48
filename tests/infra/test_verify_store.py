from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection
from psycopg.sql import SQL
from stored_history import MIDNIGHT, StoredHistory

from domain.errors import InvalidInput, Unavailable
from infra.postgres import read_commits, verify
from infra.postgres.commit import CommitHead, read_head
from infra.postgres.migrate import migrate
from infra.postgres.prune import prune
from infra.postgres.tables import Tables
from infra.postgres.verify import StoreVerification, verify_store

BTC, ETH = "symbol:BTCUSDT", "symbol:ETHUSDT"


@pytest.fixture
def history(connection: Connection[Any], schema: str) -> StoredHistory:
    """Four commits: seq 1 to 3, 4 to 6, none, 7 to 8; inputs 1 to 2, 3 to 4, 5, 6."""
    history = StoredHistory(connection, Tables(schema))
    history.commit([BTC, ETH], [BTC])
    history.commit([ETH, BTC, BTC], [])
    history.commit([])
    history.commit([BTC, ETH])
    return history


@pytest.fixture
def check(database_url: str, history: StoredHistory) -> Any:
    def run(remembered_head: CommitHead | bytes | None = None) -> StoreVerification:
        return verify_store(database_url, history.tables, remembered_head=remembered_head)

    return run


def head_of(history: StoredHistory) -> CommitHead:
    with history.connection.cursor() as cursor:
        return read_head(cursor, history.tables)


def test_an_untouched_store_is_fine(check: Any, history: StoredHistory) -> None:
    found = check()

    assert found.problems == ()
    assert found.ok
    assert (found.checked_commits, found.checked_events, found.pruned_tapes) == (4, 8, 0)
    assert found.head == head_of(history)


def test_an_empty_store_is_fine(database_url: str, connection: Connection[Any], schema: str) -> None:
    migrate(connection, Tables(schema))

    found = verify_store(database_url, Tables(schema), remembered_head=CommitHead())

    assert (found.ok, found.checked_commits, found.head) == (True, 0, CommitHead())


def test_a_store_that_is_not_there_is_no_verified_store(database_url: str, schema: str) -> None:
    with pytest.raises(InvalidInput, match="not applied"):
        verify_store(database_url, Tables(schema))


def test_without_a_server_there_is_one_sentence() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL is not available"):
        verify_store("postgresql:///x?host=/nowhere", Tables("live"))


DAMAGE = [
    (
        "UPDATE {events} SET state = state || 'x' WHERE notification_id = 5",
        "commit 2, seq 4 to 6: .* bytes were changed",
    ),
    ("UPDATE {events} SET topic = 'Tocked' WHERE notification_id = 1", "commit 1, seq 1 to 3: .* bytes were changed"),
    ("UPDATE {events} SET topic = NULL WHERE notification_id = 1", "commit 1, seq 1 to 3: .* bytes were changed"),
    (
        "UPDATE {events} SET originator_version = -9223372036854775808 WHERE notification_id = 7",
        "commit 4, seq 7 to 8: .* were changed",
    ),
    ("UPDATE {events} SET originator_id = 'z' WHERE notification_id = 8", "commit 4, seq 7 to 8: .* were changed"),
    ("DELETE FROM {events} WHERE notification_id = 5", "commit 2, .*: 3 events were written, 2 are .* 5 is missing"),
    ("DELETE FROM {events} WHERE notification_id = 8", "commit 4, .*: 2 events were written, 1 are .* 8 is missing"),
    ("DELETE FROM {events}", "commit 1, seq 1 to 3: 3 events were written, 0 are there, seq 1 is missing"),
    ("UPDATE {events} SET notification_id = 99 WHERE notification_id = 4", "commit 2, seq 4 to 6: .* 4 is missing"),
    ("INSERT INTO {events} VALUES ('new', 1, 'Ticked', '', 9)", "seq 9 and after: 1 events .* without a commit"),
    ("INSERT INTO {events} VALUES ('new', 1, 'Ticked', '', 0)", "commit 1, .*: .* seq 0 was not written with it"),
    ("INSERT INTO {events} VALUES ('new', 1, 'Ticked', '', -7)", "commit 1, .*: .* seq -7 was not written with it"),
    (
        "INSERT INTO {events} VALUES ('new', 1, 'Ticked', '', -9223372036854775808)",
        "commit 1, .*: .* seq -9223372036854775808 was not written with it",
    ),
    (
        "UPDATE {commits} SET commit_id = -9223372036854775808 WHERE commit_id = 1",
        "commit -9223372036854775808, .*",
    ),
    ("UPDATE {commits} SET commit_id = 9223372036854775807 WHERE commit_id = 2", "commit 3, .* is missing"),
    ("DELETE FROM {commits} WHERE commit_id = 2", "commit 3, no events: it follows commit 1: .* is missing"),
    ("DELETE FROM {commits} WHERE commit_id = 1", "commit 2, seq 4 to 6: it follows commit 0: .* is missing"),
    ("DELETE FROM {commits} WHERE commit_id = 4", "seq 7 and after: 2 events are in the store without a commit"),
    ("UPDATE {tapes} SET frames = frames || 'x' WHERE commit_id = 3", "commit 3, .*: its tape is not the one"),
    (
        "DELETE FROM {tapes} WHERE commit_id = 3",
        "commit 3, no events: its tape is gone, though that of commit 1 is kept",
    ),
    ("INSERT INTO {tapes} VALUES (9, 'x')", "tape 9 and after: 1 tapes are in the store without their commit"),
]


@pytest.mark.parametrize(("damage", "complaint"), DAMAGE)
def test_damage_is_found_where_it_is(check: Any, history: StoredHistory, damage: str, complaint: str) -> None:
    history.tamper(damage)

    found = check()

    first = found.problems[0]
    assert not found.ok
    assert re.fullmatch(complaint + ".*", f"{first.where}: {first.what}")


def test_rows_swapped_within_a_commit_are_found(check: Any, history: StoredHistory) -> None:
    swap(history, 1, 3)

    assert [problem.where for problem in check().problems] == ["commit 1, seq 1 to 3"]


def test_rows_swapped_between_commits_are_found_in_both(check: Any, history: StoredHistory) -> None:
    swap(history, 2, 7)

    assert [problem.where for problem in check().problems] == ["commit 1, seq 1 to 3", "commit 4, seq 7 to 8"]


def swap(history: StoredHistory, one: int, other: int) -> None:
    for before, after in ((one, -1), (other, one), (-1, other)):
        history.tamper(f"UPDATE {{events}} SET notification_id = {after} WHERE notification_id = {before}")


@pytest.mark.parametrize(
    "change",
    [
        *("first_seq = 5", "last_seq = 5", "last_seq = 4000000000", "first_input = 2", "last_input = 9"),
        *("at_ms = at_ms + 1", "committed_at = committed_at + interval '1 microsecond'"),
        *("committed_at = 'infinity'", "committed_at = '-infinity'", "committed_at = '4713-01-01 BC'"),
        *("writer = 'me'", "token = 4", "environment = '{{}}'"),
        *("events_root = sha256('x')", "tape_hash = sha256('x')", "content_hash = sha256('x')"),
        "row_hash = sha256('x')",
    ],
)
def test_every_column_of_a_commit_is_covered(check: Any, history: StoredHistory, change: str) -> None:
    history.tamper(f"UPDATE {{commits}} SET {change} WHERE commit_id = 2")

    found = check()

    assert found.problems[0].where.startswith("commit 2, seq")
    assert found.problems[0].what.startswith("its columns are not those that its row hash covers")
    assert not any(problem.where.startswith("commit 4") for problem in found.problems)


def test_a_cut_tail_is_found_against_a_remembered_head_only(check: Any, history: StoredHistory) -> None:
    remembered = head_of(history)
    for table, last in (("events", "notification_id > 6"), ("commits", "commit_id > 3"), ("tapes", "commit_id > 3")):
        history.tamper(f"DELETE FROM {{{table}}} WHERE {last}")

    assert check().ok
    found = check(remembered)
    assert [(problem.where, problem.what) for problem in found.problems] == [
        ("after commit 3", "the tail was cut: commit 4, up to seq 8, is remembered")
    ]
    assert not check(remembered.content_hash).ok


def test_a_history_that_was_written_anew_is_found_against_a_remembered_head_only(
    check: Any, history: StoredHistory
) -> None:
    remembered = head_of(history)
    history.connection.execute(SQL("DROP SCHEMA {schema} CASCADE").format(**history.tables.identifiers()))
    forged = StoredHistory(history.connection, history.tables)
    forged.remark = "forged"
    for streams in ([BTC, ETH, BTC], [ETH], [BTC], [BTC, ETH], [ETH]):
        forged.commit(streams)

    assert check().ok
    found = check(remembered)
    assert [problem.where for problem in found.problems] == ["commit 4 or before"]
    assert [problem.where for problem in check(remembered.content_hash).problems] == ["the whole store"]


def test_a_history_that_went_on_still_holds_the_remembered_head(check: Any, history: StoredHistory) -> None:
    remembered = head_of(history)
    history.commit([ETH])

    assert check(remembered).ok
    assert check(remembered.content_hash).ok


def test_pruned_tapes_are_counted_and_no_problem(check: Any, history: StoredHistory, database_url: str) -> None:
    prune(database_url, history.tables, MIDNIGHT + timedelta(minutes=90), apply=True)

    found = check()

    assert (found.ok, found.pruned_tapes) == (True, 2)


def test_a_content_hash_that_never_was_true_is_found(check: Any, history: StoredHistory) -> None:
    history.commit([ETH], content_hash=bytes(32))

    (problem,) = check().problems

    assert (problem.where, problem.what) == (
        "commit 5, seq 9 to 9", "its content hash is not that of its inputs, events and effects",
    )  # fmt: skip


def test_a_gap_in_a_stream_is_found(check: Any, history: StoredHistory) -> None:
    history.versions[ETH] += 1
    history.commit([ETH])

    (problem,) = check().problems

    assert (problem.where, problem.what) == (f"stream {ETH}", "it has 4 events, but its versions run from 1 to 5")


def test_a_stream_of_a_run_that_does_not_begin_with_one_is_found(check: Any, history: StoredHistory) -> None:
    history.versions["position:main/BTCUSDT-1"] = 1
    history.commit(["position:main/BTCUSDT-1"])

    (problem,) = check().problems

    assert problem.what == "it has 1 events, but its versions run from 2 to 2"


@pytest.mark.parametrize("commits_a_batch", [1, 2, 3, 4, 5])
def test_the_batch_in_which_commits_are_read_makes_no_difference(
    check: Any, history: StoredHistory, monkeypatch: pytest.MonkeyPatch, commits_a_batch: int
) -> None:
    monkeypatch.setattr(read_commits, "COMMITS_A_BATCH", commits_a_batch)
    assert (check().checked_commits, check().checked_events) == (4, 8)

    history.tamper("DELETE FROM {events} WHERE notification_id = 4")
    assert check().problems[0].where == "commit 2, seq 4 to 6"


def test_a_batch_holds_few_rows(check: Any, history: StoredHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_commits, "ROWS_A_BATCH", 1)

    assert (check().ok, check().checked_events) == (True, 8)


def test_a_running_writer_does_not_disturb(database_url: str, history: StoredHistory) -> None:
    found = verify_store(database_url, history.tables, progress=lambda *_: history.commit([BTC]) and None)

    assert (found.ok, found.checked_commits) == (True, 4)


def test_progress_tells_how_far_of_how_much(database_url: str, history: StoredHistory) -> None:
    told: list[tuple[int, int]] = []

    verify_store(database_url, history.tables, progress=lambda *how_far: told.append(how_far))

    assert told == [(3, 8), (6, 8), (6, 8), (8, 8)]


def test_too_many_problems_are_counted_not_listed(
    check: Any, history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "PROBLEMS_MAX", 2)
    history.tamper("DELETE FROM {events}")

    found = check()

    assert [problem.what for problem in found.problems][2:] == ["1 more problems are not listed"]
