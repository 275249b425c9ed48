"""The trades of clients in one contract: remembered one by one for a while, and as candles of minutes for long."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import reduce
from typing import NamedTuple

from domain.market import MINUTE_MS
from infra.exchange.bar import Bar

CLIENT_TRADES_KEPT = 20_000
CLIENT_MINUTES_KEPT = 50_000


class Trade(NamedTuple):
    """One print. It stands for the trades `id` to `last_id`, and is number `print_id` of the prints."""

    id: int
    last_id: int
    print_id: int
    time_ms: int
    ticks: int
    lots: int
    bought: bool

    def bar(self, cents: float) -> Bar:
        """Give it as a candle of its own; `cents` is what a tick times a lot is, in hundredths of a USDT."""
        quote = round(self.ticks * self.lots * cents)
        taken = (self.lots, quote) if self.bought else (0, 0)
        count = self.last_id - self.id + 1
        return Bar(self.time_ms, self.ticks, self.ticks, self.ticks, self.ticks, self.lots, quote, *taken, count)


class Told(NamedTuple):
    """What clients traded in a stretch of time: a candle, and when its first and its last trade were."""

    bar: Bar
    first_ms: int
    last_ms: int

    def then(self, later: Told) -> Told:
        """Fold in what followed."""
        return Told(self.bar.then(later.bar), self.first_ms, later.last_ms)


class ClientTrades:
    """The trades, oldest first, and how many anonymous ones come before each."""

    def __init__(self, cents: float) -> None:
        """Take what a tick times a lot is, in hundredths of a USDT."""
        self.trades: list[Trade] = []
        self.forgotten = 0
        self._places: list[int] = []
        self._cents = cents
        self._minutes: dict[int, Told] = {}

    @property
    def count(self) -> int:
        """How many there have been."""
        return self.forgotten + len(self.trades)

    def add(self, trade: Trade) -> None:
        """Remember the newest trade."""
        self._places.append(trade.id - self.count)
        self.trades.append(trade)
        minute, told = trade.time_ms // MINUTE_MS, self._told(trade)
        before = self._minutes.get(minute)
        self._minutes[minute] = told if before is None else before.then(told)
        if len(self.trades) > 2 * CLIENT_TRADES_KEPT:
            self.forgotten += CLIENT_TRADES_KEPT
            del self.trades[:CLIENT_TRADES_KEPT], self._places[:CLIENT_TRADES_KEPT]
        if len(self._minutes) > CLIENT_MINUTES_KEPT:
            del self._minutes[next(iter(self._minutes))]

    def before(self, anonymous: int) -> int:
        """Count those before the anonymous trade of this number. Forgotten ones come before everything."""
        return self.forgotten + bisect_right(self._places, anonymous)

    def between(self, after_ms: int, until_ms: int) -> list[Trade]:
        """Give those in (after, until]."""
        first, end = (bisect_left(self.trades, at + 1, key=lambda trade: trade.time_ms) for at in (after_ms, until_ms))
        return self.trades[first:end]

    def told(self, first_ms: int, until_ms: int) -> Told | None:
        """Fold those from a whole minute on up to and including `until_ms`; None if there are none."""
        last = (until_ms + 1) // MINUTE_MS
        rest = [self._told(trade) for trade in self.between(last * MINUTE_MS - 1, until_ms)]
        parts = [*self._within(first_ms // MINUTE_MS, last), *rest]
        return reduce(Told.then, parts) if parts else None

    def _within(self, first: int, end: int) -> list[Told]:
        """Give the minutes in [first, end): looked up if they are few, looked through if there are fewer of ours."""
        if end - first < len(self._minutes):
            return [self._minutes[minute] for minute in range(first, end) if minute in self._minutes]
        return [told for minute, told in self._minutes.items() if first <= minute < end]

    def _told(self, trade: Trade) -> Told:
        return Told(trade.bar(self._cents), trade.time_ms, trade.time_ms)
