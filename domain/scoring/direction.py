"""Which way, and how sure: the weighted mean of the directional factors, modulated by quality (product §3).

D = Σ over {T M C V O B Q} of w·s / Σw;
raw confidence = clip(|D| · (1 + Σ over {S L I} of w·q/100 / Σ of all w), 0, 100).

A missing factor's weight goes to the others. S, L and I have no side: V41 added them as votes for long.
"""

from __future__ import annotations

import math

import msgspec

from domain.analysis.weights import Weights
from domain.factors import DIRECTIONAL, QUALITY, Scores
from domain.factors.base import clip

SUPPORT_MIN = 40.0
UNSUPPORTED_MAX = 3
BARS_FULL = 100
QUALITY_FLOOR = 0.6


class Direction(msgspec.Struct, frozen=True, gc=False):
    """`d` is -100 … 100 (None without any directional factor), `raw` the raw confidence 0 … 100.

    `quality` is Qf (0.6 … 1), `coverage` the share of the directional weight that had a value.
    """

    d: float | None
    raw: float
    quality: float
    coverage: float
    missing: tuple[str, ...]

    @property
    def side(self) -> int:
        """+1 long, -1 short, 0 neutral or unknown."""
        return 0 if not self.d else 1 if self.d > 0.0 else -1

    @property
    def score(self) -> float:
        """The raw confidence discounted by quality, 0 … 100: what the confidence table ranks."""
        return self.raw * self.quality

    @property
    def edge(self) -> float:
        """The raw confidence as a signed fraction, -1 … 1."""
        return self.side * self.raw / 100.0


def direction_of(scores: Scores, weights: Weights, bars_1h: int) -> Direction:
    """Weigh the scores."""
    present, total, weighted = 0.0, 0.0, 0.0
    for name in DIRECTIONAL:
        value, weight = scores[name].value, weights[name]
        total += weight
        if value is not None:
            present += weight
            weighted += weight * value
    missing = tuple(name for name, score in scores.items() if score.value is None)
    coverage = present / total
    if present <= 0.0:
        return Direction(None, 0.0, QUALITY_FLOOR, 0.0, missing)
    d = weighted / present
    raw = clip(abs(d) * (1.0 + _bonus(scores, weights, present)), 0.0, 100.0)
    return Direction(d, raw, quality_of(scores, d, coverage, bars_1h), coverage, missing)


def _bonus(scores: Scores, weights: Weights, present: float) -> float:
    known, good = present, 0.0
    for name in QUALITY:
        value = scores[name].value
        if value is not None:
            known += weights[name]
            good += weights[name] * value / 100.0
    return good / known


def quality_of(scores: Scores, d: float, coverage: float, bars_1h: int) -> float:
    """Give Qf (at least 0.6) as a product: 0.85 below 100 1h bars, √coverage, 0.85 if three factors do not support.

    V41 counted scores near zero on either side, so that a factor moving toward the side could lower P; here only
    support counts, and P_long never falls when a factor rises. Its .90 for missing open interest is √coverage
    now (.92): a mean over fewer factors scatters the wider, about as 1/√coverage, without being any surer.
    """
    side = 1.0 if d > 0.0 else -1.0
    idle = 0
    for name in DIRECTIONAL:
        value = scores[name].value
        idle += value is not None and value * side < SUPPORT_MIN
    quality = math.sqrt(coverage)
    if bars_1h < BARS_FULL:
        quality *= 0.85
    if idle >= UNSUPPORTED_MAX:
        quality *= 0.85
    return max(QUALITY_FLOOR, quality)
