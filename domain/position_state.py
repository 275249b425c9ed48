"""The states of one position, and the fold that leads from one to the next. Which events happen says `position.py`."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from domain import orders
from domain.base import event_id
from domain.deal import Deal, ExitReason
from domain.orders import Role, Stage
from domain.position_events import (
    ExitRequested,
    FundingSettled,
    PositionAbandoned,
    PositionClosed,
    PositionEvent,
    PositionOpened,
    PositionRequested,
    PriceExtremeReached,
)


class Flat(msgspec.Struct, frozen=True, tag=True):
    """Nothing happened yet."""

    id: str


class Entering(msgspec.Struct, frozen=True, tag=True):
    """The entry is requested and nothing of it is filled."""

    deal: Deal


class Open(msgspec.Struct, frozen=True, tag=True):
    """Something is filled, and nobody wants to leave yet."""

    deal: Deal


class Exiting(msgspec.Struct, frozen=True, tag=True):
    """An exit at the market is on its way, or all is sold and the rest of the entry is being taken back."""

    deal: Deal
    reason: ExitReason

    @property
    def lacks_order(self) -> bool:
        """Whether something is held, and no exit for it is under way."""
        return self.deal.quantity > 0 and self.deal.live(Role.EXIT) is None


class Closed(msgspec.Struct, frozen=True, tag=True):
    """Over. Orders may still wait for the answer to their cancellation, and funding may still be told.

    Something was held until `closed_ms` (exchange time); 0 if nothing ever was.
    """

    deal: Deal
    closed_ms: int = 0


Position: TypeAlias = Flat | Entering | Open | Exiting | Closed


def evolve(state: Position, event: PositionEvent) -> Position:
    """Give the state after an event."""
    if isinstance(state, Flat):
        return Entering(Deal(state.id, 1, event.plan)) if isinstance(event, PositionRequested) else state
    before = state.deal
    deal = replace(_deal_after(before, event), version=before.version + 1)
    match event:
        case PositionOpened():
            return Open(deal)
        case ExitRequested(reason):
            return Exiting(deal, reason)
        case PositionClosed(time_ms=closed_ms):
            return Closed(deal, closed_ms)
        case PositionAbandoned():
            return Closed(deal)
        case _:
            return replace(state, deal=deal)


def _deal_after(deal: Deal, event: PositionEvent) -> Deal:
    match event:
        case PriceExtremeReached(highest, lowest):
            return replace(deal, highest=highest, lowest=lowest)
        case orders.OrderRequested():
            return deal.with_order(
                orders.LiveOrder(
                    event.order_id, event.role, event.side, event.order_type, event.quantity, event.trigger
                )
            )
        case orders.OrderAccepted(order_id):
            return deal.staged(order_id, Stage.ACCEPTED)
        case orders.OrderRejected(order_id) | orders.OrderCanceled(order_id):
            return deal.without_order(order_id)
        case orders.OrderCancelRequested(order_id):
            return deal.staged(order_id, Stage.CANCELING, event_id(deal.id, deal.version + 1))
        case orders.OrderFilled():
            after = deal.filled(event.role, event.trade_id, event.price, event.quantity, event.fee)
            return after.without_order(event.order_id) if event.complete else after
        case PositionOpened():
            return replace(deal, opened_ms=event.time_ms, highest=event.price, lowest=event.price)
        case FundingSettled():
            return replace(deal, funding=deal.funding + event.amount, funded_ms=event.time_ms)
        case PositionRequested() | ExitRequested() | PositionClosed() | PositionAbandoned():
            return deal
