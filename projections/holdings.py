"""What an account holds, valued at the last closed candle: the unrealised part of its equity.

    unrealised = Σ sign · (price · quantity - what it had cost)        equity = balance + unrealised

A position is valued at its own last fill until a candle closes. A fill changes what is held before the account has
booked it: only from the booking on do quantity and balance agree, and only then (or at a candle) is equity taken.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from domain.deal import Plan
from domain.orders import OrderFilled, Role
from domain.values import ZERO, Side, decimal_of, money


class Holding(msgspec.Struct, frozen=True):
    """An open position: what is open of it now, what that had cost (Σ price · quantity), and its last price.

    `unrealised` is what closing it at that price would bring, before fees.
    """

    position: str
    symbol: str
    side: Side
    cost: Decimal = ZERO
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    unrealised: Decimal = ZERO

    def at(self, price: Decimal) -> Holding:
        """Value it at another price."""
        return self.of(self.cost, self.quantity, price)

    def of(self, cost: Decimal, quantity: Decimal, price: Decimal) -> Holding:
        """Give the same position, holding so much."""
        worth = money(self.side.sign * (price * quantity - cost)) if quantity else ZERO
        return replace(self, cost=cost, quantity=quantity, price=price, unrealised=worth)


Holdings: TypeAlias = tuple[Holding, ...]


def unrealised_of(holdings: Holdings) -> Decimal:
    """Give what closing all of it at the last prices would bring, before fees."""
    return sum([held.unrealised for held in holdings], ZERO)


def holds(holdings: Holdings, symbol: str) -> bool:
    """Whether a price of this symbol matters."""
    return symbol in [held.symbol for held in holdings]


def priced(holdings: Holdings, symbol: str, close: float) -> Holdings:
    """Value a symbol at a candle's close."""
    price = decimal_of(close)
    return tuple([held.at(price) if held.symbol == symbol else held for held in holdings])


def requested(holdings: Holdings, position: str, plan: Plan) -> Holdings:
    """Add a position of which nothing is filled yet."""
    return (*holdings, Holding(position, plan.symbol, plan.side))


def filled(holdings: Holdings, position: str, fill: OrderFilled) -> Holdings:
    """Let a fill make a position larger or smaller."""
    return tuple(_after(held, fill) if held.position == position else held for held in holdings)


def ended(holdings: Holdings, position: str) -> Holdings:
    """Drop a position that is over."""
    return tuple(held for held in holdings if held.position != position)


def _after(held: Holding, fill: OrderFilled) -> Holding:
    if fill.role is not Role.ENTRY:
        left = held.quantity - fill.quantity
        cost = held.cost * left / held.quantity if held.quantity else ZERO
        return held.of(cost, left, fill.price)
    return held.of(held.cost + fill.price * fill.quantity, held.quantity + fill.quantity, fill.price)
