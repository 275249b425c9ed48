"""The life cycle of an order: requested → accepted → (partially) filled | rejected | canceled.

An order's id is the id of the event that requested it. These facts stand in the stream of whoever asked.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec

from domain.base import Event
from domain.values import OrderSide
from domain.venue import OrderType


class Role(enum.StrEnum):
    """What an order is for."""

    ENTRY = "ENTRY"
    STOP = "STOP"
    TARGET = "TARGET"
    EXIT = "EXIT"


class Stage(enum.StrEnum):
    """How far an order has come. Filled, rejected and canceled orders are no longer kept."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    CANCELING = "CANCELING"


class LiveOrder(msgspec.Struct, frozen=True):
    """An order that is not finished. `cancel_id` is the event that asked to take it back."""

    order_id: str
    role: Role
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    trigger: Decimal | None = None
    stage: Stage = Stage.REQUESTED
    cancel_id: str = ""


class OrderRequested(Event, frozen=True, gc=False):
    """An order is to be placed; its id is this event's own."""

    order_id: str
    role: Role
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    trigger: Decimal | None = None


class OrderAccepted(Event, frozen=True, gc=False):
    """The venue took the order."""

    order_id: str


class OrderRejected(Event, frozen=True, gc=False):
    """The venue refused the order."""

    order_id: str
    role: Role
    code: str
    text: str
    time_ms: int


class OrderFilled(Event, frozen=True, gc=False):
    """(Part of) an order was filled. `realised` is the gross PnL of a closing fill; money in USDT."""

    order_id: str
    role: Role
    trade_id: str
    time_ms: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    realised: Decimal
    complete: bool = True


class OrderCancelRequested(Event, frozen=True, gc=False):
    """A resting order is to be taken back."""

    order_id: str


class OrderCanceled(Event, frozen=True, gc=False):
    """An order is gone without further fills. `time_ms` stands for an exit only, which is asked for again then."""

    order_id: str
    reason: str
    time_ms: int = 0


EVENTS = (OrderRequested, OrderAccepted, OrderRejected, OrderFilled, OrderCancelRequested, OrderCanceled)
OrderEvent = OrderRequested | OrderAccepted | OrderRejected | OrderFilled | OrderCancelRequested | OrderCanceled
