"""`health`: the run's own history: sessions, conditions, levels of health, crashes, and what operators did.

What lasts has a beginning and an end; what only happens ends when it begins. A session whose end was not recorded
was interrupted (crash, power, `kill -9`): the next one says so.
"""

from __future__ import annotations

import enum

import msgspec
from msgspec.structs import replace

from domain.base import Recorded
from domain.operations import (
    ActorStayedDown,
    ConditionCleared,
    ConditionRaised,
    DeadLetter,
    HealthChanged,
    OperatorCommandAccepted,
    RunStarted,
    RunStopped,
    StateRestored,
)
from projections.base import NOTHING, Changes, Projection, Rows


class HealthKind(enum.StrEnum):
    """What a row of `health` is about."""

    SESSION = "SESSION"
    RESTORED = "RESTORED"
    CONDITION = "CONDITION"
    HEALTH = "HEALTH"
    DEAD_LETTER = "DEAD_LETTER"
    STAYED_DOWN = "STAYED_DOWN"
    OPERATOR = "OPERATOR"


class HealthRow(msgspec.Struct, frozen=True):
    """One thing that lasted, or happened. `seq` is the event that began it; `live` while it lasts.

    `subject` is the condition, the level of health, the stream that crashed, the command or the code version; `detail`
    is what else there is to say, `ending` why it ended, `count` how often.
    """

    seq: int
    kind: HealthKind
    subject: str
    began_ms: int
    ended_ms: int | None = None
    detail: str = ""
    ending: str = ""
    count: int = 0
    input_seq: int = 0
    live: bool = False


def apply(rows: Rows[HealthRow], recorded: Recorded) -> Changes[HealthRow]:
    """Give what begins with this event, and what ends with it."""
    at_ms = recorded.at_ms
    match recorded.event:
        case RunStarted(_, code_version, _, venue, market):
            began = _lasting(recorded, HealthKind.SESSION, code_version, f"{venue} on {market}")
            return {**_ended(rows, HealthKind.SESSION, None, "interrupted"), **began}
        case RunStopped(reason):
            return _ended(rows, HealthKind.SESSION, at_ms, reason)
        case StateRestored(from_seq, state_hash, unclean):
            detail = f"from seq {from_seq}" + (", after an interrupted session" if unclean else "")
            restored = _event(recorded, HealthKind.RESTORED, state_hash, detail)
            return {**_ended(rows, HealthKind.CONDITION, at_ms, "restored"), **restored}
        case ConditionRaised(condition, detail, count):
            return _lasting(recorded, HealthKind.CONDITION, condition.value, detail, count)
        case ConditionCleared(condition):
            return _ended(rows, HealthKind.CONDITION, at_ms, "cleared", condition.value)
        case HealthChanged(health, reasons):
            began = _lasting(recorded, HealthKind.HEALTH, health.value, ", ".join(reasons))
            return {**_ended(rows, HealthKind.HEALTH, at_ms, health.value), **began}
        case DeadLetter(stream, message, error, input_seq, crashes):
            return _event(recorded, HealthKind.DEAD_LETTER, stream, f"{error} on {message}", crashes, input_seq)
        case ActorStayedDown(stream):
            return _event(recorded, HealthKind.STAYED_DOWN, stream, "crashed too often")
        case OperatorCommandAccepted(command_id, kind, argument, who):
            wish = f"{kind.value} {argument}".rstrip()
            return _event(recorded, HealthKind.OPERATOR, wish, f"command {command_id} by {who}")
        case _:
            return NOTHING


def _lasting(recorded: Recorded, kind: HealthKind, subject: str, detail: str, count: int = 0) -> Changes[HealthRow]:
    row = HealthRow(recorded.seq, kind, subject, recorded.at_ms, detail=detail, count=count, live=True)
    return {(recorded.seq,): row}


def _event(
    recorded: Recorded, kind: HealthKind, subject: str, detail: str, count: int = 0, input_seq: int = 0
) -> Changes[HealthRow]:
    at_ms = recorded.at_ms
    return {(recorded.seq,): HealthRow(recorded.seq, kind, subject, at_ms, at_ms, detail, "", count, input_seq)}


def _ended(
    rows: Rows[HealthRow], kind: HealthKind, at_ms: int | None, ending: str, subject: str | None = None
) -> Changes[HealthRow]:
    """Give what lasts of this kind (and of this subject, if it is given) with its end; few things last at a time."""
    return {
        key: replace(row, ended_ms=at_ms, ending=ending, live=False)
        for key, row in rows.items()
        if row.live and row.kind is kind and subject in {None, row.subject}
    }


HEALTH = Projection(
    name="health",
    version=1,
    topics=(
        RunStarted, RunStopped, StateRestored, ConditionRaised, ConditionCleared, HealthChanged, DeadLetter,
        ActorStayedDown, OperatorCommandAccepted,
    ),
    row=HealthRow,
    key=("seq",),
    apply=apply,
    indices=(("began_ms",), ("kind", "began_ms")),
)  # fmt: skip
