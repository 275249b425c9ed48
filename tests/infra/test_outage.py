"""PostgreSQL goes away, comes back, hangs, or belongs to somebody else: nothing is lost, nothing happens twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from histories import Author, all_events
from journals import WAIT_S, Run
from proxy import Proxy, Way
from psycopg import Connection

from domain.errors import CorruptHistory, Fenced, Unavailable
from infra.durability import StoreState
from infra.postgres.backlog import Limits
from infra.postgres.journal import PostgresJournal, Timing
from infra.postgres.lease import machine_ms
from infra.postgres.reader import PostgresReader
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store


@pytest.fixture
def tables(schema: str) -> Tables:
    return Tables(schema)


@pytest.fixture
def proxy(database_url: str, tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(database_url, tmp_path) as way:
        yield way


@pytest.fixture
def observer(database_url: str) -> Iterator[Connection[Any]]:
    with connect(database_url, "observer") as connection:
        yield connection


@pytest.fixture
def stored(database_url: str, tables: Tables) -> Callable[[Run], None]:
    """Checks that the store holds what was appended: everything, once, in order, and chained."""

    def check(run: Run) -> None:
        with PostgresReader(database_url, tables) as reader:
            assert list(reader.events(0)) == all_events(run.appended)
            assert list(reader.frames(0)) == [step.frame for step in run.appended]
            assert reader.head() == run.author.head
        assert verify_store(database_url, tables).problems == ()

    return check


@contextmanager
def events_locked(database_url: str, tables: Tables) -> Iterator[None]:
    """Hold a lock that lets no commit through."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"LOCK TABLE {tables.schema}.events IN SHARE MODE")
        yield


def end_writer(observer: Connection[Any], journal: PostgresJournal) -> None:
    """Terminate the journal's session in the server, whatever it does."""
    connection = journal._writer._connection
    if connection is not None:
        observer.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))


def test_a_terminated_session_loses_nothing_and_doubles_nothing(
    database_url: str, tables: Tables, observer: Connection[Any], stored: Callable[[Run], None]
) -> None:
    run = Run(database_url, tables)
    for _ in range(10):
        run.append(100)
        end_writer(observer, run.journal)
    run.journal.close()
    assert run.watch.told == sorted(run.watch.told)
    stored(run)


@pytest.mark.parametrize("way", [Way.MUTE, Way.DEAF], ids=["the server got it", "the server did not get it"])
@pytest.mark.parametrize("rows", [1, 200], ids=["small", "large"])
def test_a_commit_whose_answer_is_lost_is_looked_up_before_it_is_repeated(
    proxy: Proxy, tables: Tables, observer: Connection[Any], stored: Callable[[Run], None], way: Way, rows: int
) -> None:
    run = Run(proxy.url, tables)
    run.append(1)
    run.watch.wait_durable(1)
    observer.execute("LISTEN events")
    sent = threading.Event()

    def break_down() -> None:
        proxy.way = way
        sent.set()

    run.steps.at["before_commit"] = break_down
    run.append(rows)
    assert sent.wait(WAIT_S)
    if way is Way.MUTE:
        assert [1 for _ in observer.notifies(timeout=WAIT_S, stop_after=1)], "the server has committed"
    assert run.journal.durable_input() == 1
    assert run.watch.told[-1] == 1
    proxy.cut(then=Way.OPEN)
    run.watch.wait_durable(1 + rows)
    run.append(1)
    run.journal.close()
    stored(run)
    commits = observer.execute(f"SELECT count(*), max(commit_id) FROM {tables.schema}.commits").fetchone()
    assert commits is not None
    assert commits[0] == commits[1]


def test_while_the_server_is_away_steps_are_held_and_the_loss_is_reported(
    proxy: Proxy, tables: Tables, stored: Callable[[Run], None]
) -> None:
    run = Run(proxy.url, tables)
    run.append(1)
    run.watch.wait_released(1)
    proxy.cut(then=Way.CLOSED)
    run.append(500)
    run.wait_for(StoreState.LOST)
    since_ms = run.journal.condition().since_ms
    assert 0 < since_ms <= machine_ms()
    run.append(500)
    run.clock.jumped_ms += 1_000
    refused = proxy.refused
    run.wait_until(lambda: proxy.refused >= refused + 3)
    assert run.journal.condition().since_ms == since_ms
    assert run.journal.durable_input() == 1
    assert run.watch.released == 1
    proxy.way = Way.OPEN
    run.watch.wait_released(1_001)
    run.wait_for(StoreState.OK)
    run.journal.close()
    stored(run)


def test_an_idle_journal_notices_that_the_server_went_away(proxy: Proxy, tables: Tables) -> None:
    run = Run(proxy.url, tables)
    proxy.cut(then=Way.CLOSED)
    run.wait_for(StoreState.LOST)
    proxy.way = Way.OPEN
    run.wait_for(StoreState.OK)
    run.journal.close()


def test_a_stream_that_needs_the_server_is_unavailable_while_that_is_away(proxy: Proxy, tables: Tables) -> None:
    run = Run(proxy.url, tables)
    run.append(3)
    run.watch.wait_durable(3)
    proxy.cut(then=Way.CLOSED)
    with pytest.raises(Unavailable, match="PostgreSQL is not available"):
        list(run.journal.of_stream("symbol:A"))
    proxy.way = Way.OPEN
    assert len(list(run.journal.of_stream("symbol:A"))) == 1
    run.journal.close()


def test_nothing_leaves_while_a_commit_hangs_and_everything_does_when_it_is_done(
    database_url: str, tables: Tables, stored: Callable[[Run], None]
) -> None:
    run = Run(database_url, tables, timing=Timing(lagging_ms=1_000, renew_ms=3_600_000))
    run.append(1)
    run.watch.wait_released(1)
    under_way = threading.Event()
    run.steps.at["before_commit"] = under_way.set
    with events_locked(database_url, tables):
        run.append(1)
        assert under_way.wait(WAIT_S)
        run.clock.jumped_ms += 5_000
        assert not run.journal.lease_valid()
        condition = run.journal.condition()
        assert condition.state is StoreState.LAGGING
        assert run.clock() - condition.since_ms >= 5_000
        assert run.journal.durable_input() == 1
        assert run.watch.released == 1
    run.watch.wait_released(2)
    assert run.journal.condition().state is StoreState.OK
    run.journal.close()
    stored(run)


def test_a_statement_that_hangs_too_long_is_given_up_and_tried_again(
    database_url: str, tables: Tables, stored: Callable[[Run], None]
) -> None:
    run = Run(database_url, tables, timing=Timing(statement_ms_max=50, retry_ms_min=1, retry_ms_max=1))
    with events_locked(database_url, tables):
        run.append(1)
        run.wait_for(StoreState.LOST)
    run.watch.wait_released(1)
    run.journal.close()
    stored(run)


def test_at_the_bound_the_kernel_waits_and_then_goes_on(
    proxy: Proxy, tables: Tables, stored: Callable[[Run], None]
) -> None:
    run = Run(proxy.url, tables, limits=Limits(held_events=10))
    run.append(1)
    run.watch.wait_durable(1)
    proxy.cut(then=Way.CLOSED)
    run.wait_for(StoreState.LOST)
    assert run.journal.wait_for_room(0.0)
    run.append(10)
    assert not run.journal.wait_for_room(0.0)
    kernel = threading.Thread(target=run.append, args=(1,))
    kernel.start()
    kernel.join(0.05)
    assert kernel.is_alive()
    assert run.journal.durable_input() == 1
    proxy.way = Way.OPEN
    kernel.join(WAIT_S)
    assert not kernel.is_alive()
    assert run.journal.wait_for_room(WAIT_S)
    run.journal.close()
    stored(run)


def test_a_step_that_alone_is_larger_than_the_bound_is_taken(database_url: str, tables: Tables) -> None:
    run = Run(database_url, tables, limits=Limits(held_bytes=1, commit_bytes=1))
    run.append(3)
    run.journal.close()
    assert run.journal.durable_input() == 3


def test_a_second_instance_stops_and_names_the_first(database_url: str, tables: Tables) -> None:
    first = Run(database_url, tables)
    with pytest.raises(Fenced, match=r"This store is owned by process \d+ on .* since"):
        Run(database_url, tables, timing=Timing(lock_wait_ms=20))
    first.append(1)
    first.journal.close()
    assert first.journal.durable_input() == 1


def test_an_owner_that_slept_while_another_took_over_sends_nothing_and_stops(
    proxy: Proxy, database_url: str, tables: Tables, stored: Callable[[Run], None]
) -> None:
    sleeper = Run(proxy.url, tables)
    sleeper.append(2)
    sleeper.watch.wait_released(2)
    proxy.cut(then=Way.CLOSED)
    sleeper.append(2)
    sleeper.clock.jumped_ms += 3_000
    successor = Run(database_url, tables)
    successor.author, successor.appended = Author(*_head_of(sleeper, 2)), sleeper.appended[:2]
    successor.append(3)
    successor.watch.wait_durable(5)
    assert successor.watch.released == 0, "the sleeper's lease may last three seconds yet"
    proxy.way = Way.OPEN
    sleeper.wait_for_error()
    with pytest.raises(Fenced, match=r"process \d+"):
        sleeper.append(1)
    assert not sleeper.journal.lease_valid()
    assert sleeper.watch.released == 2
    for call in (sleeper.journal.commit_soon, lambda: sleeper.journal.wait_for_room(0.0)):
        with pytest.raises(Fenced):
            call()
    sleeper.journal.close()
    successor.clock.jumped_ms += 3_000
    successor.watch.wait_released(5)
    successor.journal.close()
    stored(successor)


def _head_of(run: Run, steps: int) -> tuple[Any, dict[str, int]]:
    """Give where a history stood after its first steps, as its next author needs it."""
    again = Author()
    again.ticks(steps)
    return again.head, again.versions


def test_a_store_that_lost_what_it_had_confirmed_stops_everything(
    proxy: Proxy, database_url: str, tables: Tables, observer: Connection[Any]
) -> None:
    run = Run(proxy.url, tables)
    run.append(2)
    run.watch.wait_durable(2)
    proxy.cut(then=Way.CLOSED)
    observer.execute(f"ALTER TABLE {tables.schema}.commits DISABLE TRIGGER USER")
    observer.execute(f"DELETE FROM {tables.schema}.commits")
    proxy.way = Way.OPEN
    run.wait_for_error()
    assert isinstance(run.journal.error, CorruptHistory)
    with pytest.raises(CorruptHistory, match="we were told that"):
        run.journal.close()


def test_a_close_that_cannot_store_everything_says_so(proxy: Proxy, tables: Tables) -> None:
    run = Run(proxy.url, tables)
    proxy.cut(then=Way.CLOSED)
    run.append(3)
    with pytest.raises(Unavailable, match="the last 3 inputs were not stored"):
        run.journal.close(timeout_s=0.05)
    run.journal.close()
    assert not run.journal.lease_valid()


def test_closing_while_the_server_is_away_is_fine_when_everything_is_stored(proxy: Proxy, tables: Tables) -> None:
    run = Run(proxy.url, tables)
    run.append(3)
    run.watch.wait_durable(3)
    proxy.cut(then=Way.CLOSED)
    run.journal.close()


def test_a_store_that_does_not_answer_at_the_start_is_unavailable(proxy: Proxy, tables: Tables) -> None:
    proxy.way = Way.CLOSED
    with pytest.raises(Unavailable, match="PostgreSQL is not available"):
        Run(proxy.url, tables)


def test_a_checkpoint_waits_until_everything_before_it_is_durable(database_url: str, tables: Tables) -> None:
    run = Run(database_url, tables, limits=Limits(group_ms=3_600_000))
    run.journal.append(run.author.stop())
    run.journal.save(run.author.checkpoint("shape-1"))
    renewals = len(run.watch.told)
    run.watch.wait(lambda: len(run.watch.told) >= renewals + 5)
    with PostgresReader(database_url, tables, checkpoint_schema="shape-1") as reader:
        assert reader.checkpoint(1) is None
        run.journal.commit_soon()
        run.wait_until(lambda: reader.checkpoint(1) is not None)
        assert reader.head().input_seq == 1
    run.journal.close()


def test_a_checkpoint_that_is_saved_just_before_the_end_is_kept(database_url: str, tables: Tables) -> None:
    run = Run(database_url, tables, timing=Timing(renew_ms=3_600_000))
    run.journal.append(run.author.stop())
    run.journal.commit_soon()
    run.watch.wait_durable(1)
    run.journal.save(run.author.checkpoint("shape-1"))
    run.journal.close()
    with PostgresReader(database_url, tables, checkpoint_schema="shape-1") as reader:
        assert reader.checkpoint(1) == run.author.checkpoint("shape-1")


def test_an_error_in_what_follows_a_commit_reaches_the_kernel(database_url: str, tables: Tables) -> None:
    def broken(_: int) -> None:
        raise ZeroDivisionError("outbox")

    journal = PostgresJournal(database_url, tables, broken, clock_kind="test")
    author = Author()
    journal.append(author.stop())
    journal.commit_soon()
    with pytest.raises(ZeroDivisionError):
        journal.close()
    journal.close()
    with pytest.raises(ZeroDivisionError):
        journal.append(author.stop())
