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

from domain.exchange.listing import Bracket, Level, Listing, Mark, Print
from domain.market import Candle

__all__ = ["ApiError", "Bracket", "Call", "Handler", "Level", "Listing", "Mark", "Market", "Print", "Route", "Security"]


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
