"""One account at the venue: its wallet, and what each position stream holds and waits for there.

A `Desk` has a `Slot` for each position stream: isolated positions, so several on one symbol don't see each other; they
share the wallet only. A later venue that keys positions otherwise (by symbol and position side) changes `key_of`.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice

import msgspec

from domain.base import stream_of
from domain.holding import Holding
from domain.path import Level
from domain.values import ZERO, OrderSide, Side
from domain.venue import OrderAnswer, OrderType, PlaceOrder, VenueCanceled

REMEMBERED = 1_000
"""So many finished orders are known by their last answer, so that a repeated request is not carried out twice."""
_RECENT = 50
"""So many of them are copied at an answer, instead of all."""


class Working(msgspec.Struct, frozen=True):
    """An order at the venue: a market order that waits for the next price, or a conditional one that rests.

    It sees prices from `since_ms` on. `reserved` is the margin (USDT) that is kept free for it.
    """

    order: PlaceOrder
    since_ms: int
    reserved: Decimal = ZERO

    @property
    def reduces_only(self) -> bool:
        """True if it can only make a position smaller."""
        return self.order.reduce_only or self.order.close_position


class Slot(msgspec.Struct, frozen=True):
    """What one position stream has at the venue: its holding, its orders, and the prices that these wait for.

    `side` is the side of the holding, or the one that the oldest order would open.
    """

    symbol: str
    side: Side
    holding: Holding | None
    working: tuple[Working, ...]
    levels: tuple[Level, ...]

    def find(self, order_id: str) -> Working | None:
        """Find an open order."""
        return next((working for working in self.working if working.order.order_id == order_id), None)

    @property
    def margin(self) -> Decimal:
        """What the slot binds: the margin of its holding and of entries on their way."""
        reserved = sum((working.reserved for working in self.working), ZERO)
        return reserved + self.holding.margin if self.holding else reserved


class Desk(msgspec.Struct, frozen=True):
    """One account at the venue. `wallet` in USDT; None is a desk without money, whose margin is never checked.

    `slots` are keyed by position stream. `recent` and `older` hold the last answers to orders that are no longer open,
    by order id: ask `answer_to`.
    """

    account: str
    wallet: Decimal | None
    slots: dict[str, Slot] = {}
    recent: dict[str, OrderAnswer] = {}
    older: dict[str, OrderAnswer] = {}

    @property
    def available(self) -> Decimal | None:
        """What is free for new margin: the wallet without what the slots bind."""
        if self.wallet is None:
            return None
        return self.wallet - sum((slot.margin for slot in self.slots.values()), ZERO)

    def with_slot(self, key: str, symbol: str, holding: Holding | None, working: tuple[Working, ...]) -> Desk:
        """Set what a position stream has; nothing held and nothing working leaves no slot."""
        slots = dict(self.slots)
        if holding or working:
            side = holding.side if holding else side_opened_by(working[0].order.side)
            slots[key] = Slot(symbol, side, holding, working, _levels(holding, working))
        else:
            slots.pop(key, None)
        return msgspec.structs.replace(self, slots=slots)

    def credited(self, amount: Decimal) -> Desk:
        """Book an amount (USDT) in the wallet."""
        return self if self.wallet is None else msgspec.structs.replace(self, wallet=self.wallet + amount)

    def remembering(self, answer: OrderAnswer) -> Desk:
        """Keep the last answer to an order; the oldest of too many are forgotten."""
        recent = {**self.recent, answer.order_id: answer}
        if len(recent) < _RECENT:
            return msgspec.structs.replace(self, recent=recent)
        known = {**self.older, **recent}
        older = dict(islice(known.items(), max(0, len(known) - REMEMBERED), None))
        return msgspec.structs.replace(self, recent={}, older=older)

    def answer_to(self, order_id: str) -> OrderAnswer | None:
        """Give the last answer to an order that is no longer open; None if it never was, or is forgotten."""
        return self.recent.get(order_id) or self.older.get(order_id)

    def without_orders(
        self, key: str, order_ids: tuple[str, ...], reason: str, at_ms: int
    ) -> tuple[Desk, tuple[VenueCanceled, ...]]:
        """Take open orders of one slot away, and say so."""
        slot = self.slots[key]
        left = tuple(working for working in slot.working if working.order.order_id not in order_ids)
        desk = self.with_slot(key, slot.symbol, slot.holding, left)
        answers = tuple(VenueCanceled(order_id, at_ms, reason) for order_id in order_ids)
        for answer in answers:
            desk = desk.remembering(answer)
        return desk, answers


def key_of(order_id: str) -> str:
    """Say which slot an order belongs to: the position stream that asked."""
    return stream_of(order_id)


def side_opened_by(side: OrderSide) -> Side:
    """Give the position side that an order side opens."""
    return Side.LONG if side is OrderSide.BUY else Side.SHORT


def quantity_closed_by(order: PlaceOrder, holding: Holding | None) -> Decimal:
    """Give how much of a holding an order would close now (base asset)."""
    if holding is None or order.side is not holding.side.exit:
        return ZERO
    return holding.quantity if order.close_position else min(order.quantity, holding.quantity)


def level_of(order: PlaceOrder, since_ms: int) -> Level:
    """Give the price that an order waits for. A SELL stop and a BUY take-profit wait for a fall."""
    if order.order_type is OrderType.MARKET:
        return Level(order.order_id, None, falling=False, since_ms=since_ms)
    falling = (order.side is OrderSide.SELL) == (order.order_type is OrderType.STOP_MARKET)
    return Level(order.order_id, order.trigger, falling, since_ms)


def _levels(holding: Holding | None, working: tuple[Working, ...]) -> tuple[Level, ...]:
    levels = tuple(level_of(each.order, each.since_ms) for each in working)
    if holding is None or holding.liquidation_price <= 0:
        return levels
    return Level(None, holding.liquidation_price, holding.side is Side.LONG, 0), *levels
