"""What a journal owes to the program that drives the kernel, whatever it is made of.

    append ──▶ Tail (held, bounded) ──commit──▶ durable ──▶ on_durable(input_seq) ──▶ effects may leave

The kernel knows `actors.ports.Journal` only. Its driver also asks how far the disk is, whether effects may still leave,
and which condition of the store it has to tell the kernel as an input.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from actors.ports import Head, Journal, Step
from domain.base import Recorded

OnDurable: TypeAlias = Callable[[int], None]
"""Called with the last durable input_seq, possibly more than once with the same, from the thread that commits."""


class StoreState(enum.StrEnum):
    """How the store is doing, as far as a decision may depend on it."""

    OK = "OK"
    LAGGING = "LAGGING"
    LOST = "LOST"


class StoreCondition(msgspec.Struct, frozen=True):
    """The state of the store, and since when, in ms of the machine's monotonic clock (0 while OK)."""

    state: StoreState
    since_ms: int = 0


class DurableJournal(Journal, Protocol):
    """A journal as the driver sees it. Every method may be called from the kernel's thread.

    After a fatal error (`Fenced`, `CorruptHistory`) `error` holds it, and `append`, `commit_soon`, `save` and
    `wait_for_room` raise it.
    """

    @property
    def error(self) -> Exception | None:
        """The error that ended this journal, if one did."""
        ...

    def durable_input(self) -> int:
        """Give the last input that is durable with all its events and effects."""
        ...

    def commits(self) -> int:
        """Give how many commits the history has."""
        ...

    def lease_valid(self) -> bool:
        """Say whether an effect may leave the process at this instant."""
        ...

    def condition(self) -> StoreCondition:
        """Say how the store is doing, for the input that tells the kernel."""
        ...

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until another step may be taken without blocking; false if there is no room after `timeout_s`."""
        ...

    def close(self) -> None:
        """Make everything durable, let the store go, and stop. Calling it again does nothing."""
        ...


class Tail:
    """The steps that are not yet durable, in order. Whoever shares it between threads guards it by a lock.

    `weight` counts a step's events, and a step without events as one: it takes memory too. Full means: no further step
    should be taken. A step that finds room is taken whole, so a bound is passed by at most one step.
    """

    def __init__(self, head: Head, max_weight: int, max_bytes: int) -> None:
        self.last_input = head.input_seq
        self.weight = 0
        self._last_seq = head.seq
        self._last_ms = head.at_ms
        self._bytes = 0
        self._max_weight = max_weight
        self._max_bytes = max_bytes
        self._steps: list[Step] = []
        self._weights: list[int] = []
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def full(self) -> bool:
        """True at a bound."""
        return self.weight >= self._max_weight or self._bytes >= self._max_bytes

    def add(self, step: Step) -> None:
        """Take the next step. It must follow the one before: a gap in a history could never be filled."""
        frame, events = step.frame, step.events
        assert frame.input_seq == self.last_input + 1, f"input {frame.input_seq} does not follow {self.last_input}"
        assert frame.at_ms >= self._last_ms, f"input {frame.input_seq} came before its predecessor"
        assert len(events) == len(step.rows), "every event has its row"
        if events:
            first, last = events[0].seq, events[-1].seq
            assert first == self._last_seq + 1, f"event {first} does not follow {self._last_seq}"
            assert last == self._last_seq + len(events), f"there is a gap between events {first} and {last}"
            self._last_seq = last
        self.last_input, self._last_ms = frame.input_seq, frame.at_ms
        weight, size = len(events) or 1, size_of(step)
        self._steps.append(step)
        self._weights.append(weight)
        self._sizes.append(size)
        self.weight += weight
        self._bytes += size

    def first(self, max_weight: int, max_bytes: int) -> list[Step]:
        """Give the oldest steps, at least one if there is one, up to a weight and a number of bytes."""
        if self.weight <= max_weight and self._bytes <= max_bytes:
            return self._steps.copy()
        taken = weight = held = 0
        for one, size in zip(self._weights, self._sizes, strict=True):
            weight += one
            held += size
            if taken and (weight > max_weight or held > max_bytes):
                break
            taken += 1
        return self._steps[:taken]

    def drop(self, until_input: int) -> None:
        """Forget the steps up to an input: they are durable now."""
        count = max(0, until_input - (self.last_input - len(self._steps)))  # inputs are numbered without a gap
        self.weight -= sum(self._weights[:count])
        self._bytes -= sum(self._sizes[:count])
        for column in (self._steps, self._weights, self._sizes):
            del column[:count]

    def of_stream(self, stream: str) -> tuple[Recorded, ...]:
        """Give the events of one stream that are held here."""
        return tuple(event for step in self._steps for event in step.events if event.stream == stream)


def size_of(step: Step) -> int:
    """Give the bytes that a step will take in the store, before compression."""
    size = len(step.frame.input) + len(step.frame.effects)
    for row in step.rows:
        size += len(row)
    return size
