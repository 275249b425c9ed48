"""One writer a store: who holds it, who waits, and who has to stop."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from psycopg import Connection

from domain.errors import Fenced, Unavailable
from infra.postgres import process
from infra.postgres.lease import Lease, machine_ms
from infra.postgres.migrate import migrate
from infra.postgres.process import Process, this_process
from infra.postgres.session import connect
from infra.postgres.tables import Tables

LEASE_MS = 3_000
ELSEWHERE = Process("other-host", 77, "another boot", "pid:[1]", "5")
DEAD = replace(this_process(), started="1")

Connect = Callable[[], Connection[Any]]


class Clock:
    """A machine's clock that goes only when told."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(database_url: str) -> Iterator[Connect]:
    opened: list[Connection[Any]] = []

    def open_session() -> Connection[Any]:
        opened.append(connect(database_url, "test"))
        return opened[-1]

    yield open_session
    for connection in opened:
        connection.close()


@pytest.fixture
def tables(schema: str, session: Connect) -> Tables:
    tables = Tables(schema)
    migrate(session(), tables)
    return tables


def lease(tables: Tables, clock: Clock, owner: Process | None = None) -> Lease:
    return Lease(tables, lease_ms=LEASE_MS, lock_wait_ms=50, clock=clock, process=owner)


def owned(tables: Tables, clock: Clock, connection: Connection[Any], owner: Process | None = None) -> Lease:
    ours = lease(tables, clock, owner)
    ours.lock(connection)
    ours.take(connection)
    return ours


def test_every_owner_has_a_higher_token_than_the_one_before(tables: Tables, clock: Clock, session: Connect) -> None:
    tokens = []
    for _ in range(3):
        connection = session()
        ours = owned(tables, clock, connection)
        tokens.append(ours.token)
        ours.release(connection)
    assert tokens == [1, 2, 3]


def test_a_second_owner_is_told_who_the_first_one_is(tables: Tables, clock: Clock, session: Connect) -> None:
    owned(tables, clock, session())
    with pytest.raises(Fenced) as fenced:
        lease(tables, clock).lock(session())
    sentence = str(fenced.value)
    assert f"process {os.getpid()} on {socket.gethostname()} since 20" in sentence
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", sentence)


def test_an_owner_of_tables_that_are_being_made_has_no_name_yet(schema: str, clock: Clock, session: Connect) -> None:
    unmade = Tables(schema)
    lease(unmade, clock).lock(session())
    with pytest.raises(Fenced, match="a process that is just making it"):
        lease(unmade, clock).lock(session())


def test_stores_in_other_schemas_have_other_owners(tables: Tables, schema: str, clock: Clock, session: Connect) -> None:
    owned(tables, clock, session())
    lease(Tables(f"{schema}_new"), clock).lock(session())


def test_a_store_is_free_as_soon_as_its_owners_session_ends(tables: Tables, clock: Clock, session: Connect) -> None:
    first = session()
    owned(tables, clock, first)
    first.close()
    patient = Lease(tables, lock_wait_ms=10_000, clock=clock)
    patient.lock(session())


def test_effects_may_leave_until_the_lease_ends_counted_from_what_was_last_sent(
    tables: Tables, clock: Clock, session: Connect
) -> None:
    ours = owned(tables, clock, session())
    assert ours.valid()
    sent_ms = clock.now_ms
    clock.now_ms += 2_000
    ours.renewed(sent_ms)  # an answer that took two seconds
    clock.now_ms += 999
    assert ours.valid()
    clock.now_ms += 1
    assert not ours.valid()
    assert ours.expired()


def test_renewing_lets_effects_leave_again(tables: Tables, clock: Clock, session: Connect) -> None:
    connection = session()
    ours = owned(tables, clock, connection)
    clock.now_ms += LEASE_MS
    assert not ours.valid()
    ours.renew(connection)
    assert ours.valid()


def test_nothing_leaves_before_the_store_was_taken(tables: Tables, clock: Clock) -> None:
    assert not lease(tables, clock).valid()


def test_after_an_owner_that_let_go_nobody_waits(tables: Tables, clock: Clock, session: Connect) -> None:
    connection = session()
    first = owned(tables, clock, connection, ELSEWHERE)
    first.release(connection)
    assert not first.valid()
    assert owned(tables, clock, session()).valid()


def test_after_an_owner_that_may_still_act_the_next_one_waits_as_long_as_that_ones_lease(
    tables: Tables, clock: Clock, session: Connect
) -> None:
    connection = session()
    before = Lease(tables, lease_ms=5_000, clock=clock, process=ELSEWHERE)
    before.lock(connection)
    before.take(connection)
    connection.close()
    second = session()
    ours = Lease(tables, lease_ms=LEASE_MS, lock_wait_ms=10_000, clock=clock)
    ours.lock(second)
    ours.take(second)
    for _ in range(5):
        assert not ours.valid()
        clock.now_ms += 1_000
        ours.renew(second)
    assert ours.valid()


@pytest.mark.parametrize("released", [True, False])
def test_an_owner_that_had_to_wait_and_is_gone_early_leaves_the_waiting_to_the_next_one(
    tables: Tables, clock: Clock, session: Connect, released: bool
) -> None:
    first = session()
    owned(tables, clock, first, ELSEWHERE)  # alive for all we know
    first.close()
    second = session()
    brief = Lease(tables, lease_ms=100, lock_wait_ms=10_000, clock=clock, process=DEAD)
    brief.lock(second)
    brief.take(second)
    if released:
        brief.release(second)
    second.close()
    third = session()
    ours = Lease(tables, lease_ms=100, lock_wait_ms=10_000, clock=clock)
    ours.lock(third)
    ours.take(third)
    clock.now_ms += LEASE_MS - 1
    ours.renew(third)
    assert not ours.valid()
    clock.now_ms += 1
    assert ours.valid()


def test_an_owner_that_has_waited_long_enough_lets_go_for_good(tables: Tables, clock: Clock, session: Connect) -> None:
    first = session()
    owned(tables, clock, first, ELSEWHERE)
    first.close()
    second = session()
    ours = Lease(tables, lease_ms=100, lock_wait_ms=10_000, clock=clock, process=ELSEWHERE)
    ours.lock(second)
    ours.take(second)
    clock.now_ms += LEASE_MS
    ours.release(second)
    assert owned(tables, clock, session()).valid()


def test_after_an_owner_that_is_dead_on_this_machine_nobody_waits(
    tables: Tables, clock: Clock, session: Connect
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        dead = replace(this_process(), pid=child.pid, started=process._start_time(child.pid))
        connection = session()
        owned(tables, clock, connection, dead)
        connection.close()
        child.kill()
    patient = Lease(tables, lock_wait_ms=10_000, clock=clock)
    second = session()
    patient.lock(second)
    patient.take(second)
    assert patient.valid()


def test_a_commit_under_an_old_token_fails_inside_its_transaction(
    tables: Tables, clock: Clock, session: Connect
) -> None:
    connection = session()
    ours = owned(tables, clock, connection)
    with connection.transaction(), connection.cursor() as cursor:
        ours.fence(cursor)
    connection.execute(f"UPDATE {tables.schema}.lease SET token = token + 1")  # somebody took it behind our back

    def commit() -> None:
        with ours.fenced(connection), connection.pipeline():
            connection.execute("BEGIN")
            ours.fence(connection.cursor())
            connection.execute(f"CREATE TABLE {tables.schema}.written_by_the_fenced ()")
            connection.execute("COMMIT")

    with pytest.raises(Fenced, match=f"process {os.getpid()}"):
        commit()
    found = connection.execute("SELECT to_regclass(%s)", (f"{tables.schema}.written_by_the_fenced",)).fetchone()
    assert found == (None,)
    with pytest.raises(Fenced):
        ours.renew(connection)
    assert not ours.valid()


def test_an_owner_goes_on_after_its_connection_was_cut(tables: Tables, clock: Clock, session: Connect) -> None:
    first = session()
    ours = owned(tables, clock, first)
    first.close()
    clock.now_ms += 60_000
    assert not ours.valid()
    ours.retake(session())
    assert ours.token == 1
    assert ours.valid()


@pytest.mark.parametrize("still_there", [True, False])
def test_an_owner_that_was_replaced_while_it_was_away_has_to_stop(
    tables: Tables, clock: Clock, session: Connect, still_there: bool
) -> None:
    first = session()
    ours = owned(tables, clock, first)
    first.close()
    second = session()
    theirs = Lease(tables, lock_wait_ms=10_000, clock=clock, process=ELSEWHERE)
    theirs.lock(second)
    theirs.take(second)
    if not still_there:
        theirs.release(second)
    with pytest.raises(Fenced, match="process 77 on other-host since"):
        ours.retake(session())
    assert not ours.valid()


def test_an_owner_ends_its_own_last_session_if_the_server_still_holds_it(
    tables: Tables, clock: Clock, session: Connect
) -> None:
    first = session()
    ours = Lease(tables, lock_wait_ms=10_000, clock=clock)
    ours.lock(first)
    ours.take(first)
    second = session()
    ours.retake(second)  # nobody closed the first one: the way to it is broken, and the server does not know
    assert ours.valid()
    with pytest.raises(Exception, match=r"terminat|closed"):
        first.execute("SELECT 1")


def test_a_session_that_takes_long_to_end_is_waited_for_and_not_taken_for_another_owner(
    tables: Tables, clock: Clock, session: Connect
) -> None:
    first = session()
    ours = owned(tables, clock, first)
    ours._session = 0  # so that it can't be ended
    with pytest.raises(Unavailable, match="our own last session"):
        ours.retake(session())


def test_the_machines_clock_counts_milliseconds_and_never_goes_back() -> None:
    readings = [machine_ms() for _ in range(1_000)]
    assert readings == sorted(readings)
