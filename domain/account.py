"""One account: its balance, the margin that its positions have reserved, and whether it may enter.

    Unopened ──OpenAccount──▶ Active     Consider ─▶ EntryApproved | EntryDenied(code, facts)

A denied entry is not lost: the symbol follows it as a virtual position.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from domain import sizing
from domain.base import Decider, Event, Issued, Reaction, Tell, Timer, plain_decider
from domain.commands import (
    BookFill,
    BookFunding,
    ClosePosition,
    CloseSymbol,
    Consider,
    FollowVirtually,
    HaltEntries,
    OpenAccount,
    OpenPosition,
    ReleasePosition,
    ResumeEntries,
)
from domain.config import Config
from domain.deal import ExitReason, Plan
from domain.errors import Refused
from domain.strategies import Proposal
from domain.values import ZERO, Side
from domain.venue import AccountReconciled, ForeignPosition

AccountCommand: TypeAlias = (
    OpenAccount | Consider | BookFill | BookFunding | ReleasePosition | HaltEntries | ResumeEntries | CloseSymbol
    | AccountReconciled
)  # fmt: skip
UNRECONCILED: Final = "UNRECONCILED"
"""The cause of a halt while the venue contradicts us."""

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────


class AccountOpened(Event, frozen=True, gc=False):
    """The account exists, with this balance (USDT)."""

    balance: Decimal


class EntryApproved(Event, frozen=True, gc=False):
    """A signal is traded: its margin is reserved."""

    position: str
    plan: Plan
    equity: Decimal


class EntryDenied(Event, frozen=True, gc=False):
    """We said no, and why. `facts` are the numbers that the refusal rested on."""

    symbol: str
    number: int
    signal_id: str
    proposal: Proposal
    code: str
    facts: tuple[tuple[str, str], ...] = ()


class FillBooked(Event, frozen=True, gc=False):
    """A fill changed the balance by realised PnL minus fee (USDT)."""

    position: str
    order_id: str
    fee: Decimal
    realised: Decimal
    balance: Decimal


class FundingBooked(Event, frozen=True, gc=False):
    """Funding changed the balance (USDT)."""

    position: str
    amount: Decimal
    balance: Decimal


class BalanceCorrected(Event, frozen=True, gc=False):
    """The venue's wallet is another than ours was: a transfer, a fee that we did not see. Its word counts (USDT)."""

    balance: Decimal
    was: Decimal


class ForeignPositionsFound(Event, frozen=True, gc=False):
    """What the account holds and none of our positions explains, all of it; empty once it is gone."""

    positions: tuple[ForeignPosition, ...]


class AccountUnexplained(Event, frozen=True, gc=False):
    """The venue contradicts our positions, and no fill says why."""

    differences: tuple[str, ...]


class PositionReleased(Event, frozen=True, gc=False):
    """A position is over; its margin is free."""

    position: str


class EntriesHalted(Event, frozen=True, gc=False):
    """No new positions while any cause stands."""

    cause: str


class EntriesResumed(Event, frozen=True, gc=False):
    """This cause is lifted."""

    cause: str


class CloseOrdered(Event, frozen=True, gc=False):
    """These positions are to be closed at the market."""

    positions: tuple[str, ...]


EVENTS = (
    AccountOpened, EntryApproved, EntryDenied, FillBooked, FundingBooked, PositionReleased, EntriesHalted,
    EntriesResumed, CloseOrdered, BalanceCorrected, ForeignPositionsFound, AccountUnexplained,
)  # fmt: skip
AccountEvent: TypeAlias = (
    AccountOpened | EntryApproved | EntryDenied | FillBooked | FundingBooked | PositionReleased | EntriesHalted
    | EntriesResumed | CloseOrdered | BalanceCorrected | ForeignPositionsFound | AccountUnexplained
)  # fmt: skip

# ── state ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Reserved(msgspec.Struct, frozen=True):
    """What one open or entering position holds."""

    position: str
    symbol: str
    side: Side
    margin: Decimal


class Unopened(msgspec.Struct, frozen=True, tag=True):
    """Before the first session."""

    name: str


class Active(msgspec.Struct, frozen=True, tag=True):
    """In use. `balance` is the wallet balance, without unrealised PnL; `halts` are the causes in force."""

    name: str
    balance: Decimal
    reserved: tuple[Reserved, ...] = ()
    halts: tuple[str, ...] = ()

    @property
    def available(self) -> Decimal:
        """The balance that no position has reserved."""
        return self.balance - sum((held.margin for held in self.reserved), ZERO)


Account: TypeAlias = Unopened | Active

# ── decide ────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: Account, command: AccountCommand, config: Config) -> tuple[AccountEvent, ...]:
    """Say what follows from a command."""
    match state:
        case Unopened():
            return (AccountOpened(command.balance),) if isinstance(command, OpenAccount) else ()
        case Active():
            return _when_active(state, command, config)


def _when_active(state: Active, command: AccountCommand, config: Config) -> tuple[AccountEvent, ...]:
    match command:
        case OpenAccount():
            return ()
        case Consider():
            return (_considered(state, command, config),)
        case BookFill(position, order_id, fee, realised):
            return (FillBooked(position, order_id, fee, realised, state.balance + realised - fee),)
        case BookFunding(position, amount):
            return (FundingBooked(position, amount, state.balance + amount),)
        case ReleasePosition(position):
            held = any(reserved.position == position for reserved in state.reserved)
            return (PositionReleased(position),) if held else ()
        case HaltEntries(cause):
            return () if cause in state.halts else (EntriesHalted(cause),)
        case ResumeEntries(cause):
            return (EntriesResumed(cause),) if cause in state.halts else ()
        case CloseSymbol(symbol):
            chosen = tuple(held.position for held in state.reserved if symbol in {"", held.symbol})
            return (CloseOrdered(chosen),) if chosen else ()
        case AccountReconciled():
            return _reconciled(state, command)


def _reconciled(state: Active, seen: AccountReconciled) -> tuple[AccountEvent, ...]:
    events: list[AccountEvent] = [ForeignPositionsFound(seen.foreign)]
    if seen.wallet != state.balance:
        events.append(BalanceCorrected(seen.wallet, state.balance))
    halted = UNRECONCILED in state.halts
    if seen.unexplained:
        events.append(AccountUnexplained(seen.unexplained))
        if not halted:
            events.append(EntriesHalted(UNRECONCILED))
    elif halted:
        events.append(EntriesResumed(UNRECONCILED))
    return tuple(events)


def _considered(state: Active, wish: Consider, config: Config) -> EntryApproved | EntryDenied:
    try:
        _check_limits(state, wish, config)
        plan = sizing.plan(
            wish.proposal,
            wish.instrument,
            config,
            account=state.name,
            equity=state.balance,
            available=state.available,
            signal_id=wish.signal_id,
            strategy=wish.strategy,
        )
    except Refused as no:
        facts = tuple((name, str(value)) for name, value in no.facts.items())
        return EntryDenied(wish.symbol, wish.number, wish.signal_id, wish.proposal, no.code, facts)
    return EntryApproved(f"position:{state.name}/{wish.symbol}-{wish.number}", plan, state.balance)


def _check_limits(state: Active, wish: Consider, config: Config) -> None:
    limits = config.account
    if state.halts:
        raise Refused("HALTED", causes="+".join(state.halts))
    if any(held.symbol == wish.symbol for held in state.reserved):
        raise Refused("SYMBOL_ALREADY_OPEN", symbol=wish.symbol)
    if len(state.reserved) >= limits.max_open_positions:
        raise Refused("MAX_OPEN_POSITIONS", open=len(state.reserved), limit=limits.max_open_positions)
    same_side = sum(held.side is wish.proposal.side for held in state.reserved)
    if same_side >= limits.max_same_side_positions:
        raise Refused("MAX_SAME_SIDE_POSITIONS", open=same_side, limit=limits.max_same_side_positions)


# ── evolve, react ─────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: Account, event: AccountEvent) -> Account:
    """Give the state after an event."""
    if isinstance(state, Unopened):
        return Active(state.name, event.balance) if isinstance(event, AccountOpened) else state
    match event:
        case EntryApproved(position, plan):
            held = Reserved(position, plan.symbol, plan.side, plan.margin)
            return replace(state, reserved=(*state.reserved, held))
        case FillBooked(balance=balance) | FundingBooked(balance=balance) | BalanceCorrected(balance):
            return replace(state, balance=balance)
        case PositionReleased(position):
            return replace(state, reserved=tuple(held for held in state.reserved if held.position != position))
        case EntriesHalted(cause):
            return replace(state, halts=(*state.halts, cause))
        case EntriesResumed(cause):
            return replace(state, halts=tuple(halt for halt in state.halts if halt != cause))
        case AccountOpened() | EntryDenied() | CloseOrdered() | ForeignPositionsFound() | AccountUnexplained():
            return state


def react(_state: Account, event: AccountEvent) -> tuple[Reaction, ...]:
    """Say what an event sets in motion."""
    match event:
        case EntryApproved(position, plan):
            return (Tell(position, OpenPosition(plan)),)
        case EntryDenied(symbol, number, signal_id, proposal, code):
            return (Tell(f"symbol:{symbol}", FollowVirtually(signal_id, number, proposal, code)),)
        case CloseOrdered(positions):
            return tuple(Tell(position, ClosePosition(ExitReason.OPERATOR)) for position in positions)
        case (
            AccountOpened() | FillBooked() | FundingBooked() | PositionReleased() | EntriesHalted() | EntriesResumed()
            | BalanceCorrected() | ForeignPositionsFound() | AccountUnexplained()
        ):  # fmt: skip
            return ()


def _resume(_: Account) -> tuple[Issued | Timer, ...]:
    return ()


def decider(config: Config) -> Decider[Account]:
    """Give the account's decider under these settings."""
    return plain_decider(
        state_type=Account,
        initial=lambda stream: Unopened(stream.partition(":")[2]),
        decide=lambda state, command: decide(state, command, config),
        evolve=evolve,
        react=react,
        resume=_resume,
    )
