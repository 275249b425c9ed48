"""What the exchange lists, and what its market says: contracts, brackets, levels, prints, marks.

All times are *market* time (ms UTC). Prices and quantities are Decimal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from domain.values import ZERO

Level: TypeAlias = tuple[Decimal, Decimal]
"""Price and quantity of one level of a book."""


class Bracket(msgspec.Struct, frozen=True):
    """One leverage bracket: up to `notional_cap` (USDT) at most `leverage`, with this maintenance margin."""

    number: int
    leverage: int
    notional_floor: Decimal
    notional_cap: Decimal
    maintenance_rate: Decimal
    cumulative: Decimal


class Listing(msgspec.Struct, frozen=True):
    """One contract as the exchange lists it: its filters, its brackets, its funding interval."""

    symbol: str
    base: str
    onboard_ms: int
    tick: Decimal
    step: Decimal
    market_step: Decimal
    min_price: Decimal
    max_price: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    market_take_bound: Decimal
    trigger_protect: Decimal
    liquidation_fee: Decimal
    price_precision: int
    quantity_precision: int
    funding_interval_hours: int
    brackets: tuple[Bracket, ...]
    status: str = "TRADING"
    max_orders: int = 200
    max_conditional_orders: int = 200
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")

    def bracket(self, notional: Decimal) -> Bracket:
        """Give the bracket that a position of this size (USDT, absolute) falls into; the last one has no end."""
        for bracket in self.brackets:
            if notional <= bracket.notional_cap:
                return bracket
        return self.brackets[-1]

    def maintenance(self, notional: Decimal) -> Decimal:
        """Give the maintenance margin of a position: notional · rate - cum of its bracket (specs/binance.md §9)."""
        if not notional:
            return ZERO
        bracket = self.bracket(notional)
        return notional * bracket.maintenance_rate - bracket.cumulative

    def largest_notional(self, leverage: int) -> Decimal:
        """Give the largest position (USDT) that this leverage allows."""
        allowed = [bracket.notional_cap for bracket in self.brackets if bracket.leverage >= leverage]
        return max(allowed, default=ZERO)

    @property
    def max_leverage(self) -> int:
        """The highest leverage that any bracket allows."""
        return self.brackets[0].leverage


class Print(msgspec.Struct, frozen=True):
    """An anonymous trade, or `trades` of them in one. `buyer_is_maker`: a taker sold."""

    symbol: str
    time_ms: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    trades: int = 1


class Mark(msgspec.Struct, frozen=True):
    """Mark and index price, the funding rate that is in force, and when it is paid next."""

    symbol: str
    time_ms: int
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_ms: int
