"""Makes a catalogue file of candles out of a file that the user has: zip, CSV or Parquet.

What a file holds is told by its name, `BTCUSDT-1m-2025-05.zip` as in Binance's public archive or `BTCUSDT_x.parquet` as
in the catalogue; the interval, if the name does not say it, by the folder or by the distances of the candles.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidInput
from domain.market import INTERVALS_MS
from infra.market.candle_rows import REQUIRED, VOLUMES, sound_candles
from infra.market.catalogue import KLINES
from infra.market.parquet import Table, read_csv, read_table, write_table

CSV_BYTES_MAX: Final = 512 * 1024 * 1024
"""A year of 1m candles has 60 MB; what claims to be more than this is no candle file."""
KINDS: Final = "a .zip, .csv or .parquet file"
_OPTIONAL: Final = ("close_time", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
_SYNONYMS: Final = {
    "count": "trades",
    "number_of_trades": "trades",
    "quote_asset_volume": "quote_volume",
    "taker_buy_base_asset_volume": "taker_buy_volume",
    "taker_buy_quote_asset_volume": "taker_buy_quote_volume",
}
_ZIP_ERRORS: Final = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
_MICROSECONDS_MIN: Final = 10**14
"""From 2025 on some files of the archive hold microseconds: no time in ms is that large before the year 5138."""
_ARCHIVED: Final = re.compile(r"(?P<symbol>[A-Z0-9]+)-(?P<interval>\d+[mhdwM])-(?P<period>\d{4}-\d\d(-\d\d)?)")
_HELD: Final = re.compile(r"(?P<symbol>[A-Z0-9]+)_(?P<period>.+)")


class Imported(msgspec.Struct, frozen=True):
    """What became of a file: where its candles are, how many, and how many rows were left out, by reason."""

    path: str
    symbol: str
    interval: str
    rows: int
    rejected: tuple[tuple[str, int], ...] = ()


class Named(msgspec.Struct, frozen=True):
    """What a file's name says; the interval may be unknown."""

    symbol: str
    interval: str
    period: str


def import_file(path: Path, root: Path, note: Mapping[str, str] | None = None) -> Imported:
    """Bring a file into the catalogue at `root`, whole or not at all; the same file again replaces what it gave.

    Raises `InvalidInput` for a name that says nothing, content that can't be read, and a file without a sound candle.
    """
    if not path.is_file():
        raise InvalidInput(str(path), "a file", "a directory" if path.is_dir() else "nothing there")
    named = _named(path)
    table = _read(path)
    times, close = _in_ms(table)
    interval = named.interval or _interval_of(path, times)
    rows = sound_candles(times, {**table.columns, **close}, INTERVALS_MS[interval])
    if not len(rows.times):
        found = ", ".join(f"{count} x {reason}" for reason, count in rows.rejected) or "no row at all"
        raise InvalidInput(str(path), f"{interval} candles", found)
    target = root / KLINES / interval / f"{named.symbol}_{named.period}.parquet"
    columns = {name: rows.columns[name] for name in (*REQUIRED, *VOLUMES) if name in rows.columns}
    write_table(target, rows.times, columns, note or {})
    return Imported(str(target), named.symbol, interval, len(rows.times), rows.rejected)


def _named(path: Path) -> Named:
    found = _ARCHIVED.fullmatch(path.stem) or _HELD.fullmatch(path.stem)
    if found is None:
        expected = "a name such as BTCUSDT-1m-2025-05.zip or BTCUSDT_2025.parquet"
        raise InvalidInput(str(path), expected, path.name, "Rename the file: the name says which symbol it holds.")
    parts = found.groupdict()
    interval = parts.get("interval") or (path.parent.name if path.parent.name in INTERVALS_MS else "")
    if interval and interval not in INTERVALS_MS:
        raise InvalidInput(str(path), f"an interval among {', '.join(INTERVALS_MS)}", interval)
    return Named(parts["symbol"], interval, parts["period"])


def _read(path: Path) -> Table:
    try:
        match path.suffix.lower():
            case ".zip":
                return _csv(path, _unzipped(path))
            case ".csv":
                return _csv(path, path.read_bytes())
            case ".parquet":
                return read_table(path, "open_time", REQUIRED, _OPTIONAL)
            case other:
                raise InvalidInput(str(path), KINDS, other or "a name without an ending")
    except OSError as error:
        raise InvalidInput(str(path), KINDS, error.strerror or str(error)) from error


def _csv(path: Path, data: bytes) -> Table:
    return read_csv(path, data, "open_time", REQUIRED, _OPTIONAL, _SYNONYMS)


def _unzipped(path: Path) -> bytes:
    """Give the one CSV file inside."""
    again = "Fetch the file again, or remove it."
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            inside = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
            if len(inside) != 1:
                raise InvalidInput(str(path), "one CSV file inside", f"{len(inside)}")
            if inside[0].file_size > CSV_BYTES_MAX:
                raise InvalidInput(str(path), f"at most {CSV_BYTES_MAX:,} bytes inside", f"{inside[0].file_size:,}")
            return archive.read(inside[0])
    except _ZIP_ERRORS as error:
        raise InvalidInput(str(path), "a sound zip file", str(error), again) from error


def _in_ms(table: Table) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Give open times in ms, and the close times where there are any."""
    times = table.times
    close = {"close_time": table.columns["close_time"]} if "close_time" in table.columns else {}
    if len(times) and int(times.max()) >= _MICROSECONDS_MIN:
        close = {name: np.floor(column / 1000) for name, column in close.items()}
        times = times // 1000
    return times, close


def _interval_of(path: Path, times: NDArray[np.int64]) -> str:
    steps = np.diff(np.unique(times))
    usual = int(np.median(steps)) if len(steps) else 0
    for interval, interval_ms in INTERVALS_MS.items():
        if interval_ms == usual:
            return interval
    expected = f"candles of one of {', '.join(INTERVALS_MS)}"
    raise InvalidInput(str(path), expected, f"steps of {usual} ms", "A name such as BTCUSDT-1m-2025-05 says it.")
