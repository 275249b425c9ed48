"""Timers in logical time. They fire in (due, stream, name) order, which a restore can repeat: see DECISIONS.md."""

from __future__ import annotations

import heapq

from domain.base import Command, Timer


class Timers:
    """Which commands are due when. One timer a (stream, name); arming again moves it."""

    def __init__(self) -> None:
        self._armed: dict[tuple[str, str], tuple[int, Command]] = {}
        self._heap: list[tuple[int, str, str]] = []

    def __len__(self) -> int:
        return len(self._armed)

    def same_as(self, other: Timers) -> bool:
        """Whether the same commands are due at the same times."""
        return self._armed == other._armed

    def arm(self, stream: str, timer: Timer) -> None:
        """Arm, move, or (`command=None`) cancel a timer."""
        key = (stream, timer.name)
        if timer.command is None:
            self._armed.pop(key, None)
            return
        self._armed[key] = (timer.due_ms, timer.command)
        heapq.heappush(self._heap, (timer.due_ms, stream, timer.name))

    def next_due_ms(self) -> int | None:
        """Give the time of the next timer, or None."""
        while self._heap:
            due_ms, stream, name = self._heap[0]
            armed = self._armed.get((stream, name))
            if armed is not None and armed[0] == due_ms:
                return due_ms
            heapq.heappop(self._heap)  # moved or canceled since
        return None

    def pop_due(self, until_ms: int) -> tuple[str, Command] | None:
        """Take the next timer that is due at or before `until_ms`."""
        if not self._heap or self._heap[0][0] > until_ms:
            return None
        due_ms = self.next_due_ms()
        if due_ms is None or due_ms > until_ms:
            return None
        _, stream, name = heapq.heappop(self._heap)
        return stream, self._armed.pop((stream, name))[1]
