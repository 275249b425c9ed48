"""Tells one full analysis as a chain of sentences: scores, direction, probability, strength, gates, anti-jitter."""

from __future__ import annotations

from collections.abc import Iterator

from domain.analysis.assessment import Assessment, Gates
from domain.analysis.full import policy_of
from domain.analysis.weights import Weights, weights_of
from domain.config import Config
from domain.factors import DIRECTIONAL, NAMES, QUALITY
from domain.scoring import ANSWERS, REASONS, ScoringPolicy
from domain.scoring.gates import GATES
from domain.symbol.events import SymbolAnalyzed
from infra.moments import iso

_SIDES = {1: "LONG", -1: "SHORT", 0: "neither side"}


def told(event: SymbolAnalyzed, config: Config) -> Iterator[tuple[str, str]]:
    """Give (what, sentence) for each step of the analysis; nothing for one without an assessment.

    `config` are the settings that were in force: the thresholds come from there.
    """
    found = event.assessment
    if found is None:
        return
    policy = policy_of(config)
    weights: Weights = weights_of(policy.thresholds.profile, found.chain.regime)  # type: ignore[arg-type]  # a recorded regime
    yield "scores", _scores(found, weights)
    yield "direction", _direction(found)
    yield "probability", _probability(found)
    if found.ict is not None:
        yield "ict rules", _ict(found)
    yield "strength", _strength(event, found)
    yield "gates", _gates(found, policy)
    yield "anti-jitter", _publication(found)
    known = {**ANSWERS, **REASONS}
    yield from (("because", f"{code}: {known.get(code, 'a reason of the strategy itself')}") for code in event.reasons)


def _scores(found: Assessment, weights: Weights) -> str:
    scores = found.scores
    along = ", ".join(
        f"{name} {scores[name]:+.0f} (weight {weights[name]:.0f})" for name in DIRECTIONAL if name in scores
    )
    quality = ", ".join(f"{name} {scores[name]:+.0f}" for name in QUALITY if name in scores)
    beside = ", ".join(f"{name} {scores[name]:+.0f}" for name in NAMES if name in "FE" and name in scores)
    missing = ", ".join(found.missing_factors) or "none"
    told = f"direction from {along or 'nothing'}; quality {quality or 'unknown'}"
    return f"{told}; beside {beside or 'nothing'}; missing {missing}"


def _direction(found: Assessment) -> str:
    chain = found.chain
    if chain.d is None:
        return "unknown: no factor with a direction has a value"
    side = 1 if chain.d > 0.0 else -1 if chain.d < 0.0 else 0
    trend = "unknown" if chain.market_trend is None else f"{chain.market_trend:+.0f}"
    return (
        f"{chain.d:+.1f}, so {_SIDES[side]}; raw confidence {chain.raw:.1f}, quality {chain.quality_centi / 100:.2f}, "
        f"{chain.coverage_centi} % of the weight known; market trend {trend}, weights for {chain.regime}"
    )


def _probability(found: Assessment) -> str:
    chain = found.chain
    veto = ", F vetoes" if chain.vetoed else ""
    frames = f"{chain.frames_centi / 100:.2f} (coherence {chain.coherence_centi / 100:.0f})"
    return (
        f"P of LONG {chain.p_long:.3f}: steepness times F {chain.f_centi / 100:.2f}{veto}, frames {frames}, "
        f"market {chain.market_centi / 100:.2f}; the 15m bars say {', '.join(chain.confirmed) or 'nothing'}"
    )


def _ict(found: Assessment) -> str:
    ict = found.ict
    assert ict is not None, "asked only where there is one"
    names = ("structure", "order block", "liquidity", "institutional", "convergence")
    parts = ", ".join(f"{name} {points / 100:.1f}" for name, points in zip(names, ict.parts_centi, strict=True))
    return f"{_SIDES[ict.side]} by rule {ict.priority}: {parts}; confidence {ict.confidence:.2f}, win {ict.win:.2f}"


def _strength(event: SymbolAnalyzed, found: Assessment) -> str:
    strength = found.strength
    made_of = f"{strength.by_confidence_centi / 100:.1f} by confidence + {strength.by_probability_centi / 100:.1f} by P"
    return (
        f"{event.strategy}: {_SIDES[strength.side]} with {strength.value:.1f} ({made_of}, multiplier "
        f"{strength.multiplier:.2f}); Prime from {strength.needed:.1f} on"
    )


def _gates(found: Assessment, policy: ScoringPolicy) -> str:
    seen, opened = found.gates, dict(zip(GATES, found.gate_state.opened, strict=True))
    says = {
        "quality": f"{seen.data_quality:.2f} of {policy.thresholds.quality_open:.2f}",
        "value": _value(seen, policy),
        "execution": _execution(seen, policy),
        "probability": f"P {found.strength.p:.3f} of {seen.p_needed:.2f} ({found.maturity})",
    }
    return "; ".join(f"{name} {'open' if opened[name] else 'shut'}: {says[name]}" for name in GATES)


def _value(seen: Gates, policy: ScoringPolicy) -> str:
    stop = (
        "no stop"
        if seen.risk is None
        else f"stop {seen.risk:.2%} away, at least {policy.thresholds.stop_costs * policy.round_trip:.2%}"
    )
    return f"expected {seen.expected_value:+.3%} after costs of {seen.cost:.3%}, {stop}"


def _execution(seen: Gates, policy: ScoringPolicy) -> str:
    measures = (
        ("impact", seen.impact_bps, f"of {policy.thresholds.impact_bps_open:g} bps"),
        ("spread", seen.spread_bps, f"of {policy.thresholds.spread_bps_open:g} bps"),
        ("imbalance", seen.imbalance, f"within ±{policy.thresholds.imbalance_open:g}"),
        ("room", seen.room_atr, f"ATR, at least {policy.thresholds.room_atr_open:g}"),
    )
    return ", ".join(
        f"{name} unknown" if value is None else f"{name} {value:.2f} {limit}" for name, value, limit in measures
    )


def _publication(found: Assessment) -> str:
    state = found.publication
    heard = (
        ", ".join(f"{iso(bar.close_ms)[11:16]} {bar.tier} {_SIDES[bar.side]}" for bar in state.heard) or "nothing yet"
    )
    published = "nothing is published" if not state.published else f"{_SIDES[state.published]} is published"
    return f"the last 15m closes said {heard}; confirmed is {state.tier}; {published}"
