"""One Parquet or CSV file to numpy columns, and back.

pyarrow has no type stubs, so every untyped call is in this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from domain.errors import InvalidInput

NO_TIME = np.iinfo(np.int64).min
"""Stands for a time that the file leaves empty. It lies outside every range, so no check lets it through."""

_arrow = cast("Any", pa)
_csv = cast("Any", pcsv)
_types = _arrow.types
_ARROW_ERRORS = cast("tuple[type[Exception], ...]", (_arrow.ArrowException, OSError, UnicodeDecodeError))


class Table(msgspec.Struct, frozen=True):
    """What was read: `times` in ms UTC (`NO_TIME` where empty), and float columns (NaN where empty).

    Optional columns that the file does not have stand in `missing` and not in `columns`.
    """

    rows: int
    times: NDArray[np.int64]
    columns: dict[str, NDArray[np.float64]]
    missing: tuple[str, ...]


def read_table(path: Path, time_column: str, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Read a file's columns, whatever number type they have.

    Numbers may be floats, integers, decimals or text, flags (`is_…`) booleans; times also timestamps. Raises
    `InvalidInput` that names the file, and the column where there is one: not a Parquet file, a column missing or
    there twice, not numbers.
    """
    file, names = _opened(path)
    wanted = _wanted(path, names, time_column, required, optional)
    return _table(path, _read(path, file, wanted), wanted, optional)


def read_csv(
    path: Path,
    data: bytes,
    time_column: str,
    required: Sequence[str],
    optional: Sequence[str],
    synonyms: Mapping[str, str],
) -> Table:
    """Read CSV text, with or without a header, like `read_table`; `path` is what errors name.

    Without a header (the first line starts with a digit) the columns are those asked for, in that order. `synonyms`
    gives our name for a name that a header may use.
    """
    headless = data[:1].isdigit()
    names = [time_column, *required, *optional]
    try:
        options = _csv.ReadOptions(autogenerate_column_names=headless, use_threads=False)
        table = _csv.read_csv(_arrow.BufferReader(data), read_options=options, convert_options=_as_text(data, headless))
    except (*_ARROW_ERRORS, ValueError) as error:
        raise InvalidInput(str(path), "CSV text", _first_line(error), "Fetch the file again, or remove it.") from error
    found = names[: table.num_columns] if headless else [synonyms.get(n, n) for n in map(str, table.column_names)]
    table = table.select(range(len(found))).rename_columns(found)
    wanted = _wanted(path, found, time_column, required, optional)
    return _table(path, table.select(wanted), wanted, optional)


def _as_text(data: bytes, headless: bool) -> Any:
    """Let every column be text at first: what it must be is told by who asks, and a stray word is named by column."""
    width = data.partition(b"\n")[0].count(b",") + 1
    names = (
        [f"f{i}" for i in range(width)] if headless else data.partition(b"\n")[0].decode("utf-8", "replace").split(",")
    )
    types = {name.strip().strip('"'): _arrow.string() for name in names}
    return _csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)


def write_table(
    path: Path, times: NDArray[np.int64], columns: Mapping[str, NDArray[np.float64]], note: Mapping[str, str]
) -> None:
    """Write a file whole or not at all: `open_time` and the columns, NaN as empty, `note` as its metadata."""
    table = _arrow.table(
        {"open_time": times, **{name: _arrow.array(column, from_pandas=True) for name, column in columns.items()}}
    )
    table = table.replace_schema_metadata(dict(note))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        cast("Any", pq).write_table(table, part, compression="zstd")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def note_of(path: Path) -> dict[str, str]:
    """Give what `write_table` noted in a file; nothing if there is no such file, or none that can be read."""
    try:
        found = cast("dict[bytes, bytes]", cast("Any", pq).read_schema(path).metadata or {})
    except _ARROW_ERRORS:
        return {}
    return {key.decode(): value.decode("utf-8", "replace") for key, value in found.items()}


def _wanted(
    path: Path, names: Sequence[str], time_column: str, required: Sequence[str], optional: Sequence[str]
) -> list[str]:
    for name in (time_column, *required):
        if name not in names:
            raise InvalidInput(str(path), f"a column {name}", f"columns {', '.join(names)}")
    wanted = [name for name in (time_column, *required, *optional) if name in names]
    for name in wanted:
        if names.count(name) > 1:
            raise InvalidInput(str(path), f"one column {name}", f"{names.count(name)} of that name")
    return wanted


def _table(path: Path, table: Any, wanted: list[str], optional: Sequence[str]) -> Table:
    return Table(
        rows=int(table.num_rows),
        times=_times(path, wanted[0], table.column(wanted[0])),
        columns={name: _numbers(path, name, table.column(name)) for name in wanted[1:]},
        missing=tuple(name for name in optional if name not in wanted),
    )


def _opened(path: Path) -> tuple[Any, list[str]]:
    try:
        file = cast("Any", pq).ParquetFile(path)
        return file, [str(name) for name in file.schema_arrow.names]
    except _ARROW_ERRORS as error:
        raise _unreadable(path, error) from error


def _read(path: Path, file: Any, wanted: list[str]) -> Any:
    try:
        table = file.read(columns=wanted)
        table.validate(full=True)
    except _ARROW_ERRORS as error:
        raise _unreadable(path, error) from error
    return table


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(str(path), "a readable Parquet file", _first_line(error), "Fetch the file again, or remove it.")


def _times(path: Path, name: str, column: Any) -> NDArray[np.int64]:
    kind = column.type
    try:
        if _types.is_timestamp(kind):
            column = column.cast(_arrow.timestamp("ms"), safe=False)
        elif not (_types.is_integer(kind) or _types.is_floating(kind) or _is_text(kind) or _types.is_decimal(kind)):
            raise _wrong_type(path, name, "times in ms UTC", kind)
        whole = column.cast(_arrow.int64())
        filled = whole.fill_null(NO_TIME) if whole.null_count else whole
    except _ARROW_ERRORS as error:
        raise _wrong_type(path, name, "times in ms UTC", f"{kind} ({_first_line(error)})") from error
    return np.asarray(filled.to_numpy(), np.int64)


def _numbers(path: Path, name: str, column: Any) -> NDArray[np.float64]:
    """Turn a column into floats whose shortest text is the quoted one, hence the way through text for some types."""
    kind = column.type
    try:
        if _types.is_decimal(kind) or _types.is_float32(kind):
            column = column.cast(_arrow.string())
        elif _types.is_boolean(kind) and name.startswith("is_"):
            column = column.cast(_arrow.int8())
        elif not (_types.is_integer(kind) or _types.is_float64(kind) or _types.is_null(kind) or _is_text(kind)):
            raise _wrong_type(path, name, "numbers", kind)
        numbers = column.cast(_arrow.float64())
    except _ARROW_ERRORS as error:
        raise _wrong_type(path, name, "numbers", f"{kind} ({_first_line(error)})") from error
    return np.asarray(numbers.to_numpy(), np.float64)


def _is_text(kind: Any) -> bool:
    if _types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(_types.is_string(kind) or _types.is_large_string(kind))


def _wrong_type(path: Path, name: str, expected: str, found: object) -> InvalidInput:
    return InvalidInput(f"{path}, column {name}", expected, str(found))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
