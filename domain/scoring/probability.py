"""The probability of the direction, one chain in logit space (product §3): z = 3 · edge · Q · m_F · m_MTF · m_market.

Every m is positive, so nothing turns a side around; P_long = logistic(z), P_short = 1 - P_long (V41 returned the long
value for shorts). Where both F and the market penalise, only the harsher one does.
"""

from __future__ import annotations

import math

import msgspec

from domain.scoring.direction import Direction

STEEPNESS = 3.0
F_VETO = -70.0
VETO_MULTIPLIER = 0.60
COHERENCE_MIN = 60.0


class Modulation(msgspec.Struct, frozen=True, gc=False):
    """The three multipliers in force, those of the strength, and whether F vetoes."""

    f: float
    frames: float
    market: float
    strength: float
    vetoed: bool


class Probability(msgspec.Struct, frozen=True, gc=False):
    """P of both sides, and the effective temperature: P_long = logistic(S / temperature) with S = 100 · edge."""

    p_long: float
    p_short: float
    temperature: float

    def of(self, side: int) -> float:
        """P of a side (+1 long, -1 short); 0.5 for neither."""
        return self.p_long if side > 0 else self.p_short if side < 0 else 0.5


def probability_of(direction: Direction, modulation: Modulation) -> Probability:
    """Run the chain."""
    steepness = STEEPNESS * direction.quality * modulation.f * modulation.frames * modulation.market
    z = steepness * direction.edge
    p = 1.0 / (1.0 + math.exp(-abs(z)))  # the same digits for both sides: mirror images agree to the last bit
    p_long, p_short = (p, 1.0 - p) if z >= 0.0 else (1.0 - p, p)
    return Probability(p_long, p_short, 100.0 / steepness)


def modulation_of(side: int, f: float | None, coherence: float, market_trend: float | None) -> Modulation:
    """Give the multipliers for a side: F along the side, coherence of the frames (0 … 100), market trend."""
    along = 0.0 if f is None else f * side
    vetoed = f is not None and along < F_VETO
    by_f = VETO_MULTIPLIER if vetoed else 1.0 + 0.3 * math.tanh(along / 40.0)
    by_market, strength = _market(0.0 if market_trend is None else market_trend * side)
    if by_f < 1.0 and by_market < 1.0:
        by_f, by_market = (by_f, 1.0) if by_f <= by_market else (1.0, by_market)
    coherent = coherence >= COHERENCE_MIN
    return Modulation(by_f, 1.0 if coherent else 0.85, by_market, strength * (1.0 if coherent else 0.90), vetoed)


def _market(along: float) -> tuple[float, float]:
    """Give the multipliers of P and of strength for a market trend along (+) or against (-) the side."""
    if along >= 60.0:
        return 1.20, 1.10
    if along >= 50.0:
        return 1.10, 1.05
    if along <= -60.0:
        return 0.70, 0.85
    return (0.85, 0.92) if along <= -50.0 else (1.0, 1.0)
