"""Opening the runs of a store: to write one, or to read one."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection

from actors.kernel import CHECKPOINT_SCHEMA
from infra.durability import OnDurable
from infra.postgres import runs
from infra.postgres.backlog import Limits
from infra.postgres.fault import from_environment as fault_from_environment
from infra.postgres.journal import PostgresJournal
from infra.postgres.reader import PostgresReader
from infra.postgres.runs import RunInfo
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.settings import DatabaseSettings, Settings


def limits_of(database: DatabaseSettings) -> Limits:
    """Give the journal's bounds from the settings."""
    return Limits(
        group_ms=database.commit_interval_ms,
        group_events=database.commit_events,
        held_events=database.held_events,
        held_bytes=database.held_megabytes * 1024 * 1024,
    )


def open_live(url: str, settings: Settings, venue: str, clock: str, on_durable: OnDurable) -> PostgresJournal:
    """Take the run `live`, made if there is none. Raises `Fenced` if another process has it."""
    tables = runs.tables_of(runs.LIVE)
    text = msgspec.json.encode(settings.config).decode()
    info = runs.new_run(runs.LIVE, "live", venue, clock, text)

    def prepare(connection: Connection[Any]) -> None:
        runs.continue_or_create(connection, tables, info)

    return PostgresJournal(
        url,
        tables,
        on_durable,
        clock_kind=clock,
        prepare=prepare,
        limits=limits_of(settings.database),
        fault=fault_from_environment(os.environ),
    )


@contextmanager
def building(
    url: str, run_id: str, settings: Settings
) -> Generator[tuple[PostgresJournal, PostgresReader, Callable[[], RunInfo]]]:
    """Build a backtest's run beside an older one of the same id; call what it gives when the run is complete."""
    info = runs.new_run(run_id, "backtest", "paper", "recorded", msgspec.json.encode(settings.config).decode())
    tables = runs.building_tables_of(run_id)
    journal = PostgresJournal(
        url,
        tables,
        lambda _: None,
        clock_kind="recorded",
        prepare=lambda connection: runs.begin(connection, info),
        limits=limits_of(settings.database),
        fault=fault_from_environment(os.environ),
    )
    reader = PostgresReader(url, tables, checkpoint_schema=CHECKPOINT_SCHEMA)

    def complete() -> RunInfo:
        journal.close()
        reader.close()
        with connect(url, "runs") as connection:
            return runs.replace_when_complete(connection, info)

    try:
        yield journal, reader, complete
    finally:
        journal.close()
        reader.close()


@contextmanager
def reading(url: str, run_id: str | None) -> Generator[tuple[RunInfo, Tables, PostgresReader]]:
    """Read a run, the newest if none is named. Raises `InvalidInput` if there is none."""
    info = runs.find_run(url, run_id or "")
    tables = runs.tables_of(info.run_id)
    with PostgresReader(url, tables, checkpoint_schema=CHECKPOINT_SCHEMA) as reader:
        yield info, tables, reader
