"""What a contract's age demands (product §1, CS §1.6). Age comes from the listing time, never from a cache's length."""

from __future__ import annotations

import msgspec

from domain.flow import HOUR_MS


class Maturity(msgspec.Struct, frozen=True, gc=False):
    """One class: up to which age, how much history it needs, the P that Prime needs, how long a signal lives."""

    name: str
    age_ms_max: int | None
    bars_1h_min: int
    bars_4h_min: int
    p_min: float
    ttl_ms: int


CLASSES = (
    Maturity("ULTRA_NEW", 24 * HOUR_MS, 10, 3, 0.70, 2 * HOUR_MS),
    Maturity("NEW_A", 7 * 24 * HOUR_MS, 30, 8, 0.65, 4 * HOUR_MS),
    Maturity("NEW_B", 30 * 24 * HOUR_MS, 50, 15, 0.63, 8 * HOUR_MS),
    Maturity("MATURE", None, 96, 50, 0.62, 8 * HOUR_MS),
)


def maturity_of(onboard_ms: int | None, time_ms: int) -> Maturity:
    """Give the class of a contract listed at `onboard_ms`; mature if nobody knows when."""
    if onboard_ms is not None:
        age_ms = time_ms - onboard_ms
        for known in CLASSES[:-1]:
            if known.age_ms_max is not None and age_ms <= known.age_ms_max:
                return known
    return CLASSES[-1]
