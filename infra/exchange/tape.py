"""The public tape: anonymous trades, drawn when somebody asks, and clients' trades, which are remembered.

Ids grow with time: a trade's id is its minute times a million, plus its place in the minute.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from domain.market import MINUTE_MS
from infra.exchange.walk import TRADE_IDS_A_MINUTE
from infra.exchange.walked_market import WalkedMarket

CLIENT_TRADES_KEPT = 1_000
_MONTH_MS = 30 * 1_440 * MINUTE_MS
_CLIENTS_FROM = TRADE_IDS_A_MINUTE // 2
"""Clients' trades are numbered from the middle of a minute's ids on: none is an anonymous trade's."""


class Trade(NamedTuple):
    """One print. It stands for the trades `id` to `last_id`."""

    id: int
    last_id: int
    time_ms: int
    ticks: int
    lots: int
    bought: bool


class Tape:
    """Trades of all contracts."""

    def __init__(self, market: WalkedMarket) -> None:
        self._market = market
        self._scale = [1.0 / 10 ** (c.digits + c.lot_digits) for c in market.contracts]
        self._clients: dict[str, deque[Trade]] = {}
        self._numbered = 0

    def turnover(self, row: int, trade: Trade) -> float:
        """Give what was paid, in USDT."""
        return trade.ticks * trade.lots * self._scale[row]

    def remember(self, symbol: str, time_ms: int, ticks: int, lots: int, *, bought: bool) -> Trade:
        """Number a trade of clients, and keep it on the tape."""
        self._numbered = (self._numbered + 1) % _CLIENTS_FROM
        number = time_ms // MINUTE_MS * TRADE_IDS_A_MINUTE + _CLIENTS_FROM + self._numbered
        trade = Trade(number, number, time_ms, ticks, lots, bought)
        self._clients.setdefault(symbol, deque(maxlen=CLIENT_TRADES_KEPT)).append(trade)
        return trade

    def anonymous(self, symbol: str, after_ms: int, until_ms: int) -> list[Trade]:
        """Give the anonymous trades in (after, until], oldest first."""
        found: list[Trade] = []
        for walk, first, end in self._market.walked(symbol, after_ms, until_ms):
            ids = walk.ids[first : end + 1].tolist()
            last = walk.ids[0] + walk.bar.trades if end == walk.count else ids[end - first]
            columns = (walk.times, walk.prices, walk.lots, walk.buys)
            cut = (column[first:end].tolist() for column in columns)
            ends = [*ids[1 : end - first], int(last)]
            found += [
                Trade(number, max(number, after - 1), *rest)
                for number, after, *rest in zip(ids[: end - first], ends, *cut, strict=True)
            ]
        return found

    def since(self, symbol: str, after_ms: int, until_ms: int) -> list[Trade]:
        """Give all trades in (after, until], oldest first."""
        return self._all(symbol, after_ms, until_ms) if after_ms < until_ms else []

    def between(self, symbol: str, start_ms: int, end_ms: int, count: int) -> list[Trade]:
        """Give up to `count` trades of [start, end], oldest first."""
        found: list[Trade] = []
        at = start_ms - 1
        while at < end_ms and len(found) < count:
            until = min(end_ms, (at // MINUTE_MS + 1) * MINUTE_MS)
            found += self._all(symbol, at, until)
            at = until
        return found[:count]

    def latest(self, symbol: str, count: int, now_ms: int) -> list[Trade]:
        """Give the last `count` trades by now, oldest first."""
        found: list[Trade] = []
        until = now_ms
        for _ in range(count + 1):
            start = until // MINUTE_MS * MINUTE_MS - 1
            found = self._all(symbol, start, until) + found
            if len(found) >= count:
                break
            until = start
        return found[-count:]

    def from_id(self, symbol: str, first: int, count: int, now_ms: int) -> list[Trade]:
        """Give up to `count` trades by now whose id is at least `first`, of those of the last month."""
        start = max(first // TRADE_IDS_A_MINUTE * MINUTE_MS, now_ms - _MONTH_MS)
        return [trade for trade in self.between(symbol, start, now_ms, count * 2 + 500) if trade.id >= first][:count]

    def _all(self, symbol: str, after_ms: int, until_ms: int) -> list[Trade]:
        anonymous = self.anonymous(symbol, after_ms, until_ms)
        clients = [t for t in self._clients.get(symbol, ()) if after_ms < t.time_ms <= until_ms]
        return sorted((*anonymous, *clients), key=lambda trade: (trade.time_ms, trade.id)) if clients else anonymous
