"""The last closed candles before a run, so that indicators are warm when it starts."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from domain.market import INTERVALS_MS
from infra.market.catalogue import KLINES, Catalogue
from infra.market.series import Series, load_candles

WARM_UP_CANDLES = {"1m": 300, "5m": 300, "15m": 300, "1h": 300, "4h": 200, "1d": 100}
"""How many candles of each interval are given at most."""


def warm_up_series(catalogue: Catalogue, base: Series, start_ms: int) -> tuple[list[Series], list[str]]:
    """Give a symbol's histories before `start_ms`, longest interval first, the base interval last.

    A history holds at most `WARM_UP_CANDLES`, has no gap, and ends exactly where the bucket of `start_ms` begins; the
    second answer says of each history why it is not given.
    """
    histories: list[Series] = []
    notes: list[str] = []
    base_ms = INTERVALS_MS[base.interval]
    for interval in reversed(catalogue.intervals(KLINES, base.symbol)):
        if INTERVALS_MS[interval] < base_ms:
            continue
        series = base if interval == base.interval else load_candles(catalogue, base.symbol, interval)
        history = _last_closed(series, start_ms)
        if len(history.times):
            histories.append(history)
        else:
            notes.append(_why_not(series, start_ms))
    return histories, notes


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
