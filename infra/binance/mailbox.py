"""The one queue between a feed's sockets and its consumer: bounded, and honest about what it may lose.

What may be *conflated* (a quote, a mark, a running candle) waits at most once a key: a newer value takes the place of
the one that waits, and is counted. What must not drop (closed candles, trades, account events) waits in order; at the
bound `put` waits, which stops the socket's reader, and TCP then stops the exchange. So one key can't starve another,
and the bound can only be reached by what must not drop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class _Slot(msgspec.Struct, Generic[T], gc=False):
    """A place in the queue whose value may still change."""

    key: Hashable | None
    value: T


class Mailbox(Generic[T]):
    """Many writers and one reader on one event loop. `conflated` counts what was replaced while it waited."""

    def __init__(self, bound: int = 10_000) -> None:
        self._bound = bound
        self._slots: deque[_Slot[T]] = deque()
        self._open: dict[Hashable, _Slot[T]] = {}
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.conflated = 0
        self.paused = 0
        self._longest = 0

    def __len__(self) -> int:
        """How much waits."""
        return len(self._slots)

    @property
    def longest(self) -> int:
        """How much has waited at once, at most."""
        return max(self._longest, len(self._slots))

    def offer(self, key: Hashable, value: T) -> None:
        """Hand over what may be conflated under this key. Never waits."""
        slot = self._open.get(key)
        if slot is not None:
            slot.value = value
            self.conflated += 1
            return
        slot = self._open[key] = _Slot(key, value)
        self._append(slot)

    def put_now(self, value: T, after: Hashable | None = None) -> bool:
        """Hand over what must not drop; False if there is no room: then `put`.

        `after` names a key whose waiting value must stay before this one: a newer value gets a place of its own.
        """
        if len(self._slots) >= self._bound:
            return False
        if after is not None:
            self._open.pop(after, None)
        self._append(_Slot(None, value))
        return True

    def tell(self, value: T) -> None:
        """Hand over what the feed itself has to say, room or not: that is little, and must stand in its place."""
        self._append(_Slot(None, value))

    async def put(self, value: T, after: Hashable | None = None) -> None:
        """Hand over what must not drop; waits while there is no room."""
        while not self.put_now(value, after):
            self.paused += 1
            self._room.clear()
            await self._room.wait()

    async def take(self, most: int = 1_000) -> list[T]:
        """Take what waits, oldest first, at most so many; waits for the first."""
        while not self._slots:
            self._filled.clear()
            await self._filled.wait()
        self._longest = self.longest
        taken: list[T] = []
        for _ in range(min(most, len(self._slots))):
            slot = self._slots.popleft()
            if slot.key is not None and self._open.get(slot.key) is slot:
                del self._open[slot.key]
            taken.append(slot.value)
        self._room.set()
        return taken

    def _append(self, slot: _Slot[T]) -> None:
        self._slots.append(slot)
        self._filled.set()
