"""Sides, prices and the one door between market floats and money decimals.

Market data (candles, ticks, indicators) is `float`: Binance quotes at most 15 significant digits, so the shortest
representation of the float is the quoted text, and nothing is lost. Orders, fills and money are `Decimal`.
"""

from __future__ import annotations

import enum
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TypeAlias

ZERO = Decimal(0)
ONE = Decimal(1)
BPS = Decimal(10_000)
_CENT_OF_A_CENT = Decimal("0.00000001")

Facts: TypeAlias = tuple[tuple[str, float], ...]
"""Numbers that something rested on, by name."""


class OrderSide(enum.StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> OrderSide:
        """The other side."""
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


class Side(enum.StrEnum):
    """Which way a position gains: LONG with rising, SHORT with falling prices."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        """+1 for LONG, -1 for SHORT."""
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SHORT if self is Side.LONG else Side.LONG

    @property
    def entry(self) -> OrderSide:
        """The order side that opens such a position."""
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def exit(self) -> OrderSide:
        """The order side that closes such a position."""
        return self.entry.opposite


def decimal_of(value: float) -> Decimal:
    """Turn a market float into the decimal that was quoted: `0.1` becomes `Decimal('0.1')`."""
    return Decimal(repr(value))


def money(value: Decimal) -> Decimal:
    """Round an amount of USDT to 8 decimals, as Binance books it (half to even, so that no side is favoured)."""
    return value.quantize(_CENT_OF_A_CENT, ROUND_HALF_EVEN)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (a quantity, or a price that must not be too high)."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of `step`."""
    return (value / step).to_integral_value(ROUND_CEILING) * step
