"""`equity`: the curve of each account: balance plus unrealised PnL, and how far it is below its peak.

A point begins when the balance changes, and in the first candle of an hour of market time while something is open;
until the next one begins it is revalued by every candle of a symbol that the account holds. So the curve has at most
one point for each booking and each hour, yet loses no extreme: `deepest` is the largest drawdown within a point.

How open positions are valued stands in `holdings.py`. A fill is shown when the account has booked it. Virtual positions
have no account and no curve.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.account import AccountOpened, BalanceCorrected, FillBooked, FundingBooked
from domain.base import Recorded
from domain.deal import VIRTUAL, Plan
from domain.flow import HOUR_MS
from domain.orders import OrderFilled
from domain.position_events import PositionAbandoned, PositionClosed, PositionRequested
from domain.symbol.events import CandleClosed
from domain.values import ZERO
from projections.base import NOTHING, Changes, Projection, Rows
from projections.holdings import Holdings, ended, filled, holds, priced, requested, unrealised_of


class EquityPoint(msgspec.Struct, frozen=True):
    """One point of an account's curve. It begins at `time_ms`, and its values are those of `until_ms` (both receipt).

    `peak` is the highest equity so far; `drawdown` (peak - equity) / peak now, `deepest` the largest of it within this
    point. Money in USDT. The newest point of an account is `live` and carries its holdings.
    """

    account: str
    time_ms: int
    until_ms: int
    balance: Decimal
    unrealised: Decimal
    equity: Decimal
    peak: Decimal
    drawdown: float
    deepest: float
    holdings: Holdings = ()
    live: bool = True


def apply(rows: Rows[EquityPoint], recorded: Recorded) -> Changes[EquityPoint]:
    """Give the points that this event begins or revalues."""
    at_ms = recorded.at_ms
    match recorded.event:
        case CandleClosed(candle):
            return _priced(rows, recorded.stream.partition(":")[2], candle.close, at_ms)
        case FillBooked(balance=balance) | FundingBooked(balance=balance):
            return _booked(rows, recorded.stream.partition(":")[2], balance, at_ms)
        case BalanceCorrected(balance, was):  # a transfer is no gain and no loss: the peak moves with it
            return _booked(rows, recorded.stream.partition(":")[2], balance, at_ms, balance - was)
        case OrderFilled() as fill:
            return _held(rows, recorded.stream, lambda held: filled(held, recorded.stream, fill))
        case PositionRequested(plan) if plan.account != VIRTUAL:
            return _requested(rows, recorded.stream, plan)
        case PositionClosed() | PositionAbandoned():
            return _held(rows, recorded.stream, lambda held: ended(held, recorded.stream))
        case AccountOpened(balance):
            account = recorded.stream.partition(":")[2]
            return {(account, at_ms): EquityPoint(account, at_ms, at_ms, balance, ZERO, balance, balance, 0.0, 0.0)}
        case _:
            return NOTHING


def _priced(rows: Rows[EquityPoint], symbol: str, close: float, at_ms: int) -> Changes[EquityPoint]:
    changes: dict[tuple[str, int], EquityPoint] = {}
    for point in rows.values():
        if not point.live or not holds(point.holdings, symbol):
            continue
        marked = replace(point, holdings=priced(point.holdings, symbol, close))
        if at_ms // HOUR_MS == point.time_ms // HOUR_MS:
            changes[point.account, point.time_ms] = _valued(marked, at_ms)
        else:
            changes.update(_next(point, marked, at_ms))
    return changes


def _booked(
    rows: Rows[EquityPoint], account: str, balance: Decimal, at_ms: int, transfer: Decimal = ZERO
) -> Changes[EquityPoint]:
    for point in rows.values():
        if point.live and point.account == account:
            booked = replace(point, balance=balance, peak=point.peak + transfer)
            if at_ms == point.time_ms:
                return {(account, at_ms): _valued(booked, at_ms)}
            return _next(point, booked, at_ms)
    return NOTHING


def _next(ended: EquityPoint, marked: EquityPoint, at_ms: int) -> Changes[EquityPoint]:
    """Begin a new point, with what `marked` holds, after one that ends."""
    began = replace(marked, time_ms=at_ms, deepest=0.0)
    return {
        (ended.account, ended.time_ms): replace(ended, holdings=(), live=False),
        (ended.account, at_ms): _valued(began, at_ms),
    }


def _valued(point: EquityPoint, at_ms: int) -> EquityPoint:
    unrealised = unrealised_of(point.holdings)
    equity = point.balance + unrealised
    peak = max(point.peak, equity)
    drawdown = float((peak - equity) / peak) if peak else 0.0
    return replace(
        point,
        until_ms=at_ms,
        unrealised=unrealised,
        equity=equity,
        peak=peak,
        drawdown=drawdown,
        deepest=max(point.deepest, drawdown),
    )


def _requested(rows: Rows[EquityPoint], position: str, plan: Plan) -> Changes[EquityPoint]:
    for key, point in rows.items():
        if point.live and point.account == plan.account:
            return {key: replace(point, holdings=requested(point.holdings, position, plan))}
    return NOTHING


def _held(rows: Rows[EquityPoint], position: str, change: Callable[[Holdings], Holdings]) -> Changes[EquityPoint]:
    """Change what is held of a position. The value follows with the booking."""
    for key, point in rows.items():
        if point.live and any(held.position == position for held in point.holdings):
            return {key: replace(point, holdings=change(point.holdings))}
    return NOTHING


EQUITY = Projection(
    name="equity",
    version=3,
    topics=(
        AccountOpened, CandleClosed, PositionRequested, OrderFilled, PositionAbandoned, PositionClosed, FillBooked,
        FundingBooked, BalanceCorrected,
    ),
    row=EquityPoint,
    key=("account", "time_ms"),
    apply=apply,
    indices=(("time_ms",),),
)  # fmt: skip
