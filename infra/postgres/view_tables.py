"""The tables of read models, derived from their row types: columns, keys, indices.

A view is a table `view_<name>` in the run's own schema, `view_<name>__new` while it is being built; where each stands
is a row of `projection_positions`.
"""

from __future__ import annotations

import enum
import functools
from decimal import Decimal
from types import NoneType
from typing import Any, Final, LiteralString, get_args

import msgspec
from psycopg.sql import SQL, Composable, Composed, Identifier

from infra.followers.views import Stage, order_of
from infra.postgres.tables import Tables
from projections.base import LIVE, Projection

POSITIONS: Final = "projection_positions"

_COLUMN_TYPES: Final[dict[object, LiteralString]] = {
    bool: "boolean",
    int: "bigint",
    float: "double precision",
    Decimal: "numeric",
    str: "text",
}


class Column(msgspec.Struct, frozen=True):
    """One column: its name, its SQL type, and whether it may be NULL."""

    name: str
    type: LiteralString
    optional: bool


@functools.cache
def columns_of(row: type[msgspec.Struct]) -> tuple[Column, ...]:
    """Give the columns of a row type. What is nested becomes `jsonb`, an enum of strings `text`."""
    return tuple(_column(field.name, field.type) for field in msgspec.structs.fields(row))


class ViewStatements(msgspec.Struct, frozen=True):
    """What is asked of one view at one stage.

    `load` gives the rows that a fold needs, `find` any one by its key; `upsert` takes rows as JSON.
    """

    load: bytes
    find: bytes
    rows: bytes
    count: bytes
    upsert: bytes
    create: tuple[bytes, ...]
    drop: bytes


def positions_of(tables: Tables) -> Identifier:
    """Name the table of places."""
    return Identifier(tables.schema, POSITIONS)


def view_of(tables: Tables, projection: Projection[Any], stage: Stage) -> Identifier:
    """Name the table of a view."""
    return Identifier(tables.schema, _plain_name(projection, stage))


def create_positions(tables: Tables) -> Composed:
    """Make the table of places."""
    return SQL(
        "CREATE TABLE IF NOT EXISTS {} (name text, stage text, version bigint NOT NULL, shape text NOT NULL,"
        " seq bigint NOT NULL, generation bigint NOT NULL, failed_seq bigint NOT NULL DEFAULT 0,"
        " error text NOT NULL DEFAULT '', PRIMARY KEY (name, stage))"
    ).format(positions_of(tables))


@functools.lru_cache(maxsize=128)
def statements(tables: Tables, projection: Projection[Any], stage: Stage) -> ViewStatements:
    """Give the statements of a view."""
    columns = columns_of(projection.row)
    rest = [column.name for column in columns if column.name not in projection.key]
    names: dict[str, Composable] = {
        "view": view_of(tables, projection, stage),
        "key": _list(projection.key),
        "values": SQL(", ").join([SQL("%s")] * len(projection.key)),
        "order": _list(order_of(projection)),
        "needed": SQL(" WHERE {}").format(Identifier(LIVE)) if projection.forgets else SQL(""),
        "columns": _list([column.name for column in columns]),
        "rest": _list(rest),
        "changed": SQL(", ").join(SQL("excluded.{}").format(Identifier(name)) for name in rest),
    }
    texts = {
        "load": SQL("SELECT to_json(view)::text FROM {view} AS view{needed}"),
        "find": SQL("SELECT to_json(view)::text FROM {view} AS view WHERE ({key}) = ({values})"),
        "rows": SQL("SELECT to_json(view)::text FROM {view} AS view ORDER BY {order}"),
        "count": SQL("SELECT count(*) FROM {view}"),
        "upsert": SQL(
            "INSERT INTO {view} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{view}, %s::json)"
            " ON CONFLICT ({key}) DO UPDATE SET ({rest}) = ROW({changed})"
        ),
        "drop": SQL("DROP TABLE IF EXISTS {view}"),
    }
    create = tuple(text.as_bytes(None) for text in _create(projection, columns, names))
    return ViewStatements(create=create, **{name: text.format(**names).as_bytes(None) for name, text in texts.items()})


def rename(tables: Tables, projection: Projection[Any]) -> Composed:
    """Let the table of the built rows be the live one."""
    return SQL("ALTER TABLE {} RENAME TO {}").format(
        view_of(tables, projection, Stage.BUILDING), Identifier(_plain_name(projection, Stage.LIVE))
    )


def _create(
    projection: Projection[Any], columns: tuple[Column, ...], names: dict[str, Composable]
) -> tuple[Composed, ...]:
    definitions = [
        SQL("{} {} {}").format(Identifier(column.name), SQL(column.type), SQL("" if column.optional else "NOT NULL"))
        for column in columns
    ]
    table = SQL("CREATE TABLE {view} ({definitions}, PRIMARY KEY ({key}))").format(
        definitions=SQL(", ").join(definitions), **names
    )
    index_on = SQL("CREATE INDEX ON {view} ({fields})")
    indices = [index_on.format(fields=_list(index), **names) for index in projection.indices]
    if projection.forgets:
        indices.append(SQL("CREATE INDEX ON {view} ({live}) WHERE live").format(live=Identifier(LIVE), **names))
    return table, *indices


def _plain_name(projection: Projection[Any], stage: Stage) -> str:
    return f"view_{projection.name}" + ("__new" if stage is Stage.BUILDING else "")


def _list(names: tuple[str, ...] | list[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))


def _column(name: str, annotation: object) -> Column:
    kinds: tuple[object, ...] = get_args(annotation)
    if NoneType not in kinds:
        return Column(name, _sql_type(annotation), optional=False)
    return Column(name, _sql_type(next(kind for kind in kinds if kind is not NoneType)), optional=True)


def _sql_type(kind: object) -> LiteralString:
    plain = _COLUMN_TYPES.get(kind)
    if plain is not None:
        return plain
    return "text" if isinstance(kind, type) and issubclass(kind, enum.StrEnum) else "jsonb"
