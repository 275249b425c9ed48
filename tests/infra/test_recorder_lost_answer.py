"""The connection breaks during COMMIT: the recorder looks the commit up before it does anything again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from commit_cutter import Break, CommitCutter, commit_cutter
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder

from infra.postgres.recorder import JournalFactory, JournalRecorder
from infra.postgres.verify import StoreVerification, verify_store


@pytest.fixture
def cutter(library_env: dict[str, str]) -> Iterator[CommitCutter]:
    with commit_cutter(library_env["POSTGRES_HOST"], int(library_env["POSTGRES_PORT"])) as cutter:
        yield cutter


@pytest.fixture
def factory(library_env: dict[str, str], cutter: CommitCutter) -> Iterator[JournalFactory]:
    behind = {"POSTGRES_HOST": cutter.directory, "POSTGRES_PORT": "5432", "POSTGRES_POOL_SIZE": "1"}
    with JournalFactory(library_env | behind) as factory:
        yield factory


@pytest.fixture
def recorder(factory: JournalFactory) -> JournalRecorder:
    recorder = factory.application_recorder()
    assert isinstance(recorder, JournalRecorder)
    recorder.insert_events([happened(1)])
    return recorder


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    while_it_waits(monkeypatch, lambda: None)


def while_it_waits(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen instead of the wait between two attempts."""
    monkeypatch.setattr("infra.postgres.recorder.time", SimpleNamespace(sleep=lambda _: act()))


def happened(version: int) -> StoredEvent:
    return StoredEvent("stream", version, "Happened", b"state")


def verified(database_url: str, recorder: JournalRecorder) -> StoreVerification:
    verification = verify_store(database_url, recorder.tables)
    assert verification.ok, verification.problems
    return verification


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_the_events_are_stored_exactly_once(
    recorder: JournalRecorder, cutter: CommitCutter, database_url: str, lost: Break
) -> None:
    cutter.lose_next(lost)

    assert recorder.insert_events([happened(2), happened(3)]) == [2, 3]

    assert cutter.lost == 1
    assert [event.originator_version for event in recorder.select_events("stream")] == [1, 2, 3]
    assert verified(database_url, recorder).checked_commits == 2


def test_the_insert_does_not_carry_the_librarys_blind_retry() -> None:
    assert hasattr(PostgresApplicationRecorder.insert_events, "__wrapped__"), "the library wraps what it retries"
    assert not hasattr(JournalRecorder.insert_events, "__wrapped__")


def test_a_version_conflict_after_a_lost_request_is_still_a_conflict(
    recorder: JournalRecorder, cutter: CommitCutter, library_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cutter.lose_next("request")

    with JournalFactory(library_env) as elsewhere:
        other = elsewhere.application_recorder()
        while_it_waits(monkeypatch, lambda: other.insert_events([happened(2)]))
        with pytest.raises(IntegrityError):
            recorder.insert_events([happened(2)])

    assert recorder.max_notification_id() == 2


def test_another_writer_may_take_the_number_of_a_lost_request(
    recorder: JournalRecorder,
    cutter: CommitCutter,
    library_env: dict[str, str],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cutter.lose_next("request")

    with JournalFactory(library_env) as elsewhere:
        other = elsewhere.application_recorder()
        theirs = StoredEvent("theirs", 1, "Happened", b"")
        while_it_waits(monkeypatch, lambda: other.insert_events([theirs]))
        assert recorder.insert_events([happened(2)]) == [3]

    assert verified(database_url, recorder).checked_events == 3


def test_when_the_database_stays_away_the_error_says_what_to_look_up(
    recorder: JournalRecorder, cutter: CommitCutter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.postgres.recorder._ATTEMPTS", 1)
    cutter.lose_next("answer")

    with pytest.raises(OperationalError) as raised:
        recorder.insert_events([happened(2)])

    assert "Commit 2 got no answer and may be durable" in raised.value.__notes__[0]


def test_a_tracking_position_without_events_is_tried_once(factory: JournalFactory, cutter: CommitCutter) -> None:
    recorder = factory.process_recorder()
    cutter.lose_next("answer")

    with pytest.raises(OperationalError):
        recorder.insert_events([], tracking=Tracking("upstream", 1))

    assert recorder.max_tracking_id("upstream") == 1


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_tracking_position_and_its_events_are_stored_together_once(
    factory: JournalFactory, cutter: CommitCutter, lost: Break
) -> None:
    recorder = factory.process_recorder()
    cutter.lose_next(lost)

    assert recorder.insert_events([happened(1)], tracking=Tracking("upstream", 1)) == [1]

    assert recorder.max_tracking_id("upstream") == 1
    assert recorder.max_notification_id() == 1
