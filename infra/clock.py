"""The shell's clocks. The inside knows only receipt times, which come from here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """A clock in UTC ms. `kind` names it in every commit's environment."""

    kind: str

    def now_ms(self) -> int:
        """Give the time now."""
        ...

    def seconds_until(self, ms: int) -> float:
        """Give how many real seconds pass until then; negative if it is over."""
        ...

    def sleep_until(self, ms: int, stop: threading.Event) -> bool:
        """Wait until then; false if `stop` was set meanwhile."""
        ...


class ScaledClock:
    """Market time that starts at `start_ms` and runs `speed` times as fast as real time."""

    def __init__(self, start_ms: int, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.kind = f"scaled x{speed:g}"
        self._start_ms = start_ms
        self._speed = speed
        self._monotonic = monotonic
        self._began = monotonic()

    def now_ms(self) -> int:
        """Give the market time now."""
        return self._start_ms + int((self._monotonic() - self._began) * 1000 * self._speed)

    def seconds_until(self, ms: int) -> float:
        """Give how many real seconds pass until market time is `ms`."""
        return (ms - self.now_ms()) / 1000 / self._speed

    def sleep_until(self, ms: int, stop: threading.Event) -> bool:
        """Wait until market time is `ms`; false if `stop` was set meanwhile."""
        remaining = self.seconds_until(ms)
        return not (stop.wait(remaining) if remaining > 0 else stop.is_set())


class ExchangeClock:
    """The market time of an exchange: what it said last, and what passed since then, `speed` times as fast.

    It is set whenever the exchange is asked for its time. Any thread may read it.
    """

    def __init__(self, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.kind = f"exchange x{speed:g}"
        self.speed = speed
        self._monotonic = monotonic
        self._anchor = (wall_ms(), monotonic())
        self._was_set = False

    @property
    def set_s_ago(self) -> float | None:
        """How long ago it was set (real seconds); None before the first time."""
        return self._monotonic() - self._anchor[1] if self._was_set else None

    def set(self, server_ms: int) -> None:
        """Take in what the exchange's clock shows at this instant."""
        self._anchor = (server_ms, self._monotonic())
        self._was_set = True

    def now_ms(self) -> int:
        """Give the exchange's time now."""
        server_ms, at = self._anchor
        return server_ms + int((self._monotonic() - at) * 1000 * self.speed)

    def seconds_until(self, ms: int) -> float:
        """Give how many real seconds pass until its time is `ms`."""
        return (ms - self.now_ms()) / 1000 / self.speed

    def sleep_until(self, ms: int, stop: threading.Event) -> bool:
        """Wait until its time is `ms`; false if `stop` was set meanwhile."""
        remaining = self.seconds_until(ms)
        return not (stop.wait(remaining) if remaining > 0 else stop.is_set())


def wall_ms() -> int:
    """Give the machine's UTC time in ms."""
    return time.time_ns() // 1_000_000
