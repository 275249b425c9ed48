"""`accounts`: every account as it is now: its balance, what is reserved, and what keeps it from entering."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.account import (
    AccountOpened,
    BalanceCorrected,
    EntriesHalted,
    EntriesResumed,
    EntryApproved,
    EntryDenied,
    FillBooked,
    FundingBooked,
    PositionReleased,
)
from domain.base import Recorded
from domain.values import ZERO, Side
from projections.base import NOTHING, Changes, Projection, Rows


class Reservation(msgspec.Struct, frozen=True):
    """What one open or entering position holds of the balance, in USDT."""

    position: str
    symbol: str
    side: Side
    margin: Decimal


class AccountRow(msgspec.Struct, frozen=True):
    """One account. `balance` is the wallet balance without unrealised PnL, `available` what no position has reserved.

    `deposited` is what it opened with, so that balance = deposited + realised - fees + funding.
    """

    account: str
    opened_ms: int
    changed_ms: int
    deposited: Decimal
    balance: Decimal
    reserved: Decimal = ZERO
    available: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    entries: int = 0
    denials: int = 0
    halts: tuple[str, ...] = ()
    reservations: tuple[Reservation, ...] = ()


def apply(rows: Rows[AccountRow], recorded: Recorded) -> Changes[AccountRow]:
    """Give the account of this event as it is afterwards."""
    name = recorded.stream.partition(":")[2]
    if isinstance(recorded.event, AccountOpened):
        balance = recorded.event.balance
        row = AccountRow(name, recorded.at_ms, recorded.at_ms, deposited=balance, balance=balance)
    else:
        row = rows.get((name,))
    after = _after(row, recorded) if row is not None else None
    if after is None:
        return NOTHING
    reserved = sum((held.margin for held in after.reservations), ZERO)
    return {(name,): replace(after, changed_ms=recorded.at_ms, reserved=reserved, available=after.balance - reserved)}


def _after(row: AccountRow, recorded: Recorded) -> AccountRow | None:
    match recorded.event:
        case AccountOpened():
            return row
        case EntryApproved(position, plan):
            held = Reservation(position, plan.symbol, plan.side, plan.margin)
            return replace(row, entries=row.entries + 1, reservations=(*row.reservations, held))
        case EntryDenied():
            return replace(row, denials=row.denials + 1)
        case FillBooked(fee=fee, realised=realised, balance=balance):
            return replace(row, balance=balance, fees=row.fees + fee, realised=row.realised + realised)
        case FundingBooked(amount=amount, balance=balance):
            return replace(row, balance=balance, funding=row.funding + amount)
        case BalanceCorrected(balance, was):
            return replace(row, balance=balance, deposited=row.deposited + balance - was)
        case PositionReleased(position):
            return replace(row, reservations=tuple(held for held in row.reservations if held.position != position))
        case EntriesHalted(cause):
            return replace(row, halts=(*row.halts, cause))
        case EntriesResumed(cause):
            return replace(row, halts=tuple(halt for halt in row.halts if halt != cause))
        case _:
            return None


ACCOUNTS = Projection(
    name="accounts",
    version=1,
    topics=(
        AccountOpened, EntryApproved, EntryDenied, FillBooked, FundingBooked, PositionReleased, EntriesHalted,
        EntriesResumed, BalanceCorrected,
    ),
    row=AccountRow,
    key=("account",),
    apply=apply,
)  # fmt: skip
