"""`pnl`: what closed positions brought, by UTC day, account, symbol and strategy.

A position counts on the day on which it closed, with all that it ever paid or received: net = gross - fees + funding.
Funding that is told later is added to that day.
Virtual positions make no money and are not in here (see `stats` and `virtual_positions`). The rows stay in memory
while they are followed: one for each traded combination of a day.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.base import Recorded
from domain.deal import VIRTUAL, Plan
from domain.position_events import Aftermath, FundingSettled, PositionClosed
from projections.base import NOTHING, Changes, Projection, Rows

DAY_MS = 86_400_000


class DayPnl(msgspec.Struct, frozen=True, gc=False):
    """One day of one symbol under one strategy in one account. `day` is ISO 8601; money in USDT."""

    day: str
    account: str
    symbol: str
    strategy: str
    trades: int
    gross: Decimal
    fees: Decimal
    funding: Decimal
    net: Decimal


def apply(rows: Rows[DayPnl], recorded: Recorded) -> Changes[DayPnl]:
    """Add a closed position, or what it still paid or received, to its day."""
    match recorded.event:
        case PositionClosed() as closed if closed.plan.account != VIRTUAL:
            key = _key(closed.plan, closed.time_ms)
            row = rows.get(key)
            if row is None:
                return {key: DayPnl(*key, 1, closed.gross, closed.fees, closed.funding, closed.net)}
            return {
                key: DayPnl(
                    *key,
                    row.trades + 1,
                    row.gross + closed.gross,
                    row.fees + closed.fees,
                    row.funding + closed.funding,
                    row.net + closed.net,
                )
            }
        case FundingSettled(amount=amount, after_close=Aftermath(closed_ms, plan=plan)) if plan.account != VIRTUAL:
            key = _key(plan, closed_ms)
            row = rows[key]
            return {key: replace(row, funding=row.funding + amount, net=row.net + amount)}
        case _:
            return NOTHING


def _key(plan: Plan, closed_ms: int) -> tuple[str, str, str, str]:
    return _day(closed_ms // DAY_MS), plan.account, plan.symbol, plan.strategy


@functools.lru_cache(maxsize=1_024)
def _day(number: int) -> str:
    """Name a day by its number since 1970, UTC."""
    return datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()


PNL = Projection(
    name="pnl",
    version=2,
    topics=(PositionClosed, FundingSettled),
    row=DayPnl,
    key=("day", "account", "symbol", "strategy"),
    apply=apply,
    indices=(("account", "day"), ("symbol", "day"), ("strategy", "day")),
)
