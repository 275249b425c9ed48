"""The writer alone: what it claims after a commit, and what it does when it may not go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from histories import Author
from journals import Clock, Steps
from psycopg import Connection

from domain.errors import CorruptHistory, InvalidInput
from infra.postgres.lease import Lease
from infra.postgres.migrate import migrate
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.postgres.writer import Writer

LEASE_MS = 3_000


class Bench:
    """A writer with a clock that jumps and steps that can be acted at."""

    def __init__(self, url: str, schema: str) -> None:
        self.clock, self.steps, self.tables = Clock(), Steps(), Tables(schema)
        self.lease = Lease(self.tables, lease_ms=LEASE_MS, clock=self.clock)
        self.writer = Writer(
            url, self.tables, self.lease, clock_kind="test", fault=self.steps, clock=self.clock, statement_ms_max=100
        )

    def jump(self) -> None:
        self.clock.jumped_ms += LEASE_MS


@pytest.fixture
def bench(database_url: str, schema: str) -> Iterator[Bench]:
    one = Bench(database_url, schema)
    yield one
    one.writer.close()


def test_a_commit_lets_effects_leave_until_the_lease_ends_counted_from_when_it_was_sent(bench: Bench) -> None:
    author = Author()
    bench.writer.open()
    bench.jump()
    bench.writer.commit(author.ticks(1))
    assert bench.lease.valid()
    bench.steps.at["after_commit"] = bench.jump
    bench.writer.commit(author.ticks(1))
    assert bench.lease.expired()


def test_an_upgrade_of_the_tables_may_take_longer_than_a_commit(bench: Bench) -> None:
    def slowly(connection: Connection[Any]) -> None:
        connection.execute("SELECT pg_sleep(0.15)")
        migrate(connection, bench.tables)

    bench.writer.open(slowly)
    bench.writer.commit(Author().ticks(1))


def test_what_the_store_refuses_ends_everything(bench: Bench, database_url: str) -> None:
    bench.writer.open()
    with connect(database_url, "test") as connection:
        connection.execute(f"DROP TABLE {bench.tables.schema}.tapes")
    with pytest.raises(CorruptHistory, match="the store refused what follows commit 0"):
        bench.writer.commit(Author().ticks(1))


def test_a_role_that_may_not_create_tables_is_told_so(bench: Bench) -> None:
    def prepare(connection: Connection[Any]) -> None:
        connection.execute("SET ROLE pg_monitor")
        connection.execute("CREATE SCHEMA not_for_us")

    with pytest.raises(InvalidInput, match="a role that may create and write tables"):
        bench.writer.open(prepare)


def test_letting_go_without_a_connection_does_nothing(bench: Bench) -> None:
    bench.writer.release()
