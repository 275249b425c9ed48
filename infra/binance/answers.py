"""The way of the venue's answers to the kernel: one line, in order, that never drops and never blocks the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from domain.base import Input

WAITING_MAX: Final = 10_000
FULL_PAUSE_S: Final = 0.01
Offer = Callable[[Input, float], bool]
"""Hands an input to the kernel's door, waiting at most so many seconds; false if the door is full or closed."""


class Answers:
    """Keeps answers until the kernel's door takes them. Used from one event loop."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._waiting: asyncio.Queue[Input] = asyncio.Queue(WAITING_MAX)
        self.given = 0

    def tell(self, answers: Iterable[Input]) -> None:
        """Put answers in the line. Raises `asyncio.QueueFull` if the kernel takes nothing any more."""
        for answer in answers:
            self.given += 1
            self._waiting.put_nowait(answer)

    @property
    def idle(self) -> bool:
        """Whether the kernel has taken everything."""
        return self._waiting.empty()

    async def run(self) -> None:
        """Hand over until cancelled."""
        while True:
            answer = await self._waiting.get()
            while not self._offer(answer, 0.0):
                await asyncio.sleep(FULL_PAUSE_S)
