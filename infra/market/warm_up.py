"""The last closed candles before a run, so that indicators are warm when it starts."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from domain.market import INTERVALS_MS
from infra.market.candle_rows import REQUIRED, VOLUMES, Floats
from infra.market.catalogue import KLINES, Catalogue
from infra.market.series import Series, load_candles

WARM_UP_CANDLES = {"1m": 300, "5m": 300, "15m": 300, "1h": 300, "4h": 200, "1d": 100}
"""How many candles of each interval are given at most."""


def warm_up_series(catalogue: Catalogue, base: Series, start_ms: int) -> tuple[list[Series], list[str]]:
    """Give a symbol's histories before `start_ms`, longest interval first, the base interval last.

    A history holds at most `WARM_UP_CANDLES`, has no gap, and ends exactly where the bucket of `start_ms` begins. Where
    the files of an interval don't give one, it is joined from a shorter one's; the second answer says of each interval
    that has files, and still gets no history, why.
    """
    histories: list[Series] = []
    notes: list[str] = []
    base_ms = INTERVALS_MS[base.interval]
    held = {
        interval: base if interval == base.interval else load_candles(catalogue, base.symbol, interval)
        for interval in catalogue.intervals(KLINES, base.symbol)
    }
    for interval in reversed(INTERVALS_MS):
        if INTERVALS_MS[interval] < base_ms:
            continue
        own = held.get(interval)
        shorter = [series for name, series in held.items() if INTERVALS_MS[name] < INTERVALS_MS[interval]]
        sources = [*([own] if own else []), *reversed(shorter)]
        history = max((_history(series, interval, start_ms) for series in sources), key=_length, default=None)
        if history is not None and len(history.times):
            histories.append(history)
        elif own:
            notes.append(_why_not(own, start_ms))
    return histories, notes


def _length(series: Series) -> int:
    return len(series.times)


def _history(series: Series, interval: str, start_ms: int) -> Series:
    return _last_closed(series if series.interval == interval else joined(series, interval, start_ms), start_ms)


def joined(series: Series, interval: str, end_ms: int) -> Series:
    """Join the last candles of a series that close by `end_ms` into longer ones, as many as warm-up takes.

    A longer candle with a hole is left out. What one part does not know, the whole does not know.
    """
    part_ms, whole_ms = INTERVALS_MS[series.interval], INTERVALS_MS[interval]
    bucket = end_ms // whole_ms * whole_ms
    taken = series.between(bucket - WARM_UP_CANDLES[interval] * whole_ms, bucket)
    starts = np.flatnonzero(np.diff(taken.times // whole_ms, prepend=-1))
    full = np.diff(starts, append=len(taken.times)) * part_ms == whole_ms
    folds = {"open": _firsts, "high": np.maximum.reduceat, "low": np.minimum.reduceat, "close": _lasts}
    columns = {
        name: folds.get(name, np.add.reduceat)(column, starts)[full] if len(starts) else column[:0]
        for name, column in taken.columns.items()
        if name in REQUIRED or name in VOLUMES
    }
    return Series(series.symbol, interval, (taken.times[starts] // whole_ms * whole_ms)[full], columns, series.report)


def _firsts(column: Floats, starts: NDArray[np.intp]) -> Floats:
    return column[starts]


def _lasts(column: Floats, starts: NDArray[np.intp]) -> Floats:
    return column[np.append(starts[1:], len(column)) - 1]


def iso(time_ms: int) -> str:
    """Write a moment for a human: `2025-06-01T00:00:00Z`, or the bare number where no calendar reaches."""
    try:
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{time_ms} ms"


def _last_closed(series: Series, start_ms: int) -> Series:
    """Cut to the gap-free candles that end where the bucket of `start_ms` begins."""
    interval_ms = INTERVALS_MS[series.interval]
    bucket = start_ms // interval_ms * interval_ms
    end = int(np.searchsorted(series.times, bucket))
    first = max(0, end - WARM_UP_CANDLES[series.interval])
    expected = bucket - interval_ms * np.arange(end - first, 0, -1)
    breaks = np.flatnonzero(series.times[first:end] != expected)
    if len(breaks):
        first += int(breaks[-1]) + 1
    return series.slice(first, end).owned()


def _why_not(series: Series, start_ms: int) -> str:
    who = f"{series.symbol} {series.interval}: no warm-up"
    before = series.times[: int(np.searchsorted(series.times, start_ms))]
    interval_ms = INTERVALS_MS[series.interval]
    closed = before[before + interval_ms <= start_ms]
    if not len(closed):
        return f"{who}, no candle closes by the start"
    bucket = start_ms // interval_ms * interval_ms
    return f"{who}, the last candle closes at {iso(int(closed[-1]) + interval_ms)} and not at {iso(bucket)}"
