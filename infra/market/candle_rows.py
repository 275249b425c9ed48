"""Recorded rows that can't be trusted are left out, and counted by reason. What is left is sorted, each time once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import Candle

PRICES = ("open", "high", "low", "close")
REQUIRED = (*PRICES, "volume")
VOLUMES = ("quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
_EARLIEST_MS = 946_684_800_000  # 2000-01-01: seconds taken for ms lie before,
_LATEST_MS = 4_102_444_800_000  # 2100-01-01: microseconds taken for ms lie after

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Rows(msgspec.Struct, frozen=True):
    """Rows sorted by time, each time once, and how many rows of the source are not among them, by reason.

    `times` in ms UTC; `columns` of the same length, NaN where not known.
    """

    times: NDArray[np.int64]
    columns: Mapping[str, Floats]
    rejected: tuple[tuple[str, int], ...]


def sound_candles(times: NDArray[np.int64], columns: Mapping[str, Floats], interval_ms: int) -> Rows:
    """Keep the rows that are closed candles on the interval's grid.

    `columns` holds `REQUIRED` and any of `VOLUMES` and `close_time`. The reasons of `Candle.defect` apply, and:
    TIME_OUT_OF_RANGE (before 2000, after 2100, or none), TIME_OFF_GRID, CLOSE_TIME_WRONG, VOLUMES_CONTRADICT,
    and those of `unique_rows`.
    """
    checks = [
        ("TIME_OUT_OF_RANGE", out_of_range(times)),
        ("TIME_OFF_GRID", times % interval_ms != 0),
        ("CLOSE_TIME_WRONG", _closes_wrongly(times, columns.get("close_time"), interval_ms)),
    ]
    usable, rejected = apply_checks(checks)
    unsound = usable & ~_sound(columns)
    rejected.update(_defects(columns, np.flatnonzero(unsound)))
    contradicting = usable & ~unsound & _volumes_contradict(columns)
    rejected["VOLUMES_CONTRADICT"] = int(np.count_nonzero(contradicting))
    kept = {name: column for name, column in columns.items() if name != "close_time"}
    return unique_rows(times, kept, usable & ~unsound & ~contradicting, rejected)


def apply_checks(checks: list[tuple[str, Flags]]) -> tuple[Flags, Counter[str]]:
    """Give the rows that no check finds at fault, and how many each check found first."""
    usable = np.ones(len(checks[0][1]), np.bool_)
    rejected: Counter[str] = Counter()
    for reason, faulty in checks:
        rejected[reason] = int(np.count_nonzero(usable & faulty))
        usable &= ~faulty
    return usable, rejected


def out_of_range(times: NDArray[np.int64]) -> Flags:
    """Find times that can't be ms UTC of a crypto market."""
    return (times < _EARLIEST_MS) | (times >= _LATEST_MS)


def unique_rows(times: NDArray[np.int64], columns: Mapping[str, Floats], usable: Flags, rejected: Counter[str]) -> Rows:
    """Sort the usable rows by time and keep one of each time.

    Rows of one time that agree in everything both know become one row that knows what either did, the others are
    counted as DUPLICATE. If they contradict each other nobody can say which is right: all are left out as CONFLICTING.
    """
    chosen = times[usable]
    order = np.argsort(chosen, kind="stable")
    ordered = chosen[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=np.int64(-1)))
    merged: dict[str, Floats] = {}
    agrees = np.ones(len(starts), np.bool_)
    for name, column in columns.items():
        values = column[usable][order]
        if len(starts) < len(values):
            highest = np.fmax.reduceat(values, starts)
            values = np.fmin.reduceat(values, starts)
            agrees &= (values == highest) | np.isnan(values)
        merged[name] = values
    sizes = np.diff(starts, append=len(ordered))
    rejected["CONFLICTING"] = int(sizes[~agrees].sum())
    rejected["DUPLICATE"] = int((sizes[agrees] - 1).sum())
    return Rows(
        times=ordered[starts][agrees],
        columns={name: values[agrees] for name, values in merged.items()},
        rejected=tuple((reason, count) for reason, count in sorted(rejected.items()) if count),
    )


def _sound(columns: Mapping[str, Floats]) -> Flags:
    """The rule of `Candle.defect`, a column at a time."""
    o, h, low, c, v = (columns[name] for name in REQUIRED)
    prices = (low > 0.0) & (low <= o) & (o <= h) & (h < np.inf) & (low <= c) & (c <= h)
    return prices & (v >= 0.0) & (v < np.inf)


def _defects(columns: Mapping[str, Floats], rows: NDArray[np.intp]) -> Counter[str]:
    values = zip(*(columns[name][rows].tolist() for name in REQUIRED), strict=True)
    return Counter(str(Candle(0, *row).defect()) for row in values)


def _closes_wrongly(times: NDArray[np.int64], close_time: Floats | None, interval_ms: int) -> Flags:
    """A candle of another interval. Exchanges write the last ms of the candle, some tools the first after it."""
    if close_time is None:
        return np.zeros(len(times), np.bool_)
    length = close_time - times
    return ~(np.isnan(close_time) | (length == interval_ms - 1) | (length == interval_ms))


def _volumes_contradict(columns: Mapping[str, Floats]) -> Flags:
    """Negative, infinite, a broken count of trades, or more bought by takers than was traded."""
    faulty = np.zeros(len(columns["volume"]), np.bool_)
    for name in VOLUMES:
        if name in columns:
            faulty |= (columns[name] < 0.0) | np.isinf(columns[name])
    if "trades" in columns:
        trades = columns["trades"]
        faulty |= np.floor(trades) < trades
    for part, whole in (("taker_buy_volume", "volume"), ("taker_buy_quote_volume", "quote_volume")):
        if part in columns and whole in columns:
            faulty |= columns[part] > columns[whole]
    return faulty
