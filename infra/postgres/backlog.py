"""What the kernel has handed over and the disk does not have yet: taken by one thread, given to another.

It decides when a commit is due and how large it is, keeps the bound, and says how late the disk is. A thread is woken
only when there is something to do: a step in the middle of a group wakes nobody.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

import msgspec

from actors.ports import Head, Step
from domain.base import Recorded
from infra.durability import Tail
from infra.postgres.lease import Clock

_MS: Final = 0.001
_MARK_MS: Final = 50


class Limits(msgspec.Struct, frozen=True):
    """When a commit is due, how large it may be, and how much may be held.

    - A group is committed when it is `group_ms` old or holds `group_events`, or when asked for.
    - A commit that catches up holds up to `commit_events` and `commit_bytes`.
    - `held_events` and `held_bytes` are the bound at which the kernel waits; one step may pass it.

    An input without an event counts as one event.
    """

    group_ms: int = 250
    group_events: int = 1_000
    commit_events: int = 4_000
    commit_bytes: int = 16 * 1024 * 1024
    held_events: int = 200_000
    held_bytes: int = 128 * 1024 * 1024


class Backlog:
    """Steps between the kernel's thread and the writer's. Every method may be called from either."""

    def __init__(self, head: Head, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._tail = Tail(head, limits.held_events, limits.held_bytes)
        self._marks: deque[tuple[int, int]] = deque()
        self._durable = head.input_seq
        self._wanted = head.input_seq
        self._closing = False
        self._error: Exception | None = None
        self._told = False

    def put(self, step: Step) -> None:
        """Take a step. Waits at the bound until there is room; raises the error that ended the journal."""
        with self._lock:  # the condition's own, without the cost of its wrapper: every input comes here
            while self._tail.full and self._error is None:
                self._changed.wait()
            self._raise_error()
            assert not self._closing, "a step came after the end of the journal"
            before = self._tail.weight
            self._tail.add(step)
            now_ms = self._clock()
            if not self._marks or now_ms - self._marks[-1][1] >= _MARK_MS:
                self._marks.append((step.frame.input_seq, now_ms))
            if before == 0 or before < self._limits.group_events <= self._tail.weight:
                self._changed.notify_all()

    def want(self) -> None:
        """Ask for a commit of everything taken so far, at once."""
        with self._changed:
            self._raise_error()
            self._wanted = self._tail.last_input
            self._changed.notify_all()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until `put` would not wait; false if it still would after `timeout_s`."""
        with self._changed:
            room = self._changed.wait_for(lambda: not self._tail.full or self._error is not None, timeout_s)
            self._raise_error()
            return room

    def next_commit(self, idle_ms: int) -> list[Step] | None:
        """Wait for the steps of the next commit; none of them after `idle_ms`, and `None` after the end."""
        idle_until_ms = self._clock() + idle_ms
        with self._changed:
            while True:
                now_ms = self._clock()
                if self._error is not None:
                    return None
                due_ms = self._due_ms(now_ms)
                if due_ms <= now_ms:
                    return self._tail.first(self._limits.commit_events, self._limits.commit_bytes)
                if self._closing:
                    return None
                if idle_until_ms <= now_ms:
                    return []
                self._changed.wait((min(due_ms, idle_until_ms) - now_ms) * _MS)

    def durable(self, input_seq: int) -> None:
        """Forget what is durable now, and let in who waits for room."""
        with self._changed:
            self._durable = input_seq
            self._tail.drop(input_seq)
            while self._marks and (not self._tail or (len(self._marks) > 1 and self._marks[1][0] <= input_seq + 1)):
                self._marks.popleft()
            self._changed.notify_all()

    @property
    def durable_input(self) -> int:
        """The last input that is durable."""
        return self._durable

    def oldest_ms(self) -> int | None:
        """Give since when, by our clock and 50 ms early at most, the oldest held step waits; `None` if none does."""
        with self._changed:
            return self._marks[0][1] if self._marks else None

    def of_stream(self, stream: str) -> tuple[Recorded, ...]:
        """Give the held events of a stream."""
        with self._changed:
            return self._tail.of_stream(stream)

    def pause(self, pause_ms: int) -> None:
        """Wait before the next attempt; not at all, or no longer, once the journal is given up."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None, pause_ms * _MS)

    def end(self) -> None:
        """Take no more steps: what is held is due now, and then it is over."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """End with an error. The first one counts."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    @property
    def error(self) -> Exception | None:
        """The error that ended the journal."""
        return self._error

    def take_untold_error(self) -> Exception | None:
        """Give the error, unless the kernel was told already."""
        with self._changed:
            error = None if self._told else self._error
            self._told = True
            return error

    def __len__(self) -> int:
        return len(self._tail)

    def _due_ms(self, now_ms: int) -> float:
        if not self._tail:
            return float("inf")
        group_is_full = self._tail.full or self._tail.weight >= self._limits.group_events
        if group_is_full or self._closing or self._wanted > self._durable:
            return now_ms
        return self._marks[0][1] + self._limits.group_ms

    def _raise_error(self) -> None:
        if self._error is not None:
            self._told = True
            raise self._error
