"""Tables as files: Parquet in row groups of bounded size, and CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from infra.export.columns import Columns

ROWS_A_GROUP: Final = 65_536
BYTES_A_GROUP: Final = 16 * 1024 * 1024
ROWS_A_BATCH: Final = 4_096

_arrow, _parquet = cast("Any", pa), cast("Any", pq)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

S = TypeVar("S", bound=msgspec.Struct)


def write_parquet(path: Path, schema: Any, batches: Iterable[Any]) -> int:
    """Write record batches as one Parquet file, durably, and give its number of rows.

    Row groups end where the batches do, once they are large enough: the same batches give the same bytes.
    """
    rows = 0
    with path.open("wb") as file:
        with _parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in _grouped(batches):
                writer.write_table(_arrow.Table.from_batches(group), row_group_size=ROWS_A_GROUP)
                rows += sum(batch.num_rows for batch in group)
        file.flush()
        os.fsync(file.fileno())
    return rows


def write_csv(path: Path, schema: Any, batches: Iterable[Any]) -> int:
    """Write record batches as CSV (RFC 4180), durably, and give the number of rows.

    A group becomes columns `group.field`, a list JSON, a moment ISO 8601 in UTC. A text that a spreadsheet would take
    for a formula gets an apostrophe before it.
    """
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(_flat(_arrow.Table.from_batches([], schema=schema)).column_names)
        for batch in batches:
            columns = [column.to_pylist() for column in _flat(_arrow.Table.from_batches([batch])).columns]
            lines.writerows([_text(value) for value in row] for row in zip(*columns, strict=True))
            rows += batch.num_rows
        file.flush()
        os.fsync(file.fileno())
    return rows


def batches_of(columns: Columns, rows: Iterable[S]) -> Iterator[Any]:
    """Give structs as record batches."""
    waiting = iter(rows)
    while batch := list(islice(waiting, ROWS_A_BATCH)):
        yield columns.batch(batch)


def batches_in(path: Path) -> Iterator[Any]:
    """Read a Parquet file back in bounded memory."""
    with _parquet.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_A_BATCH)


def _grouped(batches: Iterable[Any]) -> Iterator[Sequence[Any]]:
    group: list[Any] = []
    rows = size = 0
    for batch in batches:
        group.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= ROWS_A_GROUP or size >= BYTES_A_GROUP:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def _flat(table: Any) -> Any:
    while any(_arrow.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case Decimal():
            return format(value.normalize(), "f")
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case list():
            return msgspec.json.encode(cast("object", value)).decode()
        case _:
            return str(value)
