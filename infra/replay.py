"""Time travel over a recorded run: the state as of a moment, and the decision replay that proves determinism."""

from __future__ import annotations

import bdb
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final, cast

import msgspec

from actors.kernel import Kernel
from actors.ports import Frame, Head, Reader, Step
from domain.base import Decider, Event, Issued, Message, Recorded
from domain.catalog import TOPICS, decode_effects, decode_input, encode_effects, encode_event
from domain.errors import CorruptHistory, InvalidInput
from domain.operations import Restored
from domain.proof.chain import row_bytes
from domain.strategies import Strategy
from infra import moments
from infra.plain import plain

AROUND_MAX: Final = 40
Progress = Callable[[int], None]
"""Called now and then with the last input that was replayed."""


class PastOf:
    """A recorded run as it was just after `kernel`'s last input: what an actor may be folded from in a replay."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.kernel: Kernel | None = None

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        """Give the stream's events up to the kernel's place in history."""
        assert self.kernel is not None
        until = self.kernel.head.seq
        past = self._reader.of_stream(stream, after_version)
        return itertools.takewhile(lambda recorded: recorded.seq <= until, past)


def _kernel_over(reader: Reader, strategies: Callable[[str], Strategy]) -> Kernel:
    past = PastOf(reader)
    past.kernel = Kernel(past, strategies)
    return past.kernel


# ── as of ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class AsOf(msgspec.Struct, frozen=True):
    """Every stream as of a moment. `streams` are JSON types; `state_hash` is over the exact states."""

    seq: int
    at_ms: int
    streams: dict[str, object]
    state_hash: str


def as_of(reader: Reader, seq: int, strategies: Callable[[str], Strategy]) -> AsOf:
    """Fold the state as of event `seq` (included): from the nearest checkpoint, or from zero."""
    last = _event_at(reader, seq)
    input_seq, at_ms = (last.input_seq, last.at_ms) if last else (0, 0)
    checkpoint = reader.checkpoint(input_seq)
    if checkpoint is not None and checkpoint.head.seq > seq:
        checkpoint = reader.checkpoint(input_seq - 1)
    events = reader.events(checkpoint.head.seq if checkpoint else 0, seq)
    with closing(_kernel_over(reader, strategies)) as kernel:
        kernel.restore(checkpoint, events, Head(seq, input_seq, at_ms))
        streams = {actor.stream: actor.decider.describe(actor.state) for actor in kernel.population.actors()}
        return AsOf(seq, at_ms, streams, kernel.population.state_hash())


def stream_as_of(reader: Reader, stream: str, seq: int, strategies: Callable[[str], Strategy]) -> AsOf:
    """Fold one stream alone, finished ones included. Raises `InvalidInput` if it had no event by then."""
    last = _event_at(reader, seq)
    past = itertools.takewhile(lambda recorded: recorded.seq <= seq, reader.of_stream(stream))
    first = next(past, None)
    if first is None or last is None:
        raise InvalidInput("--stream", f"a stream with events up to seq {seq}", repr(stream))
    with closing(_kernel_over(reader, strategies)) as kernel:
        kernel.restore(None, reader.events(0, 1), Head(1))  # the first event says which settings are in force
        actor = kernel.population.get(stream) or kernel.population.start(stream)
        actor.rebuild(itertools.chain((first,), past))
        state_hash = hashlib.sha256(actor.decider.freeze(actor.state)).hexdigest()
        return AsOf(seq, last.at_ms, {stream: actor.decider.describe(actor.state)}, state_hash)


def _event_at(reader: Reader, seq: int) -> Recorded | None:
    """Give event `seq`, None before the first. Raises `InvalidInput` where history does not reach that far."""
    found = next(reader.events(seq - 1, seq), None) if seq > 0 else None
    if found is None and seq:
        raise InvalidInput("seq", f"an event from 0 to {reader.head().seq}", str(seq))
    return found


def differences(before: object, after: object) -> dict[str, object]:
    """Say what changed between two states, field by field: dotted path → [before, after]."""
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, object]", before), cast("dict[str, object]", after)
        found: dict[str, object] = {}
        for name in [*old, *(name for name in new if name not in old)]:
            for path, change in differences(old.get(name), new.get(name)).items():
                found[f"{name}.{path}" if path else name] = change
        return found
    return {} if before == after else {"": [before, after]}


# ── decision replay ───────────────────────────────────────────────────────────────────────────────────────────────


class Divergence(msgspec.Struct, frozen=True):
    """Where today's code decides otherwise than the record: which input, whose event, and the fields that differ."""

    input_seq: int
    at_ms: int
    input: object
    kind: str
    stream: str
    version: int
    expected: object
    got: object
    fields: tuple[str, ...]


class ReplayReport(msgspec.Struct, frozen=True):
    """What a decision replay found. `kinds` counts the divergences by what differs; `around` are the recorded events
    of the inputs next to the first one.
    """

    inputs: int
    events: int
    effects: int
    divergences: int
    kinds: dict[str, int]
    first_divergence: Divergence | None
    around: tuple[object, ...]
    chain_equal: bool


def verify(
    reader: Reader,
    strategies: Callable[[str], Strategy],
    *,
    from_input: int = 1,
    to_input: int | None = None,
    keep_going: bool = False,
    break_at: int | None = None,
    progress: Progress | None = None,
) -> ReplayReport:
    """Run the tape through today's code and compare every event and every effect with the record.

    Starts at the newest checkpoint before `from_input`, or at the beginning. Without `keep_going` it stops at the
    first divergence. At input `break_at` the debugger opens inside each actor that decides, its message in hand.
    """
    with closing(_kernel_over(reader, strategies)) as kernel:
        checkpoint = reader.checkpoint(from_input - 1) if from_input > 1 else None
        if checkpoint is not None:
            kernel.resume_replay(checkpoint)
        return _verify(reader, kernel, to_input, break_at, keep_going=keep_going, progress=progress)


def _verify(
    reader: Reader,
    kernel: Kernel,
    to_input: int | None,
    break_at: int | None,
    *,
    keep_going: bool,
    progress: Progress | None,
) -> ReplayReport:
    head = reader.head()
    until = head.input_seq if to_input is None else min(to_input, head.input_seq)
    recorded = _Recorded(reader, kernel.head.seq)
    inputs = events = effects = 0
    kinds: Counter[str] = Counter()
    first: Divergence | None = None
    for frame in reader.frames(kernel.head.input_seq, until):
        if frame.input_seq == break_at:
            kernel.population.instrument(_stopping)
        step, found = _replayed(kernel, frame, recorded)
        if frame.input_seq == break_at:
            kernel.population.instrument(None)
        inputs += 1
        events += len(step.events)
        effects += len(step.issued)
        if found is not None:
            kinds[f"{found.kind} {found.stream.partition(':')[0]} {', '.join(found.fields[:3])}".strip()] += 1
            first = first or found
            if not keep_going:
                break
        if progress is not None and inputs % 10_000 == 0:
            progress(frame.input_seq)
    chain_equal = until != head.input_seq or kernel.head.content_hash == head.content_hash
    around = () if first is None else _around(reader, first.input_seq)
    return ReplayReport(inputs, events, effects, kinds.total(), dict(kinds), first, around, chain_equal)


def _stopping(decider: Decider[Any]) -> Decider[Any]:
    """Give a decider that opens the debugger before it decides: `state` and `command` are what it decides on."""

    def decide(state: object, command: Message) -> tuple[Event, ...]:
        try:
            breakpoint()  # noqa: T100 - this is what the user asked for
            return decider.decide(state, command)
        except bdb.BdbQuit:  # leaving the debugger is no crash of the actor
            raise KeyboardInterrupt from None

    return msgspec.structs.replace(decider, decide=decide)


def _around(reader: Reader, input_seq: int, inputs: int = 3) -> tuple[object, ...]:
    """Give the recorded events of an input and of its neighbours."""
    seq = moments.last_seq(reader, lambda recorded: recorded.input_seq < input_seq - inputs)
    near: list[object] = []
    for recorded in reader.events(seq, seq + AROUND_MAX):
        if recorded.input_seq > input_seq + inputs:
            break
        near.append(_fact(recorded))
    return tuple(near)


def _replayed(kernel: Kernel, frame: Frame, recorded: _Recorded) -> tuple[Step, Divergence | None]:
    """Give what one input of the tape does today, and where that is not what it did."""
    if frame.input_seq != kernel.head.input_seq + 1:
        why = f"the tape goes from input {kernel.head.input_seq} to input {frame.input_seq}"
        raise CorruptHistory(kernel.head.seq, why)
    input_ = decode_input(frame.input)
    step = kernel.process(frame.at_ms, input_)
    expected = recorded.of_input(frame.input_seq)
    if isinstance(input_, Restored) and input_.state_hash != kernel.restored_hash:
        return step, _divergence(frame, "state", "", 0, input_.state_hash, kernel.restored_hash, ("state_hash",))
    return step, _compare(frame, expected, step)


class _Recorded:
    """The recorded events, handed out input by input."""

    def __init__(self, reader: Reader, after_seq: int) -> None:
        self._events = reader.events(after_seq)
        self._next = next(self._events, None)

    def of_input(self, input_seq: int) -> list[Recorded]:
        found: list[Recorded] = []
        while self._next is not None and self._next.input_seq <= input_seq:
            if self._next.input_seq == input_seq:
                found.append(self._next)
            self._next = next(self._events, None)
        return found


def _compare(frame: Frame, expected: list[Recorded], step: Step) -> Divergence | None:
    """Compare bytes, not values: `1.0` and `1.00` are equal but not the same, and NaN is not even equal to itself."""
    rows = [_row(recorded) for recorded in expected]
    for number, (want, got) in enumerate(itertools.zip_longest(expected, step.events)):
        if rows[number : number + 1] != list(step.rows[number : number + 1]):
            return _event_divergence(frame, want, got)
    if frame.effects != step.frame.effects:
        want_effects, got_effects = decode_effects(frame.effects), decode_effects(step.frame.effects)
        for want, got in itertools.zip_longest(want_effects, got_effects):
            if want is None or got is None or encode_effects((want,)) != encode_effects((got,)):
                event_id = want.event_id if want else got.event_id if got else ""
                stream, _, version = event_id.rpartition("@")
                return _divergence(frame, "effect", stream, int(version), _plain(want), _plain(got))
    return None


def _row(recorded: Recorded) -> bytes:
    event = recorded.event
    state = encode_event(recorded.input_seq, recorded.at_ms, event)
    return row_bytes(recorded.seq, recorded.stream.encode(), recorded.version, TOPICS[type(event)], state)


def _event_divergence(frame: Frame, want: Recorded | None, got: Recorded | None) -> Divergence:
    place = want or got
    assert place is not None
    kind = "event" if want and got else "missing event" if want else "unexpected event"
    return _divergence(frame, kind, place.stream, place.version, _fact(want), _fact(got))


def _divergence(
    frame: Frame,
    kind: str,
    stream: str,
    version: int,
    expected: object,
    got: object,
    fields: tuple[str, ...] | None = None,
) -> Divergence:
    input_ = plain(decode_input(frame.input))
    if fields is None:
        fields = tuple(name or "whole" for name in differences(expected, got)) or ("bytes",)
    return Divergence(frame.input_seq, frame.at_ms, input_, kind, stream, version, expected, got, fields)


def _fact(recorded: Recorded | None) -> object:
    return None if recorded is None else plain(recorded)


def _plain(issued: Issued | None) -> object:
    return None if issued is None else plain(issued)
