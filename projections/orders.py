"""`orders`: the life of every order, with the place in history of each step and so with its causes.

An order is named by the event that requested it: `order_id` is also where to look for why. The orders of virtual
positions never leave the house and are not in here; forced closings by the venue (liquidation) are no orders of ours
and stand in `positions` only.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.base import Recorded
from domain.deal import VIRTUAL
from domain.orders import (
    OrderAccepted,
    OrderCanceled,
    OrderCancelRequested,
    OrderFilled,
    OrderRejected,
    OrderRequested,
    Role,
)
from domain.values import ZERO, OrderSide, money
from domain.venue import OrderType
from projections.base import NOTHING, Changes, Projection, Rows, account_of, live_row, symbol_of


class OrderState(enum.StrEnum):
    """How far an order has come."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"


class OrderRow(msgspec.Struct, frozen=True):
    """One order. `input_seq` is the input that led to it; each `…_seq` is the event of that step (the last fill's).

    `filled_value` is Σ price · quantity of its fills in USDT; `code` and `text` are why it was rejected or canceled.
    """

    order_id: str
    position: str
    account: str
    symbol: str
    role: Role
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    trigger: Decimal | None
    input_seq: int
    requested_seq: int
    requested_ms: int
    state: OrderState = OrderState.REQUESTED
    accepted_seq: int | None = None
    accepted_ms: int | None = None
    filled_seq: int | None = None
    filled_ms: int | None = None
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    average_price: Decimal | None = None
    fee: Decimal = ZERO
    cancel_requested_seq: int | None = None
    canceled_seq: int | None = None
    rejected_seq: int | None = None
    ended_ms: int | None = None
    code: str = ""
    text: str = ""
    live: bool = True


def apply(rows: Rows[OrderRow], recorded: Recorded) -> Changes[OrderRow]:
    """Give the order of this event as it is afterwards."""
    match recorded.event:
        case OrderRequested() as order:
            account = account_of(recorded.stream)
            return {(order.order_id,): _requested(recorded, order, account)} if account != VIRTUAL else NOTHING
        case (
            OrderAccepted(order_id=order_id)
            | OrderFilled(order_id=order_id)
            | OrderCancelRequested(order_id=order_id)
            | OrderCanceled(order_id=order_id)
            | OrderRejected(order_id=order_id)
        ):
            row = live_row(rows, (order_id,))
            return {(order_id,): _after(row, recorded)} if row is not None else NOTHING
        case _:
            return NOTHING


def _requested(recorded: Recorded, order: OrderRequested, account: str) -> OrderRow:
    return OrderRow(
        order_id=order.order_id,
        position=recorded.stream,
        account=account,
        symbol=symbol_of(recorded.stream),
        role=order.role,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        trigger=order.trigger,
        input_seq=recorded.input_seq,
        requested_seq=recorded.seq,
        requested_ms=recorded.at_ms,
    )


def _after(row: OrderRow, recorded: Recorded) -> OrderRow:
    seq, at_ms = recorded.seq, recorded.at_ms
    match recorded.event:
        case OrderAccepted():
            state = row.state if row.filled_quantity else OrderState.ACCEPTED
            return replace(row, state=state, accepted_seq=seq, accepted_ms=at_ms)
        case OrderFilled() as fill:
            return _filled(row, fill, seq)
        case OrderCancelRequested():
            return replace(row, cancel_requested_seq=seq)
        case OrderCanceled(reason=reason):
            ended = OrderState.CANCELED
            return replace(row, state=ended, canceled_seq=seq, ended_ms=at_ms, code=reason, live=False)
        case OrderRejected(code=code, text=text, time_ms=time_ms):
            ended = OrderState.REJECTED
            return replace(row, state=ended, rejected_seq=seq, ended_ms=time_ms, code=code, text=text, live=False)
        case _:
            return row


def _filled(row: OrderRow, fill: OrderFilled, seq: int) -> OrderRow:
    quantity, value = row.filled_quantity + fill.quantity, row.filled_value + fill.price * fill.quantity
    return replace(
        row,
        state=OrderState.FILLED if fill.complete else OrderState.PARTIALLY_FILLED,
        filled_seq=seq,
        filled_ms=fill.time_ms,
        filled_quantity=quantity,
        filled_value=value,
        average_price=money(value / quantity),
        fee=row.fee + fill.fee,
        ended_ms=fill.time_ms if fill.complete else None,
        live=not fill.complete,
    )


ORDERS = Projection(
    name="orders",
    version=1,
    topics=(OrderRequested, OrderAccepted, OrderFilled, OrderCancelRequested, OrderCanceled, OrderRejected),
    row=OrderRow,
    key=("order_id",),
    apply=apply,
    indices=(("requested_seq",), ("position",), ("symbol", "requested_seq"), ("state",)),
    order=("requested_seq",),
)
