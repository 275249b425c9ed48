"""The simulator's two clocks: market time, which runs at any speed, and wall time, for the protocol's limits."""

from __future__ import annotations

import time
from collections.abc import Callable


class MarketClock:
    """Market time in UTC ms: it starts somewhere, runs `speed` times as fast as wall time, and never runs backwards.

    `drift_ms` is what a fault adds to the time that clients are told and checked against.
    """

    def __init__(self, start_ms: int, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._start_ms = start_ms
        self._origin = monotonic()
        self.speed = speed
        self.drift_ms = 0

    def now_ms(self) -> int:
        """Give market time."""
        return self._start_ms + int((self._monotonic() - self._origin) * 1_000.0 * self.speed)

    def told_ms(self) -> int:
        """Give the time that the exchange says it is."""
        return self.now_ms() + self.drift_ms

    def wall_s(self) -> float:
        """Give wall time, in seconds from an arbitrary moment."""
        return self._monotonic()

    def set_speed(self, speed: float) -> None:
        """Let market time run at another speed from now on."""
        self._start_ms, self._origin = self.now_ms(), self._monotonic()
        self.speed = speed

    def advance(self, milliseconds: int) -> None:
        """Let market time leap forward."""
        self._start_ms += milliseconds
