"""How urgent a call is: the same scale for the weight governor and the circuit breaker."""

from __future__ import annotations

import enum


class Priority(enum.IntEnum):
    """LOW: history. NORMAL: queries. HIGH: new orders and their protection. CRITICAL: closes and cancellations."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    CRITICAL = 4
