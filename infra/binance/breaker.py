"""The graded circuit breaker (selflearningtrader.md §4.5). Time comes in from outside (ms).

    NORMAL ──1──▶ WARNING ──4──▶ THROTTLED ──5──▶ BLOCKED         (consecutive failures; a success takes one back)
      ▲                             │                │
      └──── 60 s after the last failure ─────────────┘

THROTTLED: 2 s more for everything below HIGH. BLOCKED: only CRITICAL calls of the whitelist pass. Each time that a call
passes although others would not is kept, the last 100 of them.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

import msgspec

from infra.binance.priority import Priority

THROTTLED_AT: Final = 4
BLOCKED_AT: Final = 5
DELAY_MS: Final = 2_000
RECOVERY_MS: Final = 60_000
AUDITED: Final = 100
WHITELIST: Final = frozenset(
    {"close_position", "emergency_stop_loss", "adjust_stop_loss", "adjust_take_profit", "get_positions", "cancel_order"}
)


class Level(enum.IntEnum):
    """How much is let through."""

    NORMAL = 0
    WARNING = 1
    THROTTLED = 2
    BLOCKED = 3


class Verdict(msgspec.Struct, frozen=True):
    """May this call go? If so after `delay_ms`; if not, asking again after `retry_after_ms` makes sense."""

    allowed: bool
    delay_ms: int = 0
    retry_after_ms: int = 0


class Bypass(msgspec.Struct, frozen=True):
    """A call passed where others had to wait or were refused."""

    at_ms: int
    level: Level
    operation: str
    priority: Priority
    reason: str


class Breaker:
    """Counts failures of one exchange and says what may still be asked."""

    def __init__(self) -> None:
        self._failures = 0
        self._failed_ms = 0
        self._open_until_ms = 0
        self._open_reason = ""
        self._bypasses: deque[Bypass] = deque(maxlen=AUDITED)

    def level(self, now_ms: int) -> Level:
        """Give the level as of now."""
        failures = self._count(now_ms)
        if failures >= BLOCKED_AT:
            return Level.BLOCKED
        if failures >= THROTTLED_AT:
            return Level.THROTTLED
        return Level.WARNING if failures else Level.NORMAL

    def ask(self, operation: str, priority: Priority, now_ms: int) -> Verdict:
        """Say whether a call may go; a bypass is written down."""
        level = self.level(now_ms)
        if level <= Level.WARNING:
            return Verdict(allowed=True)
        reason = self._reason(level, operation, priority, now_ms)
        if reason:
            self._bypasses.append(Bypass(now_ms, level, operation, priority, reason))
            return Verdict(allowed=True)
        if level is Level.THROTTLED:
            return Verdict(allowed=True, delay_ms=DELAY_MS)
        return Verdict(allowed=False, retry_after_ms=self._failed_ms + RECOVERY_MS - now_ms)

    def failed(self, now_ms: int) -> None:
        """The exchange did not answer, or answered that it can't."""
        self._failures = self._count(now_ms) + 1
        self._failed_ms = now_ms

    def succeeded(self, now_ms: int) -> None:
        """The exchange answered; a "no" is an answer."""
        self._failures = max(self._count(now_ms) - 1, 0)

    def bypass(self, until_ms: int, reason: str) -> None:
        """Let everything through until then, for a reason that the audit repeats."""
        self._open_until_ms = until_ms
        self._open_reason = reason

    @property
    def audit(self) -> tuple[Bypass, ...]:
        """The last bypasses, oldest first."""
        return tuple(self._bypasses)

    def _count(self, now_ms: int) -> int:
        if self._failures >= THROTTLED_AT and now_ms >= self._failed_ms + RECOVERY_MS:
            self._failures = 0
        return self._failures

    def _reason(self, level: Level, operation: str, priority: Priority, now_ms: int) -> str:
        if now_ms < self._open_until_ms:
            return self._open_reason or "bypassed"
        if level is Level.THROTTLED:
            return "urgent" if priority >= Priority.HIGH else ""
        return "whitelisted" if priority is Priority.CRITICAL and operation in WHITELIST else ""
