"""The trading floor: lets the market meet clients' orders, and tells everybody what came of it.

Only contracts that clients have something in are awake: they get every print, a fresh book when the price moved, a mark
every step, and their funding. A contract wakes when a request names it, with the market as of the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.exchange.exchange import Exchange
from domain.exchange.facts import Fact, Liquidated, Traded
from domain.market import MINUTE_MS
from domain.values import OrderSide
from infra.exchange.anonymous_book import Top
from infra.exchange.board import Board, Sides
from infra.exchange.feed import FeedRoom, Liquidation
from infra.exchange.ports import Call, Level, Print, Security
from infra.exchange.tape import Tape
from infra.exchange.user_data import force_order

_HOUR_MS = 3_600_000
_ENCODER = msgspec.json.Encoder(decimal_format="string")
_BOOK_AGE_MS_MAX = 1_000
_SHOWN_MAX = 1_000
"""Levels of a side that are shown: all anonymous ones, and clients' orders behind them."""
_SLEEP_EVERY_STEPS = 40


class _Awake:
    """A contract that clients have something in."""

    __slots__ = ("booked_ms", "seen_ms", "shown_last_ms")

    def __init__(self, seen_ms: int) -> None:
        self.seen_ms = seen_ms
        self.booked_ms = 0
        self.shown_last_ms = 0


class Floor:
    """Between market and exchange. `on_facts` takes the facts of accounts, in order, after each step and each call."""

    def __init__(self, exchange: Exchange, board: Board, tape: Tape, room: FeedRoom) -> None:
        self.exchange = exchange
        self.on_facts: Callable[[Sequence[Fact]], None] = lambda _facts: None
        self._board = board
        self._market = board.market
        self._tape = tape
        self._room = room
        self._awake: dict[str, _Awake] = {}
        self._marked_ms = 0
        self._steps = 0

    @property
    def awake(self) -> Iterable[str]:
        """Give the contracts that clients have something in."""
        return tuple(self._awake)

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def prepare(self, security: Security, call: Call) -> None:
        """Bring the exchange up to the last step for what a request is about to do or to read."""
        if security is not Security.SIGNED:
            return
        now_ms = self._board.now_ms
        if now_ms - self._marked_ms >= _BOOK_AGE_MS_MAX:
            self._marked_ms = now_ms
            for symbol in self._market.symbols:
                if symbol not in self._awake:
                    self.exchange.on_mark(self._market.mark(symbol, now_ms))
        for symbol in named(call):
            if symbol in self._market.row and symbol not in self._awake:
                self._wake(symbol, now_ms)

    def publish(self) -> None:
        """Tell what a call brought about. The tape tells of its trades in the next step, after what was told so far."""
        self._publish(lambda _fact: self._board.now_ms + 1)

    def _publish(self, told_ms: Callable[[Traded], int]) -> None:
        """Tell what happened since the last time; `told_ms`: at which time the tape tells of a trade."""
        facts = self.exchange.drain()
        if not facts:
            return
        for fact in facts:
            if isinstance(fact, Traded):
                self._traded(fact, told_ms(fact))
            elif isinstance(fact, Liquidated):
                self._liquidated(fact)
        self.on_facts(facts)

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def moved(self, now_ms: int) -> None:
        """Let the market move to `now_ms` for all that are awake."""
        self._steps += 1
        for symbol, one in self._awake.items():
            self._move(symbol, one, now_ms)
        self.exchange.advance(now_ms)
        if self._steps % _SLEEP_EVERY_STEPS == 0:
            self._let_sleep()
        self._publish(lambda fact: min(fact.time_ms, now_ms))

    def _move(self, symbol: str, one: _Awake, now_ms: int) -> None:
        """Go on in pieces that end with a minute: then the mark is known exactly, and funding may be due."""
        while one.seen_ms < now_ms:
            until = min(now_ms, (one.seen_ms // MINUTE_MS + 1) * MINUTE_MS)
            for trade in self._market.prints(symbol, one.seen_ms, until):
                self.exchange.on_print(trade)
            one.seen_ms = until
            if until % _HOUR_MS == 0 and self._funded(symbol, until):
                self._settle_funding(symbol, until)
            if until % MINUTE_MS == 0 or until == now_ms:
                self.exchange.on_mark(self._market.mark(symbol, until))
        last_ms, _, _ = self._market.last(symbol, now_ms)
        if last_ms != one.shown_last_ms or now_ms - one.booked_ms >= _BOOK_AGE_MS_MAX:
            one.shown_last_ms, one.booked_ms = last_ms, now_ms
            self._book(symbol, now_ms)

    def _settle_funding(self, symbol: str, time_ms: int) -> None:
        """Pay at the rate that was announced for this moment; from now on marks announce the next one."""
        ((_, rate, _),) = self._market.fundings(symbol, (time_ms,))
        due = replace(self._market.mark(symbol, time_ms), funding_rate=Decimal(f"{rate:.8f}"))
        self.exchange.on_mark(due)
        self.exchange.settle_funding(symbol, time_ms)

    def _funded(self, symbol: str, time_ms: int) -> bool:
        hours = self._market.listings[self._market.row[symbol]].funding_interval_hours
        return time_ms % (hours * _HOUR_MS) == 0

    def _wake(self, symbol: str, now_ms: int) -> None:
        self._awake[symbol] = one = _Awake(now_ms)
        exchange, market = self.exchange, self._market
        exchange.on_mark(market.mark(symbol, now_ms))
        self._book(symbol, now_ms)
        last_ms, ticks, bought = market.last(symbol, now_ms)
        contract = market.contracts[market.row[symbol]]
        least = market.listings[market.row[symbol]].step
        price = Decimal(ticks).scaleb(-contract.digits)
        exchange.on_print(Print(symbol, last_ms, price, least, not bought))
        exchange.contract(symbol).next_trade_id = self._tape.next_ids(symbol, now_ms).trade
        one.shown_last_ms, one.booked_ms = last_ms, now_ms
        self._board.overlay(symbol, lambda: self._sides(symbol), lambda: self._top(symbol))

    def _book(self, symbol: str, now_ms: int) -> None:
        bids, asks = self._market.book(symbol, now_ms)
        self.exchange.on_book(symbol, bids, asks, now_ms)

    def _let_sleep(self) -> None:
        for symbol in tuple(self._awake):
            contract = self.exchange.contract(symbol)
            if not (contract.holders or contract.algos or contract.bids.first() or contract.asks.first()):
                del self._awake[symbol]
                self._board.overlay(symbol, None, None)

    # ── what everybody may see ────────────────────────────────────────────────────────────────────────────────────

    def _sides(self, symbol: str) -> Sides:
        row, depth = self._board.row[symbol], self.exchange.depth(symbol, _SHOWN_MAX)
        return self._board.in_units(row, depth.bids), self._board.in_units(row, depth.asks)

    def _top(self, symbol: str) -> Top:
        row, (bid, ask) = self._board.row[symbol], self.exchange.best(symbol)
        return Top(*self._units(row, bid), *self._units(row, ask))

    def _units(self, row: int, level: Level | None) -> tuple[int, int]:
        return (0, 0) if level is None else next(iter(self._board.in_units(row, (level,)).items()))

    def _traded(self, fact: Traded, told_ms: int) -> None:
        row = self._board.row[fact.symbol]
        ticks, lots = self._units(row, (fact.price, fact.quantity))
        bought = fact.taker_side is OrderSide.BUY
        self._tape.remember(fact.symbol, fact.trade_id, told_ms, (ticks, lots), bought=bought)

    def _liquidated(self, fact: Liquidated) -> None:
        order = fact.order
        payload = _ENCODER.encode(force_order(fact, self._market.listings[self._board.row[fact.symbol]]))
        self._room.liquidate(Liquidation(fact.symbol, float(order.quantity * (order.average or order.price)), payload))


def named(call: Call) -> list[str]:
    """Give the symbols that a request names: its own, or those of a batch of orders."""
    single = call.parameters.get("symbol", "")
    if single:
        return [single.upper()]
    batch = call.parameters.get("batchOrders", "")
    return [part.split('"')[0] for part in batch.replace(" ", "").split('"symbol":"')[1:]]
