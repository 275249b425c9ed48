"""What one analysis found, as it stands in `SymbolAnalyzed`: enough to see why, and to learn from it, in under 1 kB.

Fields that are only shown are whole hundredths (`…_centi`): decisions rested on the unrounded numbers. Features,
levels, probabilities and thresholds are the very numbers that were used.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from domain.analysis.features import FEATURES_VERSION
from domain.analysis.features import NAMES as FEATURE_NAMES
from domain.factors import NAMES, Scores
from domain.scoring.gates import GateState
from domain.scoring.publication import PublicationState, Tier

Centi: TypeAlias = int
"""Hundredths of what the field's name says, rounded: to be shown, not to be computed with."""


class Strength(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How strong the verdict is, 0 … 100: its parts by confidence and by probability, times a multiplier.

    `needed` is the Prime strength: calibrated, or `scoring.min_score`. `side` (+1, -1, 0) and `p` are the verdict's.
    `raw` (0 … 100) is the strategy's score before its table made a confidence of it; None where it had none to rank.
    """

    value: float
    by_confidence_centi: Centi
    by_probability_centi: Centi
    multiplier: float
    needed: float
    side: int
    p: float
    raw: float | None


class Chain(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The steps from the factors' scores to a probability.

    `scores_centi` and `qualities_centi` are in the order of `domain.factors.NAMES` (None: missing). `regime` names the
    blend of the weights. `d` is the direction, -100 … 100; `raw` the confidence before calibration, 0 … 100.
    """

    scores_centi: tuple[Centi | None, ...]
    qualities_centi: tuple[Centi, ...]
    regime: str
    d: float | None
    raw: float
    quality_centi: Centi
    coverage_centi: Centi
    coherence_centi: Centi
    market_trend: float | None
    f_centi: Centi
    frames_centi: Centi
    market_centi: Centi
    vetoed: bool
    confirmed: tuple[str, ...]
    p_long: float


class Gates(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the gates saw, and what they allow at most (or ask for at least) at this moment. None is not known."""

    expected_value: float
    cost: float
    risk: float | None
    room_atr: float | None
    impact_bps: float | None
    spread_bps: float | None
    imbalance: float | None
    data_quality: float
    p_needed: float


class Levels(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Prices of the proposal, USDT, and how long an unfilled signal lives."""

    entry_low: float
    entry_high: float
    entry: float
    stop: float
    tp1: float
    tp2: float
    ttl_ms: int


class Ict(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the `ict` rules found: side (+1, -1), priority of the rule, points by part, confidence and win."""

    side: int
    priority: int
    parts_centi: tuple[Centi, ...]
    confidence: float
    win: float


class Assessment(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The whole of one analysis.

    `features` belong to `features_side`; `missing` has bit n set where feature n lacked an input. `gate_state` and
    `publication` are what the next analysis goes on from. `maturity` is the contract's class of age.
    """

    tier: Tier
    strength: Strength
    chain: Chain
    maturity: str
    gates: Gates
    gate_state: GateState
    publication: PublicationState
    levels: Levels | None
    ict: Ict | None
    features_side: int
    features: tuple[float, ...]
    missing: int
    features_version: int = FEATURES_VERSION

    @property
    def scores(self) -> dict[str, float]:
        """The factors' scores that exist, by name, to two decimals."""
        pairs = zip(NAMES, self.chain.scores_centi, strict=True)
        return {name: value / 100.0 for name, value in pairs if value is not None}

    @property
    def missing_factors(self) -> tuple[str, ...]:
        """The factors without a score."""
        return tuple(name for name, value in zip(NAMES, self.chain.scores_centi, strict=True) if value is None)

    @property
    def missing_features(self) -> tuple[str, ...]:
        """The features that lacked an input."""
        return tuple(name for at, name in enumerate(FEATURE_NAMES) if self.missing >> at & 1)


def centi(value: float) -> Centi:
    """Give a number in hundredths, rounded."""
    return round(100.0 * value)


def scores_centi(scores: Scores) -> tuple[tuple[Centi | None, ...], tuple[Centi, ...]]:
    """Give all scores and their qualities in hundredths, in the order of the factors' names."""
    ordered = [scores[name] for name in NAMES]
    values = tuple(None if score.value is None else centi(score.value) for score in ordered)
    return values, tuple(centi(score.quality) for score in ordered)


def missing_bits(names: tuple[str, ...]) -> int:
    """Give the bits of the features that lacked an input."""
    return sum(1 << FEATURE_NAMES.index(name) for name in names)
