"""The facts of a position's stream. The rules that make them stand in `position.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from domain import orders
from domain.base import Event
from domain.deal import Deal, ExitReason, Plan
from domain.values import money


class PositionRequested(Event, frozen=True, gc=False):
    """Somebody decided to enter."""

    plan: Plan


class PositionOpened(Event, frozen=True, gc=False):
    """The first fill of the entry."""

    time_ms: int
    price: Decimal
    slippage: Decimal
    """Fill price against `reference_price`, as a fraction; positive is against us."""


class PriceExtremeReached(Event, frozen=True, gc=False):
    """The price went where it had not been since the entry."""

    highest: Decimal
    lowest: Decimal


class Aftermath(msgspec.Struct, frozen=True, gc=False):
    """What funding finds that is told when the position is over: when it closed, and its net result so far (USDT)."""

    closed_ms: int
    net: Decimal
    plan: Plan


class FundingSettled(Event, frozen=True, gc=False):
    """Funding was paid (negative `amount`) or received, in USDT, for a time at which the position was held.

    Told `after_close`, it changes a result that `PositionClosed` has summed up already.
    """

    time_ms: int
    rate: Decimal
    mark: Decimal
    amount: Decimal
    after_close: Aftermath | None = None


class ExitRequested(Event, frozen=True, gc=False):
    """The position is to be left at the market."""

    reason: ExitReason


class PositionClosed(Event, frozen=True, gc=False):
    """Nothing is open any more. All amounts in USDT, excursions as fractions of the entry price."""

    reason: ExitReason
    time_ms: int
    held_ms: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    fees: Decimal
    funding: Decimal
    net: Decimal
    favourable_excursion: Decimal
    adverse_excursion: Decimal
    plan: Plan

    @classmethod
    def of(cls, deal: Deal, reason: ExitReason, time_ms: int) -> PositionClosed:
        """Sum a deal up whose last fill is in."""
        favourable, adverse = deal.excursions()
        return cls(
            reason=reason,
            time_ms=time_ms,
            held_ms=time_ms - deal.opened_ms,
            quantity=deal.entered,
            entry_price=money(deal.entry_price),
            exit_price=money(deal.exit_value / deal.entered),
            gross=deal.gross,
            fees=deal.fees,
            funding=deal.funding,
            net=deal.net,
            favourable_excursion=money(favourable),
            adverse_excursion=money(adverse),
            plan=deal.plan,
        )


class PositionAbandoned(Event, frozen=True, gc=False):
    """The entry came to nothing."""

    reason: str


EVENTS = (
    *orders.EVENTS, PositionRequested, PositionOpened, PriceExtremeReached, FundingSettled, ExitRequested,
    PositionClosed, PositionAbandoned,
)  # fmt: skip
PositionEvent: TypeAlias = (
    orders.OrderEvent | PositionRequested | PositionOpened | PriceExtremeReached | FundingSettled | ExitRequested
    | PositionClosed | PositionAbandoned
)  # fmt: skip
