"""The hourly closes of BTC and ETH for a run that does not trade them: what the market trend rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from domain.market import INTERVALS_MS
from domain.market_view import HOURS_KEPT, REFERENCES, Hours, ReferenceHoursArrived
from infra.market.catalogue import KLINES, Catalogue
from infra.market.series import load_candles

_HOUR_MS = INTERVALS_MS["1h"]


class ReferenceHours(msgspec.Struct, frozen=True):
    """One reference contract's closed hours: `before` the range, and those that close in it, each with its time."""

    reference: str
    before: Hours
    during: Hours

    def arrivals(self) -> Iterator[tuple[int, tuple[ReferenceHoursArrived, ...]]]:
        """Give the hours of the range as inputs, each due when it closes."""
        return ((hour[0], (ReferenceHoursArrived(self.reference, (hour,)),)) for hour in self.during)


def reference_hours(
    catalogue: Catalogue, traded: Sequence[str], start_ms: int, end_ms: int
) -> tuple[list[ReferenceHours], list[str]]:
    """Load the references that are not traded themselves, and say of which there is nothing.

    Raises `InvalidInput` for a file that can't be read.
    """
    found: list[ReferenceHours] = []
    notes: list[str] = []
    for reference in REFERENCES:
        if reference in traded:
            continue
        hours = _hours(catalogue, reference, start_ms, end_ms)
        if hours.before or hours.during:
            found.append(hours)
        else:
            notes.append(f"{reference}: no hourly candles, so the market trend goes without it")
    return found, notes


def _hours(catalogue: Catalogue, reference: str, start_ms: int, end_ms: int) -> ReferenceHours:
    if "1h" not in catalogue.intervals(KLINES, reference):
        return ReferenceHours(reference, (), ())
    series = load_candles(catalogue, reference, "1h")
    closes = series.times + _HOUR_MS
    first, start, end = np.searchsorted(closes, (start_ms - HOURS_KEPT * _HOUR_MS, start_ms, end_ms), side="right")
    prices = (series.columns[name][first:end].tolist() for name in ("high", "low", "close"))
    hours = tuple(zip(closes[first:end].tolist(), *prices, strict=True))
    return ReferenceHours(reference, hours[: start - first], hours[start - first :])
