"""The whole chain for one symbol at one close: `assess` is what the `factors` strategy, scan and calibration call."""

from __future__ import annotations

import msgspec

from domain.analysis.market_trend import Confirmation, coherence, confirm
from domain.analysis.weights import Regime, Weights, regime_of, weights_of
from domain.calibration.strength import Strength, strength_of
from domain.calibration.table import Calibration
from domain.factors import FactorView, Scores, score_all
from domain.scoring.direction import Direction, direction_of
from domain.scoring.gates import GateReport, GateState, Measured, judge
from domain.scoring.maturity import Maturity, maturity_of
from domain.scoring.policy import ScoringPolicy
from domain.scoring.prices import Levels, levels_of
from domain.scoring.probability import Modulation, Probability, modulation_of, probability_of
from domain.scoring.publication import Tier


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """One analysis: what every step said, the tier, and all reasons why it is not Prime (none if it is).

    `confirmation` by the last 15m bars is reported and decides nothing, as in the older system.
    """

    scores: Scores
    regime: Regime
    weights: Weights
    direction: Direction
    confidence: float
    coherence: float
    confirmation: Confirmation | None
    modulation: Modulation
    probability: Probability
    strength: Strength
    levels: Levels | None
    gates: GateReport
    maturity: Maturity
    prime_strength: float
    tier: Tier
    reasons: tuple[str, ...]

    @property
    def side(self) -> int:
        """+1 long, -1 short, 0 neutral."""
        return self.direction.side

    @property
    def p(self) -> float:
        """P of the chosen side."""
        return self.probability.of(self.side)


def assess(
    view: FactorView, policy: ScoringPolicy, gates: GateState, calibration: Calibration
) -> tuple[Verdict, GateState]:
    """Run the chain; give the verdict and the gates' next state."""
    return judge_scores(score_all(view), coherence(view.state), view, policy, gates, calibration)


def judge_scores(
    scores: Scores,
    coherent: float,
    view: FactorView,
    policy: ScoringPolicy,
    gates: GateState,
    calibration: Calibration,
) -> tuple[Verdict, GateState]:
    """Run the chain from given scores on; `assess` without the computing of factors."""
    state, context = view.state, view.context
    bars = state.hour
    regime = regime_of(context.market_trend, state.volatility_1h)
    weights = weights_of(policy.thresholds.profile, regime)
    direction = direction_of(scores, weights, bars.seen)
    side = direction.side
    modulation = modulation_of(side, scores["F"].value, coherent, context.market_trend)
    confirmation = confirm(state.quarter, bars, side) if side else None
    probability = probability_of(direction, modulation)
    p = probability.of(side)
    confidence = calibration.confidence(direction.score) if side else 0.0
    strength = strength_of(confidence, p, modulation.strength)
    maturity = maturity_of(context.onboard_ms, view.time_ms)
    levels = levels_of(bars, side, maturity.ttl_ms, state.last) if bars.seen and side else None
    after, report = judge(gates, Measured(side, p, levels, context, maturity), policy, view.time_ms)
    prime_strength = calibration.prime_strength if policy.min_score is None else policy.min_score
    short = bars.seen < maturity.bars_1h_min or state.four_hour.seen < maturity.bars_4h_min
    reasons = _reasons(direction, short, strength.value, prime_strength, modulation, report)
    tier = _tier(reasons, side, strength.value, prime_strength - policy.thresholds.watch_margin)
    return Verdict(
        scores, regime, weights, direction, confidence, coherent, confirmation, modulation, probability, strength,
        levels, report, maturity, prime_strength, tier, reasons,
    ), after  # fmt: skip


def _reasons(
    direction: Direction, short: bool, strength: float, prime_strength: float, modulation: Modulation, gates: GateReport
) -> tuple[str, ...]:
    found = ["HISTORY_TOO_SHORT"] if short else []
    if direction.d is None:
        return (*found, "NO_DIRECTION")
    if direction.side == 0:
        return (*found, "NEUTRAL")
    if strength < prime_strength:
        found.append("STRENGTH_BELOW_PRIME")
    if modulation.vetoed:
        found.append("F_VETO")
    return (*found, *gates.reasons)


def _tier(reasons: tuple[str, ...], side: int, strength: float, watch_strength: float) -> Tier:
    """Prime without a reason against it; watched if it is strong enough, has a side and enough history; else none."""
    if not reasons:
        return "prime"
    return "watch" if side and strength >= watch_strength and "HISTORY_TOO_SHORT" not in reasons else "none"
