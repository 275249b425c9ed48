"""Runs: each is a schema of its own, so they never meet.

- `live`, for live and paper trading: bound at its creation to a venue and a kind of clock, and continued ever after;
- `run_<id>` for a backtest, whose id is the hash of settings, data and code. It is built as `run_<id>_new` and takes
  its final name when it is complete, so nobody ever sees half a run, and the same backtest again replaces the old
  result in one transaction. What a killed build left is removed by the next one of the same id.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier

from domain.errors import Fenced, InvalidInput
from infra.postgres.lease import keep_writers_out
from infra.postgres.migrate import migrate
from infra.postgres.session import connect, reaching
from infra.postgres.tables import Tables

LIVE: Final = "live"
_PREFIX: Final = "run_"
_BUILDING: Final = "_new"
_RUN_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


class RunInfo(msgspec.Struct, frozen=True):
    """What a run is. `epoch` is drawn once, is part of every client order id, and stands outside the hashed content.

    `clock` says where the times of its inputs come from; `config` is the settings' text, for people.
    `completed_at` is empty for `live`, and for a run that is being built.
    """

    run_id: str
    kind: str
    venue: str
    clock: str
    epoch: str
    config: str
    created_at: datetime
    completed_at: datetime | None = None


def new_run(run_id: str, kind: str, venue: str, clock: str, config: str) -> RunInfo:
    """Describe a run that is about to be created, and draw its epoch. Raises `InvalidInput` for an unusable id."""
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidInput("run id", "1 to 48 of a-z, 0-9 and '-'", repr(run_id))
    return RunInfo(run_id, kind, venue, clock, secrets.token_hex(16), config, datetime.now(UTC))


def tables_of(run_id: str) -> Tables:
    """Give the tables of a run that exists, or of `live`."""
    return Tables(LIVE if run_id == LIVE else f"{_PREFIX}{run_id}")


def building_tables_of(run_id: str) -> Tables:
    """Give the tables of a run while it is built."""
    return Tables(f"{_PREFIX}{run_id}{_BUILDING}")


def continue_or_create(connection: Connection[Any], tables: Tables, info: RunInfo) -> RunInfo:
    """Make a run's tables if there are none, else upgrade them; give what the run is, its own epoch included.

    To be called under the writer's lock, as the journal's `prepare`.
    Raises `InvalidInput` if the run that is there has another venue or another kind of clock.
    """
    with connection.transaction():
        migrate(connection, tables)
        connection.execute(_statement(_CREATE, tables))
        found = _read(connection, tables)
        if found is None:
            connection.execute(_statement(_INSERT, tables), msgspec.structs.astuple(info))
            return info
    if (found.venue, found.clock) != (info.venue, info.clock):
        raise InvalidInput(
            f"run {found.run_id!r}",
            f"the venue and the clock that it was created with, {found.venue} and {found.clock}",
            f"{info.venue} and {info.clock}",
            f"Choose another --store or --home, or delete it with `python run.py runs delete {found.run_id}`.",
        )
    return found


def begin(connection: Connection[Any], info: RunInfo) -> None:
    """Start building a run in an empty schema, in place of what a killed build may have left there.

    To be called under the writer's lock of `building_tables_of(info.run_id)`, as the journal's `prepare`.
    """
    tables = building_tables_of(info.run_id)
    with connection.transaction():
        connection.execute(_statement("DROP SCHEMA IF EXISTS {schema} CASCADE", tables))
        continue_or_create(connection, tables, info)


def replace_when_complete(connection: Connection[Any], info: RunInfo) -> RunInfo:
    """Give a finished build its final name, in place of an older result of the same id, all in one transaction.

    Raises `Fenced` if somebody builds, or writes, the same run, and `Unavailable`.
    """
    building, final = building_tables_of(info.run_id), tables_of(info.run_id)
    with reaching(), connection.transaction():
        keep_writers_out(connection, building)
        keep_writers_out(connection, final)
        built = _read(connection, building)
        if built is None or built.epoch != info.epoch:
            raise Fenced(f"a process that builds run {info.run_id!r} too")
        connection.execute(_statement("UPDATE {run_info} SET completed_at = clock_timestamp()", building))
        connection.execute(_statement("DROP SCHEMA IF EXISTS {schema} CASCADE", final))
        rename = SQL("ALTER SCHEMA {} RENAME TO {}")
        connection.execute(rename.format(Identifier(building.schema), Identifier(final.schema)))
        complete = _read(connection, final)
    assert complete is not None
    return complete


def list_runs(url: str) -> tuple[RunInfo, ...]:
    """Give all runs of a store, the newest last. Builds are not runs yet. Raises `Unavailable`."""
    with reaching(), connect(url, "runs") as connection:
        schemas = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE (nspname = %s OR starts_with(nspname, %s))"
            " AND NOT right(nspname, %s) = %s AND to_regclass(format('%%I.run_info', nspname)) IS NOT NULL",
            (LIVE, _PREFIX, len(_BUILDING), _BUILDING),
        ).fetchall()
        found = [_read(connection, Tables(schema)) for (schema,) in schemas]
    return tuple(sorted((info for info in found if info is not None), key=lambda info: info.created_at))


def find_run(url: str, run_id: str = "", where: str = "--run") -> RunInfo:
    """Give a run, the newest one if no id is given. Raises `InvalidInput` if there is none."""
    runs = list_runs(url)
    for info in reversed(runs):
        if run_id in ("", info.run_id):
            return info
    known = ", ".join(info.run_id for info in runs) or "no run at all"
    hint = "" if runs else "Check --home and --store; `python run.py` or `python run.py backtest` makes a run."
    raise InvalidInput(where, f"a run of this store ({known})", repr(run_id) if run_id else "none", hint)


def delete(url: str, run_id: str) -> None:
    """Drop a run with all that it holds. Raises `InvalidInput` if there is none, `Fenced` if it is being written."""
    tables = tables_of(find_run(url, run_id, "runs").run_id)
    with reaching(), connect(url, "runs") as connection, connection.transaction():
        keep_writers_out(connection, tables)
        connection.execute(_statement("DROP SCHEMA {schema} CASCADE", tables))


_CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS {run_info} (run_id text PRIMARY KEY, kind text NOT NULL, venue text NOT NULL,"
    " clock text NOT NULL, epoch text NOT NULL, config text NOT NULL, created_at timestamptz NOT NULL,"
    " completed_at timestamptz)"
)
_INSERT: Final = "INSERT INTO {run_info} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"


def _statement(template: LiteralString, tables: Tables) -> Composed:
    return SQL(template).format(schema=Identifier(tables.schema), run_info=Identifier(tables.schema, "run_info"))


def _read(connection: Connection[Any], tables: Tables) -> RunInfo | None:
    with connection.cursor(row_factory=class_row(RunInfo)) as cursor:
        try:
            return cursor.execute(_statement("SELECT * FROM {run_info}", tables)).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
