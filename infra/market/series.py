"""The files of one symbol, merged into one series: candles, marks, funding rates, open interest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidInput
from domain.market import INTERVALS_MS, MINUTE_MS
from infra.market.candle_rows import (
    PRICES,
    REQUIRED,
    VOLUMES,
    Floats,
    Rows,
    apply_checks,
    out_of_range,
    sound_candles,
    unique_rows,
)
from infra.market.catalogue import FUNDING, KLINES, MARK_KLINES, OPEN_INTEREST, Catalogue
from infra.market.parquet import NO_TIME, Table, read_table

_OPTIONAL = (*VOLUMES, "close_time")


class LoadReport(msgspec.Struct, frozen=True):
    """What became of the files of one series, so that a run can say what it rests on and what it went without.

    `rows` were read and `kept` of them are used; `rejected` counts the others by reason; `reordered` rows stood behind
    a later one in their file: they are sound, so they were put in their place and are used; `missing` columns are in
    none of the files; between the kept candles there are `gaps` holes of `missing_candles` candles together.
    """

    kind: str
    interval: str
    symbol: str
    files: tuple[str, ...]
    rows: int
    kept: int
    rejected: tuple[tuple[str, int], ...] = ()
    reordered: int = 0
    missing: tuple[str, ...] = ()
    gaps: int = 0
    missing_candles: int = 0


class Series(msgspec.Struct, frozen=True):
    """A symbol's values in time order, each time once: `times` in ms UTC, columns of the same length, NaN: not known.

    `interval` is empty for series that are no candles.
    """

    symbol: str
    interval: str
    times: NDArray[np.int64]
    columns: Mapping[str, Floats]
    report: LoadReport

    def between(self, start_ms: int, end_ms: int) -> Series:
        """Cut to the times from `start_ms` up to, but not including, `end_ms`. The arrays are views."""
        first, last = (int(i) for i in np.searchsorted(self.times, (start_ms, end_ms)))
        return self.slice(first, last)

    def slice(self, first: int, last: int) -> Series:
        """Cut to the rows `first` up to, but not including, `last`. The arrays are views."""
        columns = {name: column[first:last] for name, column in self.columns.items()}
        return Series(self.symbol, self.interval, self.times[first:last], columns, self.report)

    def owned(self) -> Series:
        """Copy the arrays, so that those of which they were views can be freed."""
        columns = {name: column.copy() for name, column in self.columns.items()}
        return Series(self.symbol, self.interval, self.times.copy(), columns, self.report)


def load_candles(catalogue: Catalogue, symbol: str, interval: str) -> Series:
    """Load a symbol's candles. Raises `InvalidInput` if there are none, or none of them is sound."""
    paths = catalogue.candle_files(symbol, interval)
    tables = [read_table(path, "open_time", REQUIRED, _OPTIONAL) for path in paths]
    times, columns = _joined(tables)
    rows = sound_candles(times, columns, INTERVALS_MS[interval])
    if not len(rows.times):
        where = ", ".join(str(path) for path in paths)
        found = ", ".join(f"{count} x {reason}" for reason, count in rows.rejected) or "no row at all"
        hint = "Times must be in milliseconds." if "TIME_OUT_OF_RANGE" in dict(rows.rejected) else ""
        raise InvalidInput(where, f"{interval} candles", found, hint)
    return _series(catalogue, KLINES, symbol, interval, paths, tables, rows)


def load_marks(catalogue: Catalogue, symbol: str) -> Series | None:
    """Load the mark-price candles of the shortest interval that there is, or None if there are none."""
    interval = next(iter(catalogue.intervals(MARK_KLINES, symbol)), None)
    if interval is None:
        return None
    paths = catalogue.files(MARK_KLINES, symbol, interval)
    tables = [read_table(path, "open_time", PRICES) for path in paths]
    times, columns = _joined(tables)
    columns["volume"] = np.zeros(len(times))
    rows = sound_candles(times, columns, INTERVALS_MS[interval])
    return _series(catalogue, MARK_KLINES, symbol, interval, paths, tables, rows)


def load_funding(catalogue: Catalogue, symbol: str) -> Series | None:
    """Load funding rates by funding time, or None if there are none.

    Exchanges stamp a funding some ms late, and two sources of the same funding differ in that; so times are cut to
    the minute. FUNDING_RATE_OUT_OF_RANGE: not a number, or 100 % and more.
    """
    paths = catalogue.files(FUNDING, symbol)
    if not paths:
        return None
    tables = [read_table(path, "funding_time", ("funding_rate",)) for path in paths]
    stamped, columns = _joined(tables)
    times = np.where(stamped == NO_TIME, stamped, stamped // MINUTE_MS * MINUTE_MS)
    bad_rate = ~(np.abs(columns["funding_rate"]) < 1.0)
    checks = [("TIME_OUT_OF_RANGE", out_of_range(times)), ("FUNDING_RATE_OUT_OF_RANGE", bad_rate)]
    return _series(catalogue, FUNDING, symbol, "", paths, tables, unique_rows(times, columns, *apply_checks(checks)))


def load_open_interest(catalogue: Catalogue, symbol: str) -> Series | None:
    """Load open interest by time, in the base asset and, where the file says it, in USDT; None if there is none."""
    paths = catalogue.files(OPEN_INTEREST, symbol)
    if not paths:
        return None
    tables = [read_table(path, "timestamp", ("sum_open_interest",), ("sum_open_interest_value",)) for path in paths]
    times, columns = _joined(tables)
    amount = columns["sum_open_interest"]
    checks = [
        ("TIME_OUT_OF_RANGE", out_of_range(times)),
        ("NEGATIVE_OR_NOT_FINITE", ~((amount >= 0.0) & (amount < np.inf))),
    ]
    return _series(
        catalogue, OPEN_INTEREST, symbol, "", paths, tables, unique_rows(times, columns, *apply_checks(checks))
    )


def _joined(tables: Sequence[Table]) -> tuple[NDArray[np.int64], dict[str, Floats]]:
    names = dict.fromkeys(name for table in tables for name in table.columns)
    columns = {name: np.concatenate([t.columns.get(name, np.full(t.rows, np.nan)) for t in tables]) for name in names}
    return np.concatenate([t.times for t in tables]), columns


def _series(
    catalogue: Catalogue,
    kind: str,
    symbol: str,
    interval: str,
    paths: Sequence[Path],
    tables: Sequence[Table],
    rows: Rows,
) -> Series:
    absent = set[str].intersection(*(set(table.missing) for table in tables))
    steps = np.diff(rows.times) // INTERVALS_MS[interval] if interval else np.ones(0, np.int64)
    report = LoadReport(
        kind=kind,
        interval=interval,
        symbol=symbol,
        files=tuple(str(path.relative_to(catalogue.root)) for path in paths),
        rows=sum(table.rows for table in tables),
        kept=len(rows.times),
        rejected=rows.rejected,
        reordered=sum(_reordered(table.times) for table in tables),
        missing=tuple(name for name in VOLUMES if name in absent),
        gaps=int(np.count_nonzero(steps > 1)),
        missing_candles=int((steps - 1).sum()),
    )
    return Series(symbol, interval, rows.times, rows.columns, report)


def _reordered(times: NDArray[np.int64]) -> int:
    """Count the rows that stand behind a later one in their file."""
    times = times[~out_of_range(times)]
    return int(np.count_nonzero(times[1:] < np.maximum.accumulate(times)[:-1]))
