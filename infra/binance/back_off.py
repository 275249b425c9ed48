"""How long to wait before the next attempt to connect: pure, the dice are handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec


class BackOffPolicy(msgspec.Struct, frozen=True):
    """The first wait, what each next one is multiplied by, and the longest; `jitter` is a share of the wait, ±.

    The figures of selflearningtrader.md §1.1: 5, 7.5, 11.25 … 288.33, 300, 300 …
    """

    first_s: float = 5.0
    factor: float = 1.5
    cap_s: float = 300.0
    jitter: float = 0.1

    def wait_s(self, failures: int, dice: float) -> float:
        """Give the wait after that many failures in a row (1, 2 …). `dice` is in [0, 1): 0.5 means no jitter."""
        plain = min(self.cap_s, self.first_s * self.factor ** min(failures - 1, _EXPONENT_MAX))
        return plain * (1.0 + self.jitter * (2.0 * dice - 1.0))


_EXPONENT_MAX: Final = 1_000  # far beyond any cap, and 1.5 to this power is still a float


class BackOff:
    """Counts failures in a row and says how long to wait after each. Unlimited attempts."""

    def __init__(self, policy: BackOffPolicy, dice: Callable[[], float]) -> None:
        self._policy = policy
        self._dice = dice
        self.failures = 0

    def failed(self) -> float:
        """Note a failure and give the seconds to wait."""
        self.failures += 1
        return self._policy.wait_s(self.failures, self._dice())

    def succeeded(self) -> None:
        """Note a successful connect: the next wait is the first again."""
        self.failures = 0
