"""Bring the tables of a history up to this code: numbered SQL files, each applied once.

A file is `migrations/NNNN_<name>.sql`; one whose name starts with `run_` is for runs of Hindsight only, not for
applications of the library. A file that has been released is never edited: a change is a new file. Names in braces
(`{events}`, `{commits}` …) are filled in as quoted identifiers, never as text.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from typing import Any, Final, LiteralString, TypeAlias, cast
from typing import Literal as OneOf

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composable, Identifier, Literal

from domain.errors import InvalidInput
from infra.postgres.tables import Tables

OriginatorIdType: TypeAlias = OneOf["text", "uuid"]

_LOCK_NAMESPACE: Final = b"hindsight:migrations:"


class Migration(msgspec.Struct, frozen=True):
    """One numbered file."""

    number: int
    name: str
    text: str

    def concerns(self, tables: Tables) -> bool:
        """Whether these tables need it."""
        return tables.is_run or not self.name.startswith("run_")


@functools.cache
def migrations() -> tuple[Migration, ...]:
    """Give all migrations that this code knows, in order."""
    found: list[Migration] = []
    for file in resources.files("infra.postgres").joinpath("migrations").iterdir():
        stem, _, suffix = file.name.rpartition(".")
        if suffix == "sql":
            number, _, name = stem.partition("_")
            found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


def migrate(
    connection: Connection[Any], tables: Tables, originator_id_type: OriginatorIdType = "text"
) -> tuple[Migration, ...]:
    """Create or upgrade the tables of a history, and give what was applied now; the schema too, if there is none.

    All in one transaction (in the caller's, if there is one), under a lock that lets one process at a time through: if
    several start together, one applies and the others find it done. Raises `InvalidInput` if the tables are newer
    than this code, or the database does not keep texts in UTF-8: their bytes could not be hashed as they are stored.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        hint = "Create one with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'."
        raise InvalidInput(f"database {connection.info.dbname!r}", "encoding UTF8", f"{encoding}", hint)
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        lock_schema(connection, tables.schema)
        _create_bookkeeping(cursor, tables)
        missing = _missing(tables, _applied(cursor, tables))
        names: dict[str, Composable] = {
            **tables.identifiers(),
            "originator_id_type": Identifier(originator_id_type),
            "events_text": Literal(f"{tables.schema}.{tables.events}"),
            "notification_id_index": Identifier(f"{tables.events}_notification_id_idx"),
            "refuse_change": Identifier(tables.schema, "hindsight_refuse_change"),
        }
        record = SQL("INSERT INTO {} (number, name) VALUES (%s, %s)").format(tables.named("migrations"))
        for migration in missing:
            template = SQL(cast("LiteralString", migration.text))  # a file of ours, not of a user's
            cursor.execute(template.format(**names))
            cursor.execute(record, (migration.number, migration.name))
        return missing


def require_current(connection: Connection[Any], tables: Tables) -> None:
    """Raise `InvalidInput` unless the tables are exactly as this code knows them. Changes nothing: for readers."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT to_regclass(%s)", (tables.named("migrations").as_string(connection),))
        exists = cursor.fetchone() != (None,)
        missing = _missing(tables, _applied(cursor, tables) if exists else {})
    if missing:
        raise InvalidInput(
            f"schema {tables.schema!r}",
            f"tables up to migration {missing[-1].number}",
            f"migration {missing[0].number} ({missing[0].name}) not applied",
            "Start the run once with this version to upgrade them, or choose another store.",
        )


def lock_schema(connection: Connection[Any], schema: str) -> None:
    """Let one process at a time create tables in a schema, until the caller's transaction ends."""
    digest = hashlib.sha256(_LOCK_NAMESPACE + schema.encode()).digest()
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (int.from_bytes(digest[:8], "big", signed=True),))


def _create_bookkeeping(cursor: Cursor[Any], tables: Tables) -> None:
    cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (tables.schema,))
    if cursor.fetchone() is None:
        cursor.execute(SQL("CREATE SCHEMA {}").format(Identifier(tables.schema)))
    cursor.execute(
        SQL(
            "CREATE TABLE IF NOT EXISTS {} ("
            "number int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        ).format(tables.named("migrations"))
    )


def _applied(cursor: Cursor[Any], tables: Tables) -> dict[int, str]:
    cursor.execute(SQL("SELECT number, name FROM {} ORDER BY number").format(tables.named("migrations")))
    return dict(cursor.fetchall())


def _missing(tables: Tables, applied: dict[int, str]) -> tuple[Migration, ...]:
    known = {migration.number: migration for migration in migrations()}
    unknown = [number for number in applied if number not in known]
    if unknown:
        newest = max(unknown)
        raise InvalidInput(
            f"schema {tables.schema!r}",
            f"tables of this version, up to migration {max(known)}",
            f"migration {newest} ({applied[newest]}), made by a newer version",
            "Install that version or a newer one, or choose another store.",
        )
    return tuple(m for number, m in known.items() if m.concerns(tables) and number not in applied)
