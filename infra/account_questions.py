"""What anybody may ask of a venue about one account, whichever venue it is: the answers mean the same everywhere.

Orders go there as effects and come back as inputs (`domain/venue.py`); these are the questions that change nothing.
There is no amending: only LIMIT orders can be amended at Binance, and ours are market and conditional ones. A resting
trigger is moved by placing its successor and taking it back.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Protocol

import msgspec

from domain.values import Side


class OrderState(enum.StrEnum):
    """What became of an order. GONE: canceled or expired, without (further) fills."""

    OPEN = "OPEN"
    FILLED = "FILLED"
    GONE = "GONE"


class HeldPosition(msgspec.Struct, frozen=True):
    """What is held of a contract on one side; `quantity` in base asset and positive, `entry_price` in USDT."""

    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal


class Funds(msgspec.Struct, frozen=True):
    """USDT of an account: `wallet` without unrealised PnL, `available` for new margin."""

    wallet: Decimal
    available: Decimal


class MarginTier(msgspec.Struct, frozen=True):
    """Up to a notional of `cap` (USDT, None: any): so much leverage, and this maintenance rate (fraction)."""

    cap: Decimal | None
    leverage: int
    maintenance_rate: Decimal


class Booking(msgspec.Struct, frozen=True):
    """What changed the wallet: `kind` is COMMISSION or FUNDING_FEE, `amount` in USDT, negative if it was paid."""

    kind: str
    symbol: str
    amount: Decimal
    time_ms: int


class AccountQuestions(Protocol):
    """Questions about one account. They may raise `Unavailable`, and nothing that a retry does not cure."""

    async def order(self, symbol: str, order_id: str) -> OrderState | None:
        """Say what became of an order, by our own id; None if the venue never took it."""
        ...

    async def positions(self) -> tuple[HeldPosition, ...]:
        """Give what is held, by symbol and side."""
        ...

    async def funds(self) -> Funds:
        """Give the balances in USDT."""
        ...

    async def leverage(self, symbol: str) -> int | None:
        """Give the leverage that new positions have; None where each order says it and none has yet."""
        ...

    async def isolated(self, symbol: str) -> bool:
        """Whether a position answers with its own margin only."""
        ...

    async def hedge_mode(self) -> bool:
        """Whether a contract can be held long and short at once."""
        ...

    async def tiers(self, symbol: str) -> tuple[MarginTier, ...]:
        """Give the leverage brackets, lowest first."""
        ...

    async def bookings(self, since_ms: int) -> tuple[Booking, ...]:
        """Give fees and funding booked from then on, oldest first."""
        ...

    async def funding_rates(self, symbol: str, since_ms: int) -> tuple[tuple[int, Decimal], ...]:
        """Give the fundings settled from then on, oldest first: full hour (UTC ms) and rate."""
        ...
