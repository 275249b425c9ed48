"""`signals`: every proposal that a strategy made anew, and what became of it.

    RAISED ──EntryApproved──▶ TRADED ─────────────────────────────▶ the position's end
       │                   │ entry came to nothing                      ▲
       │                   ▼                                            │
       │               ABANDONED ──VirtualPositionPlanned──▶ VIRTUAL ───┤
       └──EntryDenied──▶ DENIED ──VirtualPositionPlanned──▶ VIRTUAL ────┘
    DECLINED: not even raised, for all these reasons
    WATCHED: a near miss, followed virtually ──────────────────────▶ the position's end

A proposal is named by the event that raised or declined it, a near miss by the analysis that found it. A signal that
was denied or abandoned and can't be followed virtually stays DENIED or ABANDONED, and its reasons say both why.
"""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.account import EntryApproved, EntryDenied
from domain.base import Recorded
from domain.position_events import Aftermath, FundingSettled, PositionAbandoned, PositionClosed
from domain.symbol.events import SignalDeclined, SignalRaised, VirtualPositionPlanned
from domain.values import Side
from projections.base import NOTHING, Changes, Key, Projection, Rows, live_row


class SignalOutcome(enum.StrEnum):
    """What became of a proposal."""

    RAISED = "RAISED"
    TRADED = "TRADED"
    ABANDONED = "ABANDONED"
    DENIED = "DENIED"
    VIRTUAL = "VIRTUAL"
    DECLINED = "DECLINED"
    WATCHED = "WATCHED"


UNFOLLOWED = (SignalOutcome.DENIED, SignalOutcome.ABANDONED)
"""What a signal is until its symbol says whether it follows it."""


class SignalRow(msgspec.Struct, frozen=True):
    """One proposal. `number` counts the symbol's signals (0: declined); prices in USDT, as proposed.

    `tier` is prime or watch, `strength` (0 … 100) what its analysis gave it; a user's own strategy has neither.

    `code` is why an account denied it, or the venue its entry. `position` is what follows it, for money or virtually;
    when that has ended, `result` says how and `net` what it brought (USDT).
    """

    signal_id: str
    symbol: str
    number: int
    time_ms: int
    side: Side
    outcome: SignalOutcome
    strategy: str = ""
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    confidence: float | None = None
    win: float | None = None
    reasons: tuple[str, ...] = ()
    code: str = ""
    position: str = ""
    result: str = ""
    ended_ms: int | None = None
    net: Decimal | None = None
    tier: str = ""
    strength: float | None = None
    live: bool = True


def apply(rows: Rows[SignalRow], recorded: Recorded) -> Changes[SignalRow]:
    """Give the proposals that this event says something about."""
    match recorded.event:
        case SignalRaised():
            return {(recorded.event_id,): _raised(recorded, recorded.event)}
        case SignalDeclined() as declined:
            return _declined(rows, recorded, declined)
        case EntryApproved(position, plan):
            return _changed(rows, plan.signal_id, outcome=SignalOutcome.TRADED, position=position)
        case EntryDenied(signal_id=signal_id, code=code):
            return _changed(rows, signal_id, outcome=SignalOutcome.DENIED, code=code)
        case VirtualPositionPlanned(position, plan) as planned:
            if planned.tier:
                return {(plan.signal_id,): _watched(recorded, planned)}
            begun = {"position": position, "result": "", "ended_ms": None}
            return _changed(rows, plan.signal_id, outcome=SignalOutcome.VIRTUAL, **begun)
        case PositionClosed(reason, time_ms, net=net, plan=plan):
            end = {"result": reason.value, "ended_ms": time_ms, "net": net, "live": False}
            return _changed(rows, plan.signal_id, **end)
        case FundingSettled(amount=amount, after_close=Aftermath()):
            return _funded_late(rows, recorded, amount)
        case PositionAbandoned(reason):
            return _abandoned(rows, recorded, reason)
        case _:
            return NOTHING


def _raised(recorded: Recorded, raised: SignalRaised) -> SignalRow:
    proposal = raised.proposal
    return SignalRow(
        signal_id=recorded.event_id,
        symbol=recorded.stream.partition(":")[2],
        number=raised.number,
        time_ms=raised.time_ms,
        side=proposal.side,
        outcome=SignalOutcome.RAISED,
        strategy=raised.strategy,
        entry=proposal.entry,
        stop=proposal.stop,
        target=proposal.target,
        confidence=proposal.confidence,
        win=proposal.win,
        reasons=proposal.reasons,
        tier="" if raised.strength is None else "prime",
        strength=raised.strength,
    )


def _watched(recorded: Recorded, planned: VirtualPositionPlanned) -> SignalRow:
    plan = planned.plan
    return SignalRow(
        signal_id=plan.signal_id,
        symbol=plan.symbol,
        number=int(planned.position.rpartition("-")[2]),
        time_ms=recorded.at_ms,
        side=plan.side,
        outcome=SignalOutcome.WATCHED,
        strategy=plan.strategy,
        entry=float(plan.reference_price),
        stop=float(plan.stop),
        target=float(plan.target),
        confidence=plan.confidence,
        win=plan.win,
        reasons=planned.reasons,
        position=planned.position,
        tier=planned.tier,
        strength=planned.strength,
    )


def _declined(rows: Rows[SignalRow], recorded: Recorded, declined: SignalDeclined) -> Changes[SignalRow]:
    """A signal that was not traded and can't be followed virtually either, or a proposal that was never raised.

    A denial (or an entry's end) and the symbol's answer to it follow from the same input, so at most one signal of a
    symbol waits for that answer; it begins with the code. Older histories hold ends of entries without an answer, so
    that it is the newest which is meant.
    """
    symbol, why = recorded.stream.partition(":")[2], declined.reasons[:1]
    waiting = [row for row in rows.values() if row.live and row.symbol == symbol and row.outcome in UNFOLLOWED]
    answered = max((row for row in waiting if why == (row.code,)), key=lambda row: row.number, default=None)
    if answered is not None:
        return _changed(rows, answered.signal_id, reasons=(*answered.reasons, *declined.reasons), live=False)
    fresh = SignalRow(
        signal_id=recorded.event_id,
        symbol=symbol,
        number=0,
        time_ms=declined.time_ms,
        side=declined.side,
        outcome=SignalOutcome.DECLINED,
        reasons=declined.reasons,
        tier="" if declined.strength is None else "prime",
        strength=declined.strength,
        live=False,
    )
    return {(recorded.event_id,): fresh}


def _abandoned(rows: Rows[SignalRow], recorded: Recorded, reason: str) -> Changes[SignalRow]:
    for row in rows.values():
        if row.live and row.position == recorded.stream:
            end = {"result": reason, "ended_ms": recorded.at_ms, "outcome": SignalOutcome.ABANDONED}
            if row.outcome is SignalOutcome.TRADED:  # the symbol is about to say whether it follows it
                return _changed(rows, row.signal_id, code=reason, **end)
            return _changed(rows, row.signal_id, live=False, **end)
    return NOTHING


def _funded_late(rows: Rows[SignalRow], recorded: Recorded, amount: Decimal) -> Changes[SignalRow]:
    key = _late(recorded)
    row = rows.get(key) if key is not None else None
    return {} if row is None or row.net is None else {(row.signal_id,): replace(row, net=row.net + amount)}


def _late(recorded: Recorded) -> Key | None:
    """Name the proposal whose position is over, and paid or received funding nevertheless."""
    match recorded.event:
        case FundingSettled(after_close=Aftermath(plan=plan)):
            return (plan.signal_id,)
        case _:
            return None


def _changed(rows: Rows[SignalRow], signal_id: str, **fields: object) -> Changes[SignalRow]:
    row = live_row(rows, (signal_id,))
    return {(signal_id,): replace(row, **fields)} if row is not None else NOTHING


SIGNALS = Projection(
    name="signals",
    version=3,
    topics=(
        SignalRaised, SignalDeclined, EntryApproved, EntryDenied, VirtualPositionPlanned, PositionClosed,
        PositionAbandoned, FundingSettled,
    ),
    row=SignalRow,
    key=("signal_id",),
    apply=apply,
    indices=(("time_ms",), ("symbol", "time_ms"), ("outcome", "time_ms"), ("position",)),
    order=("time_ms", "signal_id"),
    late=_late,
)  # fmt: skip
