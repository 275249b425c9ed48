"""What stands beside the prices of a market made of minutes: marks, indices, fundings, open interest.

The mark walks on a straight line from a minute's open to its close; the index is as far from it as the premium says.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from domain.market import MINUTE_MS
from infra.exchange.minutes import HOUR_MINUTES, Minutes
from infra.exchange.ports import Listing, Mark
from infra.exchange.recorded_past import Past
from infra.market.activity import Activity
from infra.market.bars import Counts
from infra.market.noise import Floats

MARK_DIGITS = 8
"""Recorded candles of the mark price are counted in units of 1e-8 USDT."""
_DAY_MINUTES = 1_440
_MINUTES_AT_ONCE = 200_000
"""Below that, marks of scattered moments are read from one stretch of minutes."""


class Marks(NamedTuple):
    """Mark and index prices of all contracts at one moment, with the funding that comes next. Columns by row."""

    time_ms: int
    mark: list[float]
    indices: list[float]
    funding_rate: list[float]
    next_funding_ms: list[int]


class MarkPath:
    """Mark and index prices of one contract at some times (ms UTC)."""

    def __init__(self, times: Counts, mark: Floats, activity: Activity) -> None:
        self.times = times
        self.mark = mark
        self._activity = activity

    @cached_property
    def indices(self) -> Floats:
        """The index prices: most who ask for marks never look at them."""
        return self.mark / (1.0 + self._activity.premium(self.times)[0])


class MarkedMarket:
    """Marks over `Minutes`, and how contracts are listed."""

    def __init__(self, minutes: Minutes) -> None:
        self.listings = minutes.listings
        self.symbols = tuple(listing.symbol for listing in self.listings)
        self.row = {symbol: row for row, symbol in enumerate(self.symbols)}
        self.contracts = minutes.contracts
        self._minutes = minutes
        self._begins_ms = minutes.begins_ms
        self._ticks_in_usdt = np.array([float(10**contract.digits) for contract in self.contracts])
        self._funding_ms = np.array([[one.funding_interval_hours * 3_600_000] for one in self.listings], np.int64)
        self._marks = lru_cache(8)(self._marked)

    def relist(self, listing: Listing) -> None:
        """List a contract otherwise from now on: its status, its brackets."""
        row = self.row[listing.symbol]
        self.listings = (*self.listings[:row], listing, *self.listings[row + 1 :])

    def marks(self, time_ms: int) -> Marks:
        """Give the marks of all contracts."""
        return self._marks(time_ms)

    def _marked(self, time_ms: int) -> Marks:
        minute, past = divmod(time_ms, MINUTE_MS)
        opens, closes = self._minutes.ends(minute)
        times = np.array([time_ms])
        activity = self._minutes.activity
        last = (opens + (closes - opens) * (past / MINUTE_MS)) / self._ticks_in_usdt
        mark = last * (1.0 + activity.mark_gap(times)[:, 0])
        index = mark / (1.0 + activity.premium(times)[:, 0])
        rates = activity.funding_rate(times + 1, self._funding_ms)[:, 0]
        due = (time_ms // self._funding_ms + 1) * self._funding_ms
        columns: tuple[Floats | Counts, ...] = (mark, index, rates, due[:, 0])
        return Marks(time_ms, *(column.tolist() for column in columns))

    def mark(self, symbol: str, time_ms: int) -> Mark:
        """Give mark, index and funding as of a moment."""
        row, marks = self.row[symbol], self.marks(time_ms)
        return Mark(
            symbol,
            time_ms,
            Decimal(f"{marks.mark[row]:.8f}"),
            Decimal(f"{marks.indices[row]:.8f}"),
            Decimal(f"{marks.funding_rate[row]:.8f}"),
            marks.next_funding_ms[row],
        )

    def marks_of(self, symbol: str, times_ms: Sequence[int]) -> list[tuple[float, float]]:
        """Give mark and index of one contract at several moments."""
        if not times_ms:
            return []
        row = self.row[symbol]
        first, end = min(times_ms) // MINUTE_MS, max(times_ms) // MINUTE_MS + 1
        times = np.asarray(times_ms, np.int64)
        places, past = np.divmod(times, MINUTE_MS)
        far = end - first > _DAY_MINUTES or first * MINUTE_MS < self._begins_ms[row]
        if far and not (times % (HOUR_MINUTES * MINUTE_MS)).any():
            hour, last = first // HOUR_MINUTES, (end - 1) // HOUR_MINUTES
            opens = closes = self._minutes.hours(row, hour, last + 1).open[0, places // HOUR_MINUTES - hour]
        elif end - first <= _MINUTES_AT_ONCE:
            bars = self._minutes.bars(row, first, end)
            opens, closes = bars.open[0, places - first], bars.close[0, places - first]
        else:
            single = [self._minutes.bars(row, minute, minute + 1) for minute in places.tolist()]
            opens, closes = (np.array([getattr(bar, name)[0, 0] for bar in single]) for name in ("open", "close"))
        activity = self._minutes.activity_of(row)
        last = (opens + (closes - opens) * (past / MINUTE_MS)) / self._ticks_in_usdt[row]
        mark = last * (1.0 + activity.mark_gap(times)[0])
        index = mark / (1.0 + activity.premium(times)[0])
        return list(zip(mark.tolist(), index.tolist(), strict=True))

    def mark_path(self, symbol: str, first_ms: int, until_ms: int) -> MarkPath:
        """Give mark and index from `first_ms` (a whole minute) to `until_ms`, and at every minute between.

        The mark is a straight line between two of them, so their extremes are the extremes.
        """
        row = self.row[symbol]
        first, newest = first_ms // MINUTE_MS, (until_ms - 1) // MINUTE_MS
        opens = self._minutes.opens(row, first, newest)
        running = self._minutes.bars(row, newest, newest + 1)
        opened, closes = int(running.open[0, 0]), int(running.close[0, 0])
        ticks = np.append(opens, opened + (closes - opened) * ((until_ms - newest * MINUTE_MS) / MINUTE_MS))
        times = np.append(np.arange(first, newest + 1) * MINUTE_MS, until_ms)
        activity = self._minutes.activity_of(row)
        mark = ticks / self._ticks_in_usdt[row] * (1.0 + activity.mark_gap(times)[0])
        return MarkPath(times, mark, activity)

    def begins_ms(self, symbol: str) -> int:
        """Say when the first minute of a contract opened."""
        return self._begins_ms[self.row[symbol]]

    def recorded_marks(self, symbol: str) -> Past:
        """Give the candles of the mark price that were recorded, in units of 1e-8 USDT."""
        return self._minutes.past_marks(self.row[symbol])

    def fundings_since(self, symbol: str) -> int:
        """Say when the first funding was."""
        return self._minutes.fundings_since(self.row[symbol])

    def fundings(self, symbol: str, times_ms: Sequence[int]) -> list[tuple[int, float, float]]:
        """Give time, rate and mark of fundings at these times."""
        if not times_ms:
            return []
        row = self.row[symbol]
        interval_ms = self.listings[row].funding_interval_hours * 3_600_000
        rates = self._minutes.activity_of(row).funding_rate(np.asarray(times_ms, np.int64), interval_ms)[0]
        marks = [mark for mark, _ in self.marks_of(symbol, times_ms)]
        return list(zip(times_ms, rates.tolist(), marks, strict=True))

    def open_interests(self, symbol: str, times_ms: Sequence[int]) -> list[float]:
        """Give the open interest (base asset) at several moments."""
        activity = self._minutes.activity_of(self.row[symbol])
        return activity.open_interest(np.asarray(times_ms, np.int64))[0].tolist()

    def open_interest(self, symbol: str, time_ms: int) -> Decimal:
        """Give the open interest (base asset) as of a moment."""
        amount = self.open_interests(symbol, (time_ms,))[0]
        return Decimal(f"{amount:.2f}").quantize(self.listings[self.row[symbol]].step)
