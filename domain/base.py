"""The vocabulary that every room of the house speaks. Read this first.

    Input ──▶ decide(state, command) ──▶ Event ──▶ evolve(state, event) ──▶ state
                                           │
                                           └────▶ react(state, event) ──▶ Tell | Effect | Timer

An `Input` is what came in from outside and stands on the tape. A `Command` is a wish that one actor sends to another.
An `Event` is a fact, stored for ever. An `Effect` is something to be done outside. A `Timer` sends its actor a command
at a logical time. A `Decider` is the five pure functions that an actor runs; the functions themselves stand in one file
a decider (`position.py`, `account.py` …).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

S = TypeVar("S")


class Message(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A value that an actor can receive. Immutable, and made of immutable values."""


class Input(Message, frozen=True, gc=False, omit_defaults=True, tag=True):
    """What came in from outside. The kernel numbers it, dates it and puts it on the tape."""

    def deliveries(self) -> tuple[Tell, ...]:
        """Say which actors get which message, in this order."""
        raise NotImplementedError(f"{type(self).__name__} names no receiver")


class Command(Message, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A wish, in the imperative. It carries every number that it needs."""


class Event(Message, frozen=True, gc=False, omit_defaults=True, tag=True):
    """A fact, in the past tense, stored for ever under a stable name (its tag, see `catalog.py`)."""


class Effect(Message, frozen=True, gc=False, omit_defaults=True, tag=True):
    """Something to do outside. It is carried out only after the facts that it rests on are durable."""


class Tell(msgspec.Struct, frozen=True, gc=False):
    """Send `message` to the actor of `stream`."""

    stream: str
    message: Message


class Timer(msgspec.Struct, frozen=True, gc=False):
    """Send `command` to the own actor when logical time reaches `due_ms`.

    `name` is unique within the stream: arming it again moves it, and `command=None` cancels it.
    Timers are derived from events, so they are never recorded.
    """

    name: str
    due_ms: int
    command: Command | None


Reaction: TypeAlias = Tell | Effect | Timer


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event in its place in history.

    `seq` is its place in the total order (1, 2, 3 …), `(stream, version)` its place in its stream (also from 1),
    `input_seq` the input that caused it and `at_ms` that input's receipt time (UTC).
    """

    seq: int
    stream: str
    version: int
    input_seq: int
    at_ms: int
    event: Event

    @property
    def event_id(self) -> str:
        """The derived, never drawn, name of this event."""
        return event_id(self.stream, self.version)


class Issued(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An effect together with the event that it rests on."""

    event_id: str
    effect: Effect


def _blind(state: S, _: Message) -> tuple[S, tuple[Reaction, ...]]:
    return state, ()


class Decider(msgspec.Struct, Generic[S], frozen=True):
    """The pure heart of one kind of actor.

    - `initial(stream)`: the state before the first event.
    - `decide(state, command)`: the events that follow from a command; an empty tuple if none. May raise only on a bug.
    - `evolve(state, event)`: the state after an event. Never refuses, applies no rule.
    - `react(state, event)`: what follows from an event, `state` being the state *after* it.
    - `resume(state)`: after a restore, timers to arm again, and requests not yet answered as `(event id, effect)`.
    - `finished(state)`: true if no message is expected any more, so that the actor may be passivated (None: never).
    - `freeze`/`thaw`: state to canonical bytes and back, without its ephemeral part.
    - `forget(state)`: the state with its ephemeral part reset.
    - `ephemeral`/`recall`: that part alone, kept beside a checkpoint so that a decision replay may start in mid-run.
    - `describe(state)`: the state for a human, made of JSON types.
    - `births`: kinds of messages that only a new stream gets, so that nobody looks for its past.
    - `glimpses`: kinds of messages that never make an event; `observe(state, message)` gives the state with a new
      ephemeral part, and what it sets in motion.
    """

    initial: Callable[[str], S]
    decide: Callable[[S, Any], tuple[Event, ...]]
    evolve: Callable[[S, Any], S]
    react: Callable[[S, Any], tuple[Reaction, ...]]
    resume: Callable[[S], tuple[Issued | Timer, ...]]
    finished: Callable[[S], bool] | None
    freeze: Callable[[S], bytes]
    thaw: Callable[[bytes], S]
    describe: Callable[[S], object]
    forget: Callable[[S], S]
    ephemeral: Callable[[S], bytes]
    recall: Callable[[S, bytes], S]
    births: tuple[type[Message], ...] = ()
    glimpses: tuple[type[Message], ...] = ()
    observe: Callable[[S, Any], tuple[S, tuple[Reaction, ...]]] = _blind


def event_id(stream: str, version: int) -> str:
    """Name an event by its place: `position:main/BTCUSDT-42@3`."""
    return f"{stream}@{version}"


def stream_of(event_id: str) -> str:
    """Give the stream that an event id belongs to."""
    return event_id.rpartition("@")[0]


def kind_of(stream: str) -> str:
    """Give the kind of actor that a stream belongs to: `position` for `position:main/BTCUSDT-42`."""
    return stream.partition(":")[0]


def plain_decider(
    *,
    state_type: Any,
    initial: Callable[[str], S],
    decide: Callable[[S, Any], tuple[Event, ...]],
    evolve: Callable[[S, Any], S],
    react: Callable[[S, Any], tuple[Reaction, ...]],
    resume: Callable[[S], tuple[Issued | Timer, ...]],
    finished: Callable[[S], bool] | None = None,
    births: tuple[type[Message], ...] = (),
) -> Decider[S]:
    """Make a decider whose state is a frozen struct (or a union of them) without an ephemeral part."""
    return Decider(
        initial=initial,
        decide=decide,
        evolve=evolve,
        react=react,
        resume=resume,
        finished=finished,
        freeze=msgspec.msgpack.Encoder().encode,
        thaw=msgspec.msgpack.Decoder(state_type).decode,
        describe=msgspec.to_builtins,
        forget=lambda state: state,
        ephemeral=lambda _: b"",
        recall=lambda state, _: state,
        births=births,
    )
