from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Event, Thread
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from eventsourcing.utils import Environment
from psycopg import Connection

from domain.errors import InvalidInput
from infra.postgres.commit import COLUMNS, SealedCommit, read_head
from infra.postgres.migrate import migrations
from infra.postgres.recorder import JournalFactory, JournalRecorder
from infra.postgres.tables import Tables


@pytest.fixture
def recorder(library_env: dict[str, str]) -> Iterator[JournalRecorder]:
    with JournalFactory(library_env) as factory:
        recorder = factory.application_recorder()
        assert isinstance(recorder, JournalRecorder)
        yield recorder


def events(stream: str, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "Happened", b"state") for version in versions]


def commits(connection: Connection[Any], tables: Tables) -> list[SealedCommit]:
    query = f"SELECT {', '.join(COLUMNS)} FROM {tables.schema}.{tables.plain('commits')} ORDER BY commit_id"
    return [SealedCommit(*row) for row in connection.execute(query)]


def test_every_insert_is_one_commit_with_an_empty_tape(recorder: JournalRecorder, connection: Connection[Any]) -> None:
    recorder.insert_events(events("a", 1, 2))
    recorder.insert_events(events("b", 1))

    first, second = commits(connection, recorder.tables)
    assert (first.commit_id, first.first_seq, first.last_seq) == (1, 1, 2)
    assert (second.commit_id, second.first_seq, second.last_seq) == (2, 3, 3)
    assert (second.first_input, second.last_input, second.at_ms, second.token) == (0, 0, 0, 0)
    assert '"eventsourcing":"9.5' in second.environment
    assert connection.execute(f"SELECT count(*) FROM {recorder.tables.schema}.stored_events_tapes").fetchone() == (0,)


def test_an_empty_insert_is_no_commit(recorder: JournalRecorder, connection: Connection[Any]) -> None:
    assert recorder.insert_events([]) is None
    assert commits(connection, recorder.tables) == []


def test_a_failed_insert_leaves_no_gap(recorder: JournalRecorder) -> None:
    assert recorder.insert_events(events("a", 1, 2)) == [1, 2]
    with pytest.raises(IntegrityError):
        recorder.insert_events([*events("b", 1), *events("a", 2)])

    assert recorder.insert_events(events("b", 1)) == [3]


def test_a_state_that_the_server_refuses_is_no_reason_to_try_again(recorder: JournalRecorder) -> None:
    with pytest.raises(Exception, match="invalid byte sequence"):
        recorder.insert_events([StoredEvent("a\0b", 1, "Happened", b"")])

    assert recorder.insert_events(events("a", 1)) == [1]


def test_writers_at_the_same_time_get_ids_without_gap_or_mixture(library_env: dict[str, str]) -> None:
    writers, inserts = 4, 25
    together = Barrier(writers)

    with JournalFactory(library_env) as factory:
        recorder = factory.application_recorder()

        def write(stream: str) -> list[list[int]]:
            together.wait(timeout=30)
            ids = [recorder.insert_events(events(stream, 3 * i, 3 * i + 1, 3 * i + 2)) for i in range(inserts)]
            return [list(found or ()) for found in ids]

        with ThreadPoolExecutor(writers) as pool:
            blocks = sorted(block for found in pool.map(write, "abcd") for block in found)

    assert [seq for block in blocks for seq in block] == list(range(1, 3 * writers * inserts + 1))


def test_a_follower_misses_nothing_while_slow_writers_overlap(library_env: dict[str, str]) -> None:
    seen: list[int] = []
    done = Event()

    with JournalFactory(library_env) as factory:
        recorder = factory.application_recorder()

        def follow() -> None:
            while not done.is_set() or (recorder.max_notification_id() or 0) > len(seen):
                after = seen[-1] if seen else 0
                found = recorder.select_notifications(after, 1_000, inclusive_of_start=False)
                seen.extend(notification.id for notification in found)

        follower = Thread(target=follow)
        follower.start()
        with ThreadPoolExecutor(4) as pool:
            for stream in "abcd":
                for size in (200, 1, 50, 3):
                    pool.submit(recorder.insert_events, events(f"{stream}{size}", *range(size))).add_done_callback(
                        lambda insert: insert.result()
                    )
        done.set()
        follower.join(timeout=60)

    assert seen == list(range(1, 4 * 254 + 1))


def test_a_pool_whose_connections_were_all_closed_recovers(
    recorder: JournalRecorder, connection: Connection[Any], schema: str
) -> None:
    recorder.insert_events(events("a", 1))
    pids = {conn.info.backend_pid for conn in recorder.datastore.pool._pool}
    for pid in pids:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

    assert recorder.insert_events(events("a", 2)) == [2]


def test_a_lock_that_is_never_free_ends_as_the_librarys_error(
    library_env: dict[str, str], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.postgres.recorder._ATTEMPTS", 1)
    with JournalFactory(library_env | {"POSTGRES_LOCK_TIMEOUT": "1"}) as factory:
        recorder = factory.application_recorder()
        with psycopg.connect(database_url) as other:
            other.execute(f"LOCK TABLE {library_env['POSTGRES_SCHEMA']}.stored_events IN EXCLUSIVE MODE")
            with pytest.raises(OperationalError, match="lock timeout"):
                recorder.insert_events(events("a", 1))

        assert recorder.insert_events(events("a", 1)) == [1]


def test_processes_that_start_together_make_the_tables_once(
    library_env: dict[str, str], connection: Connection[Any]
) -> None:
    together = Barrier(5)

    def start(number: int) -> Any:
        with JournalFactory(Environment("bank", library_env)) as factory:
            together.wait(timeout=30)
            factory.aggregate_recorder("snapshots")
            factory.tracking_recorder()
            factory.process_recorder()
            return factory.application_recorder().insert_events(events(f"stream {number}", 1))

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(start, range(5))) == [[1], [2], [3], [4], [5]]
    applied = connection.execute(
        f"SELECT number FROM {library_env['POSTGRES_SCHEMA']}.bank_events_migrations"
    ).fetchall()
    assert applied == [(migration.number,) for migration in migrations() if not migration.name.startswith("run_")]


def test_a_pool_of_one_connection_is_enough(library_env: dict[str, str]) -> None:
    with JournalFactory(library_env | {"POSTGRES_POOL_SIZE": "1", "POSTGRES_MAX_OVERFLOW": "0"}) as factory:
        factory.aggregate_recorder("snapshots")
        factory.tracking_recorder()

        assert factory.application_recorder().insert_events(events("a", 1)) == [1]


def test_the_librarys_database_functions_are_refused(library_env: dict[str, str]) -> None:
    with (
        JournalFactory(library_env | {"POSTGRES_ENABLE_DB_FUNCTIONS": "y"}) as factory,
        pytest.raises(InvalidInput, match="POSTGRES_ENABLE_DB_FUNCTIONS: expected it to be off"),
    ):
        factory.application_recorder()


def test_applications_in_one_schema_have_chains_of_their_own(
    library_env: dict[str, str], connection: Connection[Any], schema: str
) -> None:
    with ExitStack() as stack:
        for name in ("bank", "shop"):
            factory = stack.enter_context(JournalFactory(Environment(name, library_env)))
            assert factory.application_recorder().insert_events(events("a", 1)) == [1]

    with connection.cursor() as cursor:
        heads = [read_head(cursor, Tables(schema, f"{name}_events")) for name in ("bank", "shop")]
    assert [(head.commit_id, head.last_seq) for head in heads] == [(1, 1), (1, 1)]
