"""Read models in PostgreSQL: exactly once through kills, outages, swaps and other writers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from dying_connection import DyingConnections, Killed
from eventsourcing.persistence import StoredEvent
from psycopg.sql import SQL, Identifier
from stored_runs import PostgresRun
from trading_history import TradingHistory, busy_history, closed, plan_of

from domain.catalog import encode_event, name_of
from domain.errors import Unavailable
from domain.operations import STREAM, DeadLetter
from domain.position_events import PositionClosed
from domain.proof.chain import row_bytes
from infra.followers import folding, follower
from infra.followers.follower import Follower
from infra.followers.views import Stage, plain
from infra.postgres.following import follower_of
from infra.postgres.listener import Listener
from infra.postgres.recorder import JournalFactory
from infra.postgres.views import PostgresViews
from projections.base import Projection, fold
from projections.equity import EQUITY
from projections.health import HEALTH
from projections.orders import ORDERS
from projections.pnl import PNL

HISTORY = busy_history().events


@pytest.fixture
def run(database_url: str, schema: str) -> Iterator[PostgresRun]:
    stored = PostgresRun(database_url, schema)
    yield stored
    stored.close()


def rows_of(projection: Projection[Any], until: int = len(HISTORY)) -> list[dict[str, Any]]:
    rows = [plain(row) for row in fold(projection, HISTORY[:until]).values()]
    return sorted(rows, key=lambda row: [row[field] for field in projection.order or projection.key])


# ── killed ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def killed_before_every_statement(run: PostgresRun, work: Callable[[Follower], object]) -> Iterator[int]:
    """Do some work again and again, killed one statement later each time, until it comes to its end."""
    for last in range(1_000):
        deaths = DyingConnections(last)
        try:
            work(Follower(run.reader, run.views(deaths.open), [ORDERS, EQUITY]))
        except Killed:
            yield last
        else:
            return
    raise AssertionError("the work never ended")


def assert_rows_are_as_of_their_place(views: PostgresViews) -> None:
    for projection in (ORDERS, EQUITY):
        place = views.place(projection)
        assert place is None or views.rows(projection) == rows_of(projection, place.seq)


def test_a_follower_that_is_killed_anywhere_leaves_rows_as_of_their_place_and_the_next_one_goes_on(
    run: PostgresRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "EVENTS_A_BATCH", 7)
    run.add(HISTORY)
    views, kills = run.views(), 0
    for _ in killed_before_every_statement(run, Follower.catch_up):
        assert_rows_are_as_of_their_place(views)
        kills += 1
    assert kills > 20
    assert [views.rows(projection) for projection in (ORDERS, EQUITY)] == [rows_of(ORDERS), rows_of(EQUITY)]


def test_a_rebuild_that_is_killed_anywhere_leaves_the_view_as_it_was_or_swapped(
    run: PostgresRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "EVENTS_A_BATCH", 7)
    run.add(HISTORY)
    views = run.views()
    Follower(run.reader, views, [ORDERS, EQUITY]).catch_up()
    for _ in killed_before_every_statement(run, Follower.rebuild):
        assert [views.rows(projection) for projection in (ORDERS, EQUITY)] == [rows_of(ORDERS), rows_of(EQUITY)]
    assert tables_of(run) == {"view_orders", "view_equity"}


def tables_of(run: PostgresRun) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename LIKE 'view%%'"
    return {name for (name,) in run.connection.execute(query, (run.tables.schema,))}


def test_a_starting_follower_drops_what_a_killed_rebuild_left(run: PostgresRun) -> None:
    leave_half_a_rebuild(run)
    assert "view_orders__new" in tables_of(run)
    Follower(run.reader, run.views(), [ORDERS]).catch_up()
    assert tables_of(run) == {"view_orders"}
    assert run.views().place(ORDERS, Stage.BUILDING) is None


def leave_half_a_rebuild(run: PostgresRun) -> None:
    with run.views().building(ORDERS):
        terminate(run, "views")


def test_a_starting_follower_leaves_a_rebuild_alone_that_is_going_on(run: PostgresRun) -> None:
    run.add(HISTORY)
    Follower(run.reader, run.views(), [ORDERS]).catch_up()
    with run.views().building(ORDERS):
        Follower(run.reader, run.views(), [ORDERS]).catch_up()
        assert "view_orders__new" in tables_of(run)


# ── events that can't be taken ────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_that_cannot_be_decoded_stops_whoever_asks_about_it_and_nobody_else(run: PostgresRun) -> None:
    run.add(HISTORY)
    poison = len(HISTORY) + 1
    run.add_rows([row_bytes(poison, b"position:main/X-1", 1, name_of(PositionClosed).encode(), b"\xc1")])
    views = run.views()
    both = Follower(run.reader, views, [PNL, ORDERS])
    both.catch_up()
    assert both.stopped["pnl"].seq == poison
    assert views.rows(PNL) == rows_of(PNL)
    orders = views.place(ORDERS)
    assert orders is not None
    assert orders.seq == poison


def test_an_event_whose_row_postgresql_cannot_hold_is_found_within_its_batch(run: PostgresRun) -> None:
    history = TradingHistory()
    for error in ("one", "two", "NUL \0 in it", "four"):
        history.record((STREAM, DeadLetter("symbol:X", "{}", error, 1, 1)))
    run.add(history.events)
    views = run.views()
    health = Follower(run.reader, views, [HEALTH])
    health.catch_up()
    assert health.stopped["health"].seq == 3
    assert len(views.rows(HEALTH)) == 2


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_columns_are_typed_and_what_may_be_unknown_may_be_null(run: PostgresRun) -> None:
    Follower(run.reader, run.views(), [EQUITY, ORDERS]).catch_up()
    query = (
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s"
    )
    equity = {name: rest for name, *rest in run.connection.execute(query, (run.tables.schema, "view_equity"))}
    orders = {name: rest for name, *rest in run.connection.execute(query, (run.tables.schema, "view_orders"))}
    assert equity["balance"] == ["numeric", "NO"]
    assert equity["drawdown"] == ["double precision", "NO"]
    assert equity["time_ms"] == ["bigint", "NO"]
    assert equity["holdings"] == ["jsonb", "NO"]
    assert equity["live"] == ["boolean", "NO"]
    assert orders["state"] == ["text", "NO"]
    assert orders["average_price"] == ["numeric", "YES"]


def test_there_is_an_index_for_the_key_each_query_and_what_is_live(run: PostgresRun) -> None:
    Follower(run.reader, run.views(), [ORDERS]).catch_up()
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = 'view_orders'"
    found = [
        text.partition(" USING ")[2].replace('"', "") for (text,) in run.connection.execute(query, (run.tables.schema,))
    ]
    wanted = ["(order_id)", *(f"({', '.join(index)})" for index in ORDERS.indices), "(live) WHERE live"]
    assert sorted(found) == sorted(f"btree {columns}" for columns in wanted)


def test_a_restarted_follower_loads_only_what_is_still_open(run: PostgresRun) -> None:
    run.add(HISTORY)
    views = run.views()
    Follower(run.reader, views, [ORDERS]).catch_up()
    place, rows = views.load(ORDERS)
    assert place.seq == len(HISTORY)
    assert 0 < len(rows) < len(rows_of(ORDERS))
    assert all(row.live for row in rows.values())


def test_a_view_that_was_dropped_by_hand_is_folded_anew(run: PostgresRun) -> None:
    run.add(HISTORY[:-2])
    running = Follower(run.reader, run.views(), [HEALTH])
    for fresh in ([], HISTORY[-2:]):
        running.catch_up()
        run.connection.execute(SQL("DROP TABLE {}").format(Identifier(run.tables.schema, "view_health")))
        if fresh:
            run.add(fresh)
        assert running.report("health") == rows_of(HEALTH, len(HISTORY) - 2 + len(fresh))


# ── others ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def stored_events(writer: int, number: int) -> list[StoredEvent]:
    """Give one to three closings in a stream of their own, as the library stores them."""
    stream = f"position:main/S{writer}-{number}"
    end = msgspec.structs.replace(closed(plan_of(symbol=f"S{writer}")), time_ms=number)
    topic = name_of(PositionClosed)
    return [StoredEvent(stream, version, topic, encode_event(0, number, end)) for version in range(1, 2 + number % 3)]


@pytest.mark.slow
def test_no_event_of_concurrent_writers_is_skipped_or_taken_twice(
    library_env: dict[str, str], database_url: str, schema: str
) -> None:
    inserts, written = 150, 2 * sum(1 + number % 3 for number in range(150))
    with JournalFactory(library_env) as factory:
        recorder = factory.application_recorder_class(factory.datastore, events_table_name="events")
        recorder.create_table()

        def write(writer: int) -> None:
            for number in range(inserts):
                recorder.insert_events(stored_events(writer, number))

        with follower_of(database_url, schema, [PNL]) as following:
            stop = threading.Event()
            follow = threading.Thread(target=following.run, args=(stop,))
            writers = [threading.Thread(target=write, args=(writer,)) for writer in (1, 2)]
            for thread in (follow, *writers):
                thread.start()
            for thread in writers:
                thread.join(60)
            stop.set()
            follow.join(30)
            rows = following.report("pnl")
        assert sum(row["trades"] for row in rows) == written
        assert {row["symbol"]: row["trades"] for row in rows} == {"S1": written // 2, "S2": written // 2}


def terminate(run: PostgresRun, purpose: str) -> None:
    query = (
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND application_name LIKE %s"
    )
    found = run.connection.execute(query, (f"hindsight {purpose} {os.getpid()}@%",)).fetchone()
    assert found is not None
    assert found[0] > 0


def test_a_lost_connection_is_unavailable_once_and_then_there_is_a_new_one(run: PostgresRun) -> None:
    run.add(HISTORY[:40])
    follower = Follower(run.reader, run.views(), [ORDERS])
    follower.catch_up()
    run.add(HISTORY[40:])
    terminate(run, "views")
    with pytest.raises(Unavailable):
        follower.catch_up()
    assert follower.report("orders") == rows_of(ORDERS)


def test_a_running_follower_survives_an_outage_and_says_so_meanwhile(
    run: PostgresRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "RETRY_S", 0.01)
    stop = threading.Event()
    seen: list[Unavailable | None] = []

    def news(_: float) -> None:
        seen.append(following.away)
        if len(seen) == 1:
            run.add(HISTORY)
            terminate(run, "views")
        else:
            stop.set()

    views = run.views()
    following = Follower(run.reader, views, [ORDERS], news=news)
    following.run(stop)
    assert seen == [None, None]
    assert views.rows(ORDERS) == rows_of(ORDERS)


def test_a_listener_hears_of_a_commit_and_gives_up_in_time_without_one(run: PostgresRun) -> None:
    listener = Listener(run.url, run.tables)
    assert not listener.wait(0.01)
    run.add(HISTORY)
    assert listener.wait(10)
    terminate(run, "listener")
    with pytest.raises(Unavailable):
        listener.wait(10)
    assert not listener.wait(0.01)
    listener.close()


def test_a_reader_is_not_kept_waiting_by_a_rebuild(run: PostgresRun) -> None:
    run.add(HISTORY)
    Follower(run.reader, run.views(), [ORDERS]).catch_up()
    with run.views().building(ORDERS), psycopg.connect(run.url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '1s'")
        view = Identifier(run.tables.schema, "view_orders")
        found = connection.execute(SQL("SELECT count(*) FROM {}").format(view)).fetchone()
    assert found == (len(rows_of(ORDERS)),)
