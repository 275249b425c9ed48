"""The shell's own time for connections: a monotonic clock and a way to wait, handed in so that tests need not wait."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from infra.clock import wall_ms


class Timing(Protocol):
    """What a connection knows of time."""

    def monotonic(self) -> float:
        """Give seconds on a clock that never jumps."""
        ...

    def now_ms(self) -> int:
        """Give the UTC time in ms, for receipt times."""
        ...

    async def wait(self, seconds: float) -> None:
        """Let seconds pass."""
        ...


class RealTiming:
    """The machine's own. The clocks stand here as they are: both are read for every frame."""

    monotonic = staticmethod(time.monotonic)
    now_ms = staticmethod(wall_ms)

    async def wait(self, seconds: float) -> None:
        """Let seconds pass."""
        await asyncio.sleep(seconds)


class Pace:
    """At most `count` actions in any `seconds`, on a sliding window. Who comes too early waits."""

    def __init__(self, count: int, seconds: float, timing: Timing) -> None:
        self._count = count
        self._seconds = seconds
        self._timing = timing
        self._taken: list[float] = []
        self._turn = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more action is allowed, and take it. First come, first served."""
        async with self._turn:
            while (wait := self._wait_s()) > 0.0:
                await self._timing.wait(wait)
            self._taken = [*self._taken, self._timing.monotonic()][-self._count :]

    def _wait_s(self) -> float:
        if len(self._taken) < self._count:
            return 0.0
        return self._taken[-self._count] + self._seconds - self._timing.monotonic()
