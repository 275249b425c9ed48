"""What a factor gives: a score, how far it can be trusted, what it rested on, and one sentence.

All factors work on ln(price), so that mirrored prices (reflected in log space) give mirrored scores and scaled prices
the same ones. The mapping of CS §2.0 is repaired: symmetric, unrounded, unclipped.
"""

from __future__ import annotations

import math

import msgspec

from domain.values import Facts


class FactorScore(msgspec.Struct, frozen=True, gc=False):
    """One factor's answer.

    `value` is -100 … 100, None where an input is missing: then `explanation` begins with a stable code in upper case.
    `quality` (0 … 1) tells how complete the inputs were; `inputs` are the numbers that the value rested on, by name.
    """

    value: float | None
    quality: float
    inputs: Facts
    explanation: str


def missing(code: str, detail: str) -> FactorScore:
    """Say that a factor has no value, and what it lacked."""
    return FactorScore(None, 0.0, (), f"{code}: {detail}")


def signed(x: float, neutral: float, scale: float) -> float:
    """Map a measure to -100 … 100: 100·tanh((x - neutral) / scale). One scale unit gives 76."""
    return 100.0 * math.tanh((x - neutral) / scale)


def clip(x: float, low: float, high: float) -> float:
    """Keep x within low … high."""
    return low if x < low else min(x, high)
