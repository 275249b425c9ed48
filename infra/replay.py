"""Time travel over a recorded run: the state as of a moment, and the decision replay that proves determinism."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import cast

import msgspec

from actors.kernel import Kernel
from actors.ports import Frame, Head, Reader, Step
from domain.base import Recorded
from domain.catalog import decode_effects, decode_input, name_of
from domain.errors import InvalidInput
from domain.operations import Restored
from domain.strategies import Strategy

Progress = Callable[[int], None]
"""Called now and then with the last input that was replayed."""


class PastOf:
    """A recorded run as it was just after `kernel`'s last input: what an actor may be folded from in a replay."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.kernel: Kernel | None = None

    def of_stream(self, stream: str) -> Iterator[Recorded]:
        """Give the stream's events up to the kernel's place in history."""
        assert self.kernel is not None
        until = self.kernel.head.seq
        return itertools.takewhile(lambda recorded: recorded.seq <= until, self._reader.of_stream(stream))


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
    kernel = _kernel_over(reader, strategies)
    last = next(reader.events(seq - 1, seq), None)
    input_seq, at_ms = (last.input_seq, last.at_ms) if last else (0, 0)
    checkpoint = reader.checkpoint(input_seq)
    if checkpoint is not None and checkpoint.head.seq > seq:
        checkpoint = reader.checkpoint(input_seq - 1)
    events = reader.events(checkpoint.head.seq if checkpoint else 0, seq)
    kernel.restore(checkpoint, events, Head(seq, input_seq, at_ms))
    streams = {actor.stream: actor.decider.describe(actor.state) for actor in kernel.population.actors()}
    return AsOf(seq, at_ms, streams, kernel.population.state_hash())


def stream_as_of(reader: Reader, stream: str, seq: int, strategies: Callable[[str], Strategy]) -> AsOf:
    """Fold one stream alone, finished ones included. Raises `InvalidInput` if it had no event by then."""
    kernel = _kernel_over(reader, strategies)
    kernel.restore(None, reader.events(0, 1), Head(1))  # the first event says which settings are in force
    past = itertools.takewhile(lambda recorded: recorded.seq <= seq, reader.of_stream(stream))
    first = next(past, None)
    if first is None:
        raise InvalidInput("--stream", f"a stream with events up to seq {seq}", repr(stream))
    actor = kernel.population.get(stream) or kernel.population.start(stream)
    actor.rebuild(itertools.chain((first,), past))
    last = next(iter(reader.events(seq - 1, seq)))
    state_hash = hashlib.sha256(actor.decider.freeze(actor.state)).hexdigest()
    return AsOf(seq, last.at_ms, {stream: actor.decider.describe(actor.state)}, state_hash)


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
    """What a decision replay found."""

    inputs: int
    events: int
    effects: int
    divergences: int
    first_divergence: Divergence | None
    chain_equal: bool


def verify(
    reader: Reader,
    strategies: Callable[[str], Strategy],
    *,
    from_input: int = 1,
    to_input: int | None = None,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> ReplayReport:
    """Run the tape through today's code and compare every event and every effect with the record.

    Starts at the newest checkpoint before `from_input`, or at the beginning. Without `keep_going` it stops at the
    first divergence.
    """
    head = reader.head()
    until = head.input_seq if to_input is None else min(to_input, head.input_seq)
    kernel = _kernel_over(reader, strategies)
    checkpoint = reader.checkpoint(from_input - 1) if from_input > 1 else None
    if checkpoint is not None:
        kernel.resume_replay(checkpoint)
    recorded = _Recorded(reader, kernel.head.seq)
    inputs = events = effects = divergences = 0
    first: Divergence | None = None
    for frame in reader.frames(kernel.head.input_seq, until):
        input_ = decode_input(frame.input)
        step = kernel.process(frame.at_ms, input_)
        expected = recorded.of_input(frame.input_seq)
        if isinstance(input_, Restored) and input_.state_hash != kernel.restored_hash:
            found = _divergence(frame, "state", "", 0, input_.state_hash, kernel.restored_hash, ("state_hash",))
        else:
            found = _compare(frame, expected, step)
        inputs += 1
        events += len(step.events)
        effects += len(step.issued)
        if found is not None:
            divergences += 1
            first = first or found
            if not keep_going:
                break
        if progress is not None and inputs % 10_000 == 0:
            progress(frame.input_seq)
    chain_equal = until != head.input_seq or kernel.head.content_hash == head.content_hash
    return ReplayReport(inputs, events, effects, divergences, first, chain_equal)


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
    for want, got in itertools.zip_longest(expected, step.events):
        if want != got:
            return _event_divergence(frame, want, got)
    if frame.effects != step.frame.effects:
        want_effects, got_effects = decode_effects(frame.effects), decode_effects(step.frame.effects)
        for want, got in itertools.zip_longest(want_effects, got_effects):
            if want != got:
                event_id = (want or got).event_id if want or got else ""
                stream, _, version = event_id.rpartition("@")
                return _divergence(frame, "effect", stream, int(version or 0), _plain(want), _plain(got))
    return None


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
    input_ = msgspec.to_builtins(decode_input(frame.input))
    named = tuple(name or "whole" for name in differences(expected, got)) if fields is None else fields
    return Divergence(frame.input_seq, frame.at_ms, input_, kind, stream, version, expected, got, named)


def _fact(recorded: Recorded | None) -> object:
    if recorded is None:
        return None
    fact: dict[str, object] = msgspec.to_builtins(recorded)
    fact["event"] = {**msgspec.to_builtins(recorded.event), "type": name_of(type(recorded.event))}
    return fact


def _plain(value: msgspec.Struct | None) -> object:
    return None if value is None else msgspec.to_builtins(value)
