"""The Prime strength: one number from confidence and probability, so that analyses can be ranked (CS §3.1, step 6)."""

from __future__ import annotations

import msgspec

from domain.factors.base import clip

CONFIDENCE_SHARE, PROBABILITY_SHARE = 60.0, 40.0
PROBABILITY_FLOOR, PROBABILITY_SPAN = 0.60, 0.15


class Strength(msgspec.Struct, frozen=True, gc=False):
    """The Prime strength, 0 … 100, and what it is made of."""

    value: float
    by_confidence: float
    by_probability: float
    multiplier: float


def strength_of(confidence: float, p: float, multiplier: float) -> Strength:
    """60 · confidence + 40 · clip((P - .60) / .15), then the multiplier of frames and market.

    A multiplier of 1.10 closes a tenth of the gap to 100. Multiplied and capped, as in V41, every twentieth analysis of
    the reference data had exactly 100, and nothing told them apart.
    """
    by_confidence = CONFIDENCE_SHARE * confidence
    by_probability = PROBABILITY_SHARE * clip((p - PROBABILITY_FLOOR) / PROBABILITY_SPAN, 0.0, 1.0)
    plain = by_confidence + by_probability
    value = plain * multiplier if multiplier <= 1.0 else plain + (100.0 - plain) * (multiplier - 1.0)
    return Strength(value, by_confidence, by_probability, multiplier)
