"""The public tape: anonymous trades, drawn when somebody asks, and clients' trades, which are remembered.

Ids have no gaps: a contract's next trade has the next number. Anonymous ones are counted by the market, as a function
of the time; every trade of clients moves the numbers of all that come after it up by one.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.market import MINUTE_MS
from infra.exchange.bar import Bar
from infra.exchange.client_trades import ClientTrades, Trade
from infra.exchange.minutes import Issued
from infra.exchange.trade_counts import TRADES_MAX
from infra.exchange.walked_market import WalkedMarket

_MONTH_MINUTES = 30 * 1_440


class Last(NamedTuple):
    """The last trade: its time, its price in ticks, its size in lots."""

    time_ms: int
    ticks: int
    lots: int


class Tape:
    """Trades of all contracts."""

    def __init__(self, market: WalkedMarket) -> None:
        self._market = market
        self._scale = [1.0 / 10 ** (c.digits + c.lot_digits) for c in market.contracts]
        self._clients: dict[str, ClientTrades] = {}

    def turnover(self, row: int, trade: Trade) -> float:
        """Give what was paid, in USDT."""
        return trade.ticks * trade.lots * self._scale[row]

    def remember(self, symbol: str, number: int, time_ms: int, amount: tuple[int, int], *, bought: bool) -> None:
        """Keep a trade of clients with its number (`next_ids`), its time and its amount: ticks and lots."""
        clients = self._clients.get(symbol)
        if clients is None:
            clients = self._clients[symbol] = ClientTrades(100.0 * self._scale[self._market.row[symbol]])
        anonymous = number - clients.count
        minute = time_ms // MINUTE_MS
        walk = self._market.walk(symbol, minute)
        while anonymous < walk.first_id:
            minute -= 1
            walk = self._market.walk(symbol, minute)
        print_id = walk.first_print + int(walk.ids.searchsorted(anonymous)) + clients.count
        time_ms = max(time_ms, clients.trades[-1].time_ms if clients.trades else 0)
        clients.add(Trade(number, number, print_id, time_ms, *amount, bought))

    def first_ids(self, symbol: str, minute: int) -> Issued:
        """Give the ids that a minute (after 1970) begins with."""
        return self._moved(symbol, *self._market.issued(symbol, minute))

    def next_ids(self, symbol: str, now_ms: int) -> Issued:
        """Give the ids that the next trade after `now_ms` gets."""
        walk = self._market.walk(symbol, now_ms // MINUTE_MS)
        count = walk.until(now_ms)
        trades = walk.first_id + (walk.partial(count).trades if count else 0)
        return self._moved(symbol, trades, walk.first_print + count)

    def _moved(self, symbol: str, trade: int, print_: int) -> Issued:
        clients = self._clients.get(symbol)
        by = clients.before(trade) if clients is not None else 0
        return Issued(trade + by, print_ + by)

    def anonymous(self, symbol: str, after_ms: int, until_ms: int) -> list[Trade]:
        """Give the anonymous trades in (after, until], oldest first."""
        found: list[Trade] = []
        clients = self._clients.get(symbol)
        for walk, first, end in self._market.walked(symbol, after_ms, until_ms):
            columns = (walk.ids, walk.spans, walk.times, walk.prices, walk.lots, walk.buys)
            number = walk.first_print + first
            for id_, span, *rest in zip(*(c[first:end].tolist() for c in columns), strict=True):
                by = clients.before(id_) if clients is not None else 0
                found.append(Trade(id_ + by, id_ + by + span - 1, number + by, *rest))
                number += 1
        return found

    def last(self, symbol: str, now_ms: int) -> Last:
        """Give the last trade by now, of whomever."""
        time_ms, ticks, _ = self._market.last(symbol, now_ms)
        clients = self._clients.get(symbol)
        own = clients.between(time_ms - 1, now_ms) if clients is not None else ()
        if own:
            return Last(own[-1].time_ms, own[-1].ticks, own[-1].lots)
        walk = self._market.walk(symbol, now_ms // MINUTE_MS)
        return Last(time_ms, ticks, int(walk.lots[max(0, walk.until(now_ms) - 1)]) if walk.count else 0)

    def traded(self, symbol: str, bar: Bar, until_ms: int) -> Bar:
        """Give the candle of anonymous trades up to and including `until_ms` with those of clients in it."""
        clients = self._clients.get(symbol)
        told = clients.told(bar.open_ms, until_ms) if clients is not None else None
        if told is None:
            return bar
        if not bar.trades:
            return told.bar._replace(open_ms=bar.open_ms)
        # Whose trade is the first, and whose the last, is a matter of time; a tie is the client's.
        whole = bar.then(told.bar)
        began = self._any(symbol, bar.open_ms - 1, told.first_ms - 1)
        ended = self._any(symbol, told.last_ms, until_ms)
        return whole._replace(open=bar.open if began else told.bar.open, close=bar.close if ended else told.bar.close)

    def has_clients(self, symbol: str) -> bool:
        """Say whether any client ever traded in a contract."""
        return symbol in self._clients

    def _any(self, symbol: str, after_ms: int, until_ms: int) -> bool:
        """Say whether there is an anonymous trade in (after, until]."""
        return any(True for _ in self._market.walked(symbol, after_ms, until_ms)) if after_ms < until_ms else False

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

    def from_id(self, symbol: str, first: int, count: int, now_ms: int, *, prints: bool = False) -> list[Trade]:
        """Give up to `count` trades by now whose id (or print id) is at least `first`, of those of the last month."""
        place = 1 if prints else 0
        newest = now_ms // MINUTE_MS
        low, high = newest - _MONTH_MINUTES, newest
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.first_ids(symbol, middle)[place] <= first else (low, middle - 1)
        found = self.between(symbol, low * MINUTE_MS, now_ms, count + 2 * TRADES_MAX)
        return [trade for trade in found if (trade.print_id if prints else trade.last_id) >= first][:count]

    def _all(self, symbol: str, after_ms: int, until_ms: int) -> list[Trade]:
        anonymous = self.anonymous(symbol, after_ms, until_ms)
        clients = self._clients.get(symbol)
        if clients is None:
            return anonymous
        own = clients.between(after_ms, until_ms)
        return sorted((*anonymous, *own)) if own else anonymous
