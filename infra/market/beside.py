"""What stood beside the recorded candles: mark prices, funding and open interest."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import INTERVALS_MS, MINUTE_MS, FundingArrived
from domain.symbol.context import OPEN_INTEREST_HOURS
from infra.market.candle_rows import Floats
from infra.market.catalogue import Catalogue
from infra.market.series import Series, load_funding, load_marks, load_open_interest

FUNDING_RATE_VALID_MS = 8 * 60 * MINUTE_MS
"""The longest funding interval of Binance: a rate older than that is of another file, not of this moment."""
OPEN_INTEREST_VALID_MS = 15 * MINUTE_MS
"""Binance publishes open interest every 5 minutes: two may be missing."""


class Beside(msgspec.Struct, frozen=True):
    """One symbol's series that are no candles of the run; None where there is no file."""

    symbol: str
    marks: Series | None
    funding: Series | None
    open_interest: Series | None

    @classmethod
    def load(cls, catalogue: Catalogue, symbol: str) -> Beside:
        """Load what there is. Raises `InvalidInput` for a file that can't be read."""
        return cls(
            symbol,
            load_marks(catalogue, symbol),
            load_funding(catalogue, symbol),
            load_open_interest(catalogue, symbol),
        )

    def context(self, closes: NDArray[np.int64]) -> dict[str, Floats]:
        """Give what was known at these close times (ms UTC): only columns in which anything is known.

        `mark`: the mark price at exactly that time. `funding_rate`: the last one settled. `open_interest`: the last
        one published. NaN where unknown, or too old to be true still.
        """
        columns: dict[str, Floats] = {}
        if self.marks:
            mark_closes = self.marks.times + INTERVALS_MS[self.marks.interval]
            columns["mark"] = _as_of(mark_closes, self.marks.columns["close"], closes, 0)
        if self.funding:
            rates = self.funding.columns["funding_rate"]
            columns["funding_rate"] = _as_of(self.funding.times, rates, closes, FUNDING_RATE_VALID_MS)
        if self.open_interest:
            amounts = self.open_interest.columns["sum_open_interest"]
            columns["open_interest"] = _as_of(self.open_interest.times, amounts, closes, OPEN_INTEREST_VALID_MS)
        return {name: column for name, column in columns.items() if not np.isnan(column).all()}

    def open_interest_hours(self, start_ms: int) -> tuple[tuple[int, float], ...]:
        """Give the open interest (USDT) at the full hours up to `start_ms`, as far back as factor O looks.

        None where the files tell it in the base asset only: prices of that time may lie before all candles.
        """
        amounts = self.open_interest.columns.get("sum_open_interest_value") if self.open_interest else None
        if self.open_interest is None or amounts is None:
            return ()
        hour_ms = INTERVALS_MS["1h"]
        last = start_ms // hour_ms * hour_ms
        hours = np.arange(last - (OPEN_INTEREST_HOURS - 1) * hour_ms, last + 1, hour_ms)
        found = _as_of(self.open_interest.times, amounts, hours, OPEN_INTEREST_VALID_MS)
        known = found > 0.0
        return tuple(zip(hours[known].tolist(), found[known].tolist(), strict=True))

    def fundings(self, candles: Series, start_ms: int, end_ms: int) -> list[FundingArrived]:
        """Give the fundings after `start_ms` up to and including `end_ms`.

        The mark price is the open of the mark candle that begins then, else the close of the one that ends then, else
        the close of the newest of `candles` that was closed by then. Without any of them the funding is left out.
        """
        if not self.funding:
            return []
        first, last = (int(i) for i in np.searchsorted(self.funding.times, (start_ms, end_ms), side="right"))
        due = self.funding.slice(first, last)
        marks = self._marks_at(due.times, candles)
        found = zip(due.times.tolist(), due.columns["funding_rate"].tolist(), marks.tolist(), strict=True)
        return [FundingArrived(self.symbol, at, rate, mark) for at, rate, mark in found if mark > 0.0]

    def _marks_at(self, times: NDArray[np.int64], candles: Series) -> Floats:
        closed_by = candles.times + INTERVALS_MS[candles.interval]
        best = _as_of(closed_by, candles.columns["close"], times, np.iinfo(np.int64).max)
        if self.marks:
            mark_closes = self.marks.times + INTERVALS_MS[self.marks.interval]
            for at, values in ((mark_closes, "close"), (self.marks.times, "open")):
                exact = _as_of(at, self.marks.columns[values], times, 0)
                best = np.where(np.isnan(exact), best, exact)
        return best


def _as_of(times: NDArray[np.int64], values: Floats, moments: NDArray[np.int64], age_ms_max: int) -> Floats:
    """Give the last value at or before each moment, NaN where there is none or it is older than `age_ms_max`."""
    found = np.full(len(moments), np.nan)
    place = np.searchsorted(times, moments, side="right") - 1
    known = place >= 0
    known[known] = moments[known] - times[place[known]] <= age_ms_max
    found[known] = values[place[known]]
    return found
