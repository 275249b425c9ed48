"""The table of orders: one row an order, with every step of its life and why it was sent.

The steps are those of the read model `orders`; here stand the causes beside them. An order is in the table if any step
of it is in the range; what is known of it from before the range is in its row as well. Finished orders come in the
order in which they finished, then those that are still alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from domain.base import Recorded
from domain.catalog import name_of
from domain.orders import OrderRequested, Role
from domain.position_events import ExitRequested, PositionAbandoned, PositionClosed, PositionOpened, PositionRequested
from domain.values import OrderSide
from domain.venue import OrderType
from infra.export.fields import Group, group_of, without
from infra.export.redaction import Redaction
from projections.base import Key
from projections.orders import ORDERS, OrderRow, OrderState


class OrderLife(msgspec.Struct, frozen=True):
    """One order of an account.

    `signal_id` is the event that proposed the position. `cause` says why the order was sent: SIGNAL for an entry,
    PROTECTION for stop and target, the reason of the exit for an exit; `cause_id` is the event that says so. Each
    `…_seq` is the event of a step, `input_seq` the input that led to the order. `code` and `text` say why the order
    was rejected or canceled. Money in USDT.
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
    signal_id: str
    cause: str
    cause_id: str
    input_seq: int
    requested_seq: int
    requested_ms: int
    state: OrderState
    accepted_seq: int | None
    accepted_ms: int | None
    filled_seq: int | None
    filled_ms: int | None
    filled_quantity: Decimal
    average_price: Decimal | None
    fee: Decimal
    cancel_requested_seq: int | None
    canceled_seq: int | None
    rejected_seq: int | None
    ended_ms: int | None
    code: str
    text: str


SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "order_id": ("OrderRequested.order_id",),
    "role": ("OrderRequested.role",),
    "side": ("OrderRequested.side",),
    "order_type": ("OrderRequested.order_type",),
    "quantity": ("OrderRequested.quantity",),
    "trigger": ("OrderRequested.trigger",),
    "signal_id": ("PositionRequested.plan.signal_id",),
    "cause": ("ExitRequested.reason", "OrderRequested.role"),
    "cause_id": ("PositionRequested.plan.signal_id",),
    "filled_ms": ("OrderFilled.time_ms",),
    "filled_quantity": ("OrderFilled.quantity",),
    "average_price": ("OrderFilled.price", "OrderFilled.quantity"),
    "fee": ("OrderFilled.fee",),
    "ended_ms": ("OrderFilled.time_ms", "OrderRejected.time_ms"),
    "code": ("OrderRejected.code", "OrderCanceled.reason"),
    "text": ("OrderRejected.text",),
}
"""The fields of events that a column shows. The other columns rest on the frame of events alone."""

TOPICS: Final = tuple(
    dict.fromkeys(
        (
            *ORDERS.topic_names,
            *map(name_of, (PositionRequested, PositionOpened, ExitRequested, PositionClosed, PositionAbandoned)),
        )
    )
)


def order_columns(redaction: Redaction) -> Group:
    """Give the table's columns, without those that would show what is redacted."""
    hidden = [(name,) for name, sources in SOURCES.items() if redaction.hides(sources)]
    return without(group_of(OrderLife), hidden)


def order_lives(events: Iterable[Recorded], first_seq: int) -> Iterator[OrderLife]:
    """Fold events (of `TOPICS`, from the beginning of history) to the orders with a step at or after `first_seq`."""
    rows: dict[Key, OrderRow] = {}
    causes: dict[Key, _Cause] = {}
    touched: set[Key] = set()
    positions: dict[str, _Background] = {}
    for recorded in events:
        _learn(positions, recorded)
        for key, row in ORDERS.apply(rows, recorded).items():
            rows[key] = row
            if isinstance(recorded.event, OrderRequested):
                causes[key] = _cause(positions.get(recorded.stream), row.role)
            if recorded.seq >= first_seq:
                touched.add(key)
            if not row.live:
                if key in touched:
                    yield _life(row, causes[key])
                del rows[key], causes[key]
                touched.discard(key)
    yield from (_life(row, causes[key]) for key, row in rows.items() if key in touched)


class _Background(msgspec.Struct):
    """What is known of a position when it sends an order: each an event id."""

    signal_id: str
    opened_id: str = ""
    exit_id: str = ""
    exit_reason: str = ""


class _Cause(msgspec.Struct, frozen=True):
    """Why an order was sent."""

    signal_id: str = ""
    cause: str = ""
    cause_id: str = ""


def _learn(positions: dict[str, _Background], recorded: Recorded) -> None:
    match recorded.event:
        case PositionRequested(plan):
            positions[recorded.stream] = _Background(plan.signal_id)
        case PositionClosed() | PositionAbandoned():
            positions.pop(recorded.stream, None)
        case PositionOpened():
            if known := positions.get(recorded.stream):
                known.opened_id = recorded.event_id
        case ExitRequested(reason):
            if known := positions.get(recorded.stream):
                known.exit_id, known.exit_reason = recorded.event_id, reason.value
        case _:
            pass


def _cause(known: _Background | None, role: Role) -> _Cause:
    if known is None:
        return _Cause()
    match role:
        case Role.ENTRY:
            return _Cause(known.signal_id, "SIGNAL", known.signal_id)
        case Role.STOP | Role.TARGET:
            return _Cause(known.signal_id, "PROTECTION", known.opened_id)
        case Role.EXIT:
            return _Cause(known.signal_id, known.exit_reason, known.exit_id)


def _life(row: OrderRow, cause: _Cause) -> OrderLife:
    facts: dict[str, Any] = {**msgspec.structs.asdict(row), **msgspec.structs.asdict(cause)}
    return OrderLife(**{name: facts[name] for name in OrderLife.__struct_fields__})
