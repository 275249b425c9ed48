"""What the rooms of the simulator expect of each other.

    Market ──anonymous books, prints, marks──▶ Matching (domain/exchange) ◀──orders── Route handlers ◀── HTTP
                                                  │                                                     ▲
                                                  ├──depth, best prices, prints ──▶ public streams      │
                                                  └──facts of an account ─────────▶ user data streams ──┘

All times are *market* time (ms UTC) unless a name says `wall`. Prices and quantities are Decimal.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

import msgspec

from domain.market import Candle

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


class Print(msgspec.Struct, frozen=True):
    """One anonymous trade. `buyer_is_maker`: a taker sold."""

    symbol: str
    time_ms: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool


class Mark(msgspec.Struct, frozen=True):
    """Mark and index price, the funding rate that is in force, and when it is paid next."""

    symbol: str
    time_ms: int
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    next_funding_ms: int


class Market(Protocol):
    """Anonymous prices and liquidity: a pure function of (seed, time), or a recording."""

    listings: tuple[Listing, ...]

    def mark(self, symbol: str, time_ms: int) -> Mark:
        """Give mark, index and funding as of a moment."""
        ...

    def book(self, symbol: str, time_ms: int) -> tuple[Sequence[Level], Sequence[Level]]:
        """Give the anonymous bids and asks as of a moment, best first."""
        ...

    def prints(self, symbol: str, after_ms: int, until_ms: int) -> Sequence[Print]:
        """Give the anonymous trades in (after, until], in time order."""
        ...

    def candles(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        """Give the candles that open in [start, end), the last one as far as it is known at `end_ms`."""
        ...

    def open_interest(self, symbol: str, time_ms: int) -> Decimal:
        """Give the open interest (base asset) as of a moment."""
        ...


class Security(enum.StrEnum):
    """What a request must carry (specs/binance.md §2)."""

    NONE = "NONE"
    KEY = "KEY"
    SIGNED = "SIGNED"


class Call(msgspec.Struct, frozen=True):
    """A request after the checks that are the same for all: `account` is the owner of the key, or ""."""

    method: str
    path: str
    parameters: Mapping[str, str]
    account: str
    now_ms: int


class ApiError(Exception):
    """The exchange says no: HTTP status, Binance's code and text."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        self.code = code
        self.text = text
        self.status = status
        super().__init__(f"{code} {text}")


Handler: TypeAlias = Callable[[Call], object]
"""Answers with something that msgspec can encode as JSON (dicts, lists, strings, numbers), or raises `ApiError`."""


class Route(msgspec.Struct, frozen=True):
    """One endpoint. `weight` by parameters; `orders` counts on the account's order limits."""

    method: str
    path: str
    security: Security
    weight: Callable[[Mapping[str, str]], int]
    handler: Handler
    orders: Callable[[Mapping[str, str]], int] = lambda _: 0
