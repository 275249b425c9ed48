"""The run itself: sessions, the operator, the shell's conditions, crashed actors, and the health that follows.

One stream, `operations:main`. Whatever the shell knows and a decision may depend on arrives here as an input.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from domain.base import Command, Decider, Event, Input, Issued, Reaction, Tell, Timer, kind_of, plain_decider
from domain.commands import CloseSymbol, HaltEntries, OpenAccount, ResumeEntries
from domain.config import Config
from domain.scan.decider import STREAM as SCAN
from domain.scan.decider import ReportCrash

STREAM: Final = "operations:main"
KNOWN_COMMANDS = 1_000
"""How many operator commands are remembered, so that a repeated one is not carried out twice."""


class Health(enum.StrEnum):
    """How the run is, worst first wins."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNHEALTHY = "UNHEALTHY"
    CRITICAL = "CRITICAL"


class Condition(enum.StrEnum):
    """What the shell may report. The comment says what it does to health and to entries."""

    JOURNAL_LAGGING = "JOURNAL_LAGGING"  # DEGRADED
    JOURNAL_LOST = "JOURNAL_LOST"  # CRITICAL; entries go on until it becomes JOURNAL_LOST_LONG
    JOURNAL_LOST_LONG = "JOURNAL_LOST_LONG"  # CRITICAL, entries halted
    FEED_STALE = "FEED_STALE"  # UNHEALTHY, entries halted
    HISTORY_MISSING = "HISTORY_MISSING"  # DEGRADED: symbols whose candles could not be had yet are not analysed
    USER_STREAM_LOST = "USER_STREAM_LOST"  # DEGRADED: what happens to the account is asked for, and known later
    USER_STREAM_LOST_LONG = "USER_STREAM_LOST_LONG"  # UNHEALTHY, entries halted; what is open is closed as ever
    CONFLATED = "CONFLATED"  # DEGRADED: ticks were merged because the kernel was behind


SEVERITY: Final = {
    Condition.JOURNAL_LAGGING: Health.DEGRADED,
    Condition.JOURNAL_LOST: Health.CRITICAL,
    Condition.JOURNAL_LOST_LONG: Health.CRITICAL,
    Condition.FEED_STALE: Health.UNHEALTHY,
    Condition.HISTORY_MISSING: Health.DEGRADED,
    Condition.USER_STREAM_LOST: Health.DEGRADED,
    Condition.USER_STREAM_LOST_LONG: Health.UNHEALTHY,
    Condition.CONFLATED: Health.DEGRADED,
}
HALTING: Final = (Condition.JOURNAL_LOST_LONG, Condition.FEED_STALE, Condition.USER_STREAM_LOST_LONG)


class OperatorKind(enum.StrEnum):
    """What an operator may ask for. FLATTEN closes everything and halts; CLOSE closes one symbol."""

    HALT = "halt"
    RESUME = "resume"
    FLATTEN = "flatten"
    CLOSE = "close"


# ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _ToOperations(Input, frozen=True, gc=False):
    def deliveries(self) -> tuple[Tell, ...]:
        """To the operations actor."""
        return (Tell(STREAM, self),)


class SessionStarted(_ToOperations, frozen=True, gc=False):
    """A process starts (or goes on with) this run, under these settings and this code."""

    config: Config
    code_version: str
    strategy_sha256: str
    venue: str
    market: str


class SessionEnded(_ToOperations, frozen=True, gc=False):
    """The process stops on purpose."""

    reason: str


class Restored(_ToOperations, frozen=True, gc=False):
    """All actors were rebuilt from history up to `from_seq`; their states have this hash (hex)."""

    from_seq: int
    state_hash: str


class ClockTicked(_ToOperations, frozen=True, gc=False):
    """Time passed without anything else coming in."""


class ConditionChanged(_ToOperations, frozen=True, gc=False):
    """The shell reports that a condition begins or ends. `count` says how often, where it counts."""

    condition: Condition
    active: bool
    detail: str = ""
    count: int = 0


class OperatorCommand(_ToOperations, frozen=True, gc=False):
    """A human asked for something. `command_id` makes a repeat harmless."""

    command_id: int
    kind: OperatorKind
    argument: str
    who: str


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


class RecordCrash(Command, frozen=True, gc=False):
    """The supervisor reports that an actor raised. `stays_down`: it is not started again."""

    stream: str
    message: str
    error: str
    input_seq: int
    crashes: int
    stays_down: bool


OperationsCommand: TypeAlias = (
    SessionStarted | SessionEnded | Restored | ClockTicked | ConditionChanged | OperatorCommand | RecordCrash
)

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────


class RunStarted(Event, frozen=True, gc=False):
    """A session began. A replay uses what stands here unless told otherwise."""

    config: Config
    code_version: str
    strategy_sha256: str
    venue: str
    market: str


class RunStopped(Event, frozen=True, gc=False):
    """A session ended on purpose. A crash leaves no such event."""

    reason: str


class StateRestored(Event, frozen=True, gc=False):
    """A session went on from history."""

    from_seq: int
    state_hash: str
    unclean: bool


class ConditionRaised(Event, frozen=True, gc=False):
    """A condition of the shell began."""

    condition: Condition
    detail: str
    count: int


class ConditionCleared(Event, frozen=True, gc=False):
    """A condition of the shell ended."""

    condition: Condition


class OperatorCommandAccepted(Event, frozen=True, gc=False):
    """A human's wish is carried out: who, what, and which entry of the commands table."""

    command_id: int
    kind: OperatorKind
    argument: str
    who: str


class DeadLetter(Event, frozen=True, gc=False):
    """An actor raised `error` while it handled a message of the kind `message`; replaying `input_seq` reproduces it."""

    stream: str
    message: str
    error: str
    input_seq: int
    crashes: int


class ActorStayedDown(Event, frozen=True, gc=False):
    """An actor crashed too often. It is not started again in this session; its symbol stops trading."""

    stream: str


class HealthChanged(Event, frozen=True, gc=False):
    """The run's health is another now, for these reasons."""

    health: Health
    reasons: tuple[str, ...]


EVENTS = (
    RunStarted, RunStopped, StateRestored, ConditionRaised, ConditionCleared, OperatorCommandAccepted, DeadLetter,
    ActorStayedDown, HealthChanged,
)  # fmt: skip
OperationsEvent: TypeAlias = (
    RunStarted | RunStopped | StateRestored | ConditionRaised | ConditionCleared | OperatorCommandAccepted | DeadLetter
    | ActorStayedDown | HealthChanged
)  # fmt: skip

# ── state ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Operations(msgspec.Struct, frozen=True):
    """The run as the operator sees it."""

    config: Config | None = None
    running: bool = False
    conditions: tuple[Condition, ...] = ()
    down: tuple[str, ...] = ()
    crashes: int = 0
    known_commands: tuple[int, ...] = ()
    health: Health = Health.HEALTHY


# ── decide ────────────────────────────────────────────────────────────────────────────────────────────────────────


def decide(state: Operations, command: OperationsCommand) -> tuple[OperationsEvent, ...]:
    """Say what follows from a command, the change of health included."""
    events = _facts(state, command)
    after = state
    for event in events:
        after = evolve(after, event)
    health, reasons = _health(after)
    return (*events, HealthChanged(health, reasons)) if health is not state.health else events


def _facts(state: Operations, command: OperationsCommand) -> tuple[OperationsEvent, ...]:
    match command:
        case SessionStarted(config, code_version, strategy_sha256, venue, market):
            return (RunStarted(config, code_version, strategy_sha256, venue, market),)
        case SessionEnded(reason):
            return (RunStopped(reason),)
        case Restored(from_seq, state_hash):
            return (StateRestored(from_seq, state_hash, unclean=state.running),)
        case ClockTicked():
            return ()
        case ConditionChanged(condition, active, detail, count):
            if active == (condition in state.conditions):
                return ()
            return (ConditionRaised(condition, detail, count),) if active else (ConditionCleared(condition),)
        case OperatorCommand(command_id, kind, argument, who):
            known = command_id in state.known_commands
            return () if known else (OperatorCommandAccepted(command_id, kind, argument, who),)
        case RecordCrash(stream, message, error, input_seq, crashes, stays_down):
            letter = DeadLetter(stream, message, error, input_seq, crashes)
            return (letter, ActorStayedDown(stream)) if stays_down else (letter,)


def _health(state: Operations) -> tuple[Health, tuple[str, ...]]:
    reasons = [f"{condition}" for condition in state.conditions] + [f"DOWN {stream}" for stream in state.down]
    levels = [SEVERITY[condition] for condition in state.conditions] + [Health.CRITICAL for _ in state.down]
    order = list(Health)
    return max(levels, key=order.index, default=Health.HEALTHY), tuple(reasons)


# ── evolve, react ─────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: Operations, event: OperationsEvent) -> Operations:
    """Give the state after an event."""
    match event:
        case RunStarted(config):
            return replace(state, config=config, running=True)
        case RunStopped():
            return replace(state, running=False)
        case StateRestored():
            return replace(state, conditions=(), down=())
        case ConditionRaised(condition):
            return replace(state, conditions=(*state.conditions, condition))
        case ConditionCleared(condition):
            return replace(state, conditions=tuple(c for c in state.conditions if c is not condition))
        case OperatorCommandAccepted(command_id):
            return replace(state, known_commands=(*state.known_commands, command_id)[-KNOWN_COMMANDS:])
        case DeadLetter():
            return replace(state, crashes=state.crashes + 1)
        case ActorStayedDown(stream):
            return replace(state, down=(*state.down, stream))
        case HealthChanged(health):
            return replace(state, health=health)


def react(state: Operations, event: OperationsEvent) -> tuple[Reaction, ...]:
    """Say what an event sets in motion: nearly all of it concerns the account."""
    if state.config is None:
        return ()
    account = f"account:{state.config.account.name}"
    match event:
        case RunStarted(config):
            return (Tell(account, OpenAccount(config.account.initial_balance)),)
        case StateRestored():
            return tuple(Tell(account, ResumeEntries(condition)) for condition in HALTING)
        case ConditionRaised(condition) if condition in HALTING:
            return (Tell(account, HaltEntries(condition)),)
        case ConditionCleared(condition) if condition in HALTING:
            return (Tell(account, ResumeEntries(condition)),)
        case OperatorCommandAccepted(kind=kind, argument=argument):
            return tuple(Tell(account, command) for command in _carried_out(kind, argument))
        case DeadLetter(stream=stream, error=error) if kind_of(stream) == "symbol":
            return (Tell(SCAN, ReportCrash(stream.partition(":")[2], error)),)
        case RunStopped() | ConditionRaised() | ConditionCleared() | DeadLetter() | ActorStayedDown() | HealthChanged():
            return ()


def _carried_out(kind: OperatorKind, argument: str) -> tuple[Command, ...]:
    match kind:
        case OperatorKind.HALT:
            return (HaltEntries("OPERATOR"),)
        case OperatorKind.RESUME:
            return (ResumeEntries("OPERATOR"),)
        case OperatorKind.FLATTEN:
            return HaltEntries("OPERATOR"), CloseSymbol("")
        case OperatorKind.CLOSE:
            return (CloseSymbol(argument),) if argument else ()  # without a symbol it would close them all


def _resume(_: Operations) -> tuple[Issued | Timer, ...]:
    return ()


DECIDER: Decider[Operations] = plain_decider(
    state_type=Operations, initial=lambda _: Operations(), decide=decide, evolve=evolve, react=react, resume=_resume
)
