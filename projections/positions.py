"""`positions`: every real position from its request to its end.

The fold of one position stands in `followed`; `virtual_positions` uses the same one.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from domain.base import Recorded
from domain.deal import VIRTUAL, Plan
from domain.orders import OrderFilled, Role
from domain.position_events import (
    Aftermath,
    ExitRequested,
    FundingSettled,
    PositionAbandoned,
    PositionClosed,
    PositionOpened,
    PositionRequested,
    PriceExtremeReached,
)
from domain.values import ZERO, Side, money
from projections.base import NOTHING, Changes, Key, Projection, Rows, live_row


class PositionState(enum.StrEnum):
    """How far a position has come. An abandoned one was never filled."""

    ENTERING = "ENTERING"
    OPEN = "OPEN"
    EXITING = "EXITING"
    CLOSED = "CLOSED"
    ABANDONED = "ABANDONED"


class PositionRow(msgspec.Struct, frozen=True):
    """One position. What is not known yet is None; money in USDT.

    `planned` and `entered` are the quantity meant and the quantity filled, `quantity` is what is open now; `notional`
    is Σ price · quantity of the entry. `slippage` is the first fill against `reference_price`, a fraction, positive
    against us. `highest` and `lowest` are the extreme prices seen while open, the two excursions (MFE, MAE) fractions
    of the entry price. `reason` says why it ended.
    """

    position: str
    account: str
    symbol: str
    side: Side
    strategy: str
    signal_id: str
    confidence: float
    win: float
    leverage: int
    margin: Decimal
    planned: Decimal
    reference_price: Decimal
    stop: Decimal
    target: Decimal
    requested_ms: int
    state: PositionState = PositionState.ENTERING
    entered: Decimal = ZERO
    quantity: Decimal = ZERO
    notional: Decimal = ZERO
    entry_price: Decimal | None = None
    slippage: Decimal | None = None
    opened_ms: int | None = None
    highest: Decimal | None = None
    lowest: Decimal | None = None
    exit_price: Decimal | None = None
    closed_ms: int | None = None
    held_ms: int | None = None
    reason: str = ""
    gross: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    net: Decimal = ZERO
    favourable_excursion: Decimal | None = None
    adverse_excursion: Decimal | None = None
    live: bool = True


P = TypeVar("P", bound=PositionRow)


def apply(rows: Rows[PositionRow], recorded: Recorded) -> Changes[PositionRow]:
    """Give the position of this event as it is afterwards."""
    key = (recorded.stream,)
    match recorded.event:
        case PositionRequested(plan) if plan.account != VIRTUAL:
            return {key: requested(PositionRow, recorded.stream, plan, recorded.at_ms)}
        case _:
            return changed(rows, key, recorded)


def changed(rows: Rows[P], key: Key, recorded: Recorded) -> Changes[P]:
    """Give the row of a position that is followed as it is after one of its events."""
    row = live_row(rows, key) if after_close(recorded) is None else rows.get(key)
    after = followed(row, recorded) if row is not None else row
    return {key: after} if after is not None else NOTHING


def after_close(recorded: Recorded) -> Key | None:
    """Name the position that is over, and that this event is about nevertheless."""
    match recorded.event:
        case FundingSettled(after_close=Aftermath()):
            return (recorded.stream,)
        case _:
            return None


def requested(kind: type[P], position: str, plan: Plan, at_ms: int) -> P:
    """Give the row of a position of which only the plan is known."""
    return kind(
        position=position,
        account=plan.account,
        symbol=plan.symbol,
        side=plan.side,
        strategy=plan.strategy,
        signal_id=plan.signal_id,
        confidence=plan.confidence,
        win=plan.win,
        leverage=plan.leverage,
        margin=plan.margin,
        planned=plan.quantity,
        reference_price=plan.reference_price,
        stop=plan.stop,
        target=plan.target,
        requested_ms=at_ms,
    )


def followed(row: P, recorded: Recorded) -> P | None:
    """Give a position's row after one of its events; None if the event changes nothing in it."""
    match recorded.event:
        case OrderFilled() as fill:
            return _filled(row, fill)
        case PositionOpened(time_ms, price, slippage):
            return replace(
                row, state=PositionState.OPEN, opened_ms=time_ms, slippage=slippage, highest=price, lowest=price
            )
        case PriceExtremeReached(highest, lowest):
            return replace(row, highest=highest, lowest=lowest)
        case FundingSettled(amount=amount):
            return replace(row, funding=row.funding + amount, net=row.net + amount)
        case ExitRequested(reason):
            return replace(row, state=PositionState.EXITING, reason=reason.value)
        case PositionAbandoned(reason):
            ended = PositionState.ABANDONED
            return replace(row, state=ended, closed_ms=recorded.at_ms, reason=reason, live=False)
        case PositionClosed() as closed:
            return _closed(row, closed)
        case _:
            return None


def _filled(row: P, fill: OrderFilled) -> P:
    paid = {"fees": row.fees + fill.fee, "gross": row.gross + fill.realised, "net": row.net + fill.realised - fill.fee}
    if fill.role is not Role.ENTRY:
        return replace(row, quantity=row.quantity - fill.quantity, **paid)
    entered, notional = row.entered + fill.quantity, row.notional + fill.price * fill.quantity
    return replace(
        row,
        entered=entered,
        quantity=row.quantity + fill.quantity,
        notional=notional,
        entry_price=money(notional / entered),
        **paid,
    )


def _closed(row: P, closed: PositionClosed) -> P:
    return replace(
        row,
        state=PositionState.CLOSED,
        entered=closed.quantity,
        quantity=ZERO,
        entry_price=closed.entry_price,
        exit_price=closed.exit_price,
        closed_ms=closed.time_ms,
        held_ms=closed.held_ms,
        reason=closed.reason.value,
        gross=closed.gross,
        fees=closed.fees,
        funding=closed.funding,
        net=closed.net,
        favourable_excursion=closed.favourable_excursion,
        adverse_excursion=closed.adverse_excursion,
        live=False,
    )


FOLLOWED = (
    OrderFilled, PositionOpened, PriceExtremeReached, FundingSettled, ExitRequested, PositionAbandoned, PositionClosed,
)  # fmt: skip

POSITIONS = Projection(
    name="positions",
    version=2,
    topics=(PositionRequested, *FOLLOWED),
    row=PositionRow,
    key=("position",),
    apply=apply,
    indices=(("requested_ms",), ("closed_ms",), ("symbol", "requested_ms"), ("signal_id",)),
    order=("requested_ms", "position"),
    late=after_close,
)
