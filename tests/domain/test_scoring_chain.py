"""From scores to a verdict: direction, quality, probability, strength, tier, and every reason why not."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scoring_steps import LISTED_LONG_AGO, PLAIN, every, judged, rising, scores, state_of
from walks import HOUR, fed, mirrored, some_context, view_of, walk

from domain.analysis.weights import weights_of
from domain.calibration.strength import strength_of
from domain.config import ScoringConfig
from domain.factors import DIRECTIONAL, FactorState, MarketContext, depth_summary
from domain.market import Candle
from domain.scoring import ANSWERS, REASONS, GateState, ScoringPolicy, assess
from domain.scoring.direction import direction_of
from domain.scoring.maturity import CLASSES, maturity_of
from domain.scoring.probability import modulation_of
from domain.scoring.publication import PublicationState, advance
from domain.strategies import Pass
from domain.strategies.factors import own_proposal, proposal_of

WEIGHTS = weights_of("balanced", "normal")
DAY = 24 * HOUR
values = st.one_of(st.none(), st.floats(-100.0, 100.0))


# ── direction ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_direction_is_the_weighted_mean_of_what_is_there() -> None:
    direction = direction_of(scores(T=60.0, M=-30.0), WEIGHTS, 200)
    assert direction.d == pytest.approx((18 * 60 - 12 * 30) / 30)
    assert direction.coverage == pytest.approx(30 / 78)
    assert set(direction.missing) == {"C", "S", "V", "O", "L", "B", "Q", "I", "F", "E"}


def test_quality_factors_modulate_and_never_vote() -> None:
    """V41 added S, L and I as votes for long: up to 55 of 160 points."""
    for value in (50.0, -50.0):
        plain = direction_of(every(value), WEIGHTS, 200)
        good = direction_of(every(value, S=100.0, L=100.0), WEIGHTS, 200)
        bad = direction_of(every(value, S=-100.0, L=-100.0), WEIGHTS, 200)
        assert plain.d == good.d == bad.d
        assert good.raw == pytest.approx(50 * (1 + 22 / 100))
        assert bad.raw == pytest.approx(50 * (1 - 22 / 100))
    assert direction_of(every(0.0, S=100.0, L=100.0), WEIGHTS, 200).side == 0


def test_quality_counts_history_coverage_and_support() -> None:
    assert direction_of(every(80.0), WEIGHTS, 100).quality == 1.0
    assert direction_of(every(80.0), WEIGHTS, 99).quality == pytest.approx(0.85)
    assert direction_of(every(80.0, T=10.0, M=-80.0, V=0.0), WEIGHTS, 100).quality == pytest.approx(0.85)
    assert direction_of(every(80.0, O=None), WEIGHTS, 100).quality == pytest.approx(math.sqrt(66 / 78))
    assert direction_of(scores(T=10.0, B=10.0, Q=10.0), WEIGHTS, 10).quality == 0.6


@settings(max_examples=150)
@given(
    st.lists(values, min_size=10, max_size=10), st.sampled_from(DIRECTIONAL), st.floats(-100, 100), st.floats(0, 100)
)
def test_no_factor_that_rises_lowers_the_probability_of_long(
    rest: list[float | None], name: str, value: float, more: float
) -> None:
    named = dict(zip((*DIRECTIONAL, "S", "L", "I"), rest, strict=True))
    state = MONOTONE_STATE

    def long(level: float) -> tuple[float, float]:
        verdict, _ = judged(scores({**named, name: level}, F=10.0), state=state)
        return verdict.probability.p_long, verdict.side * verdict.direction.raw

    before, after = long(value), long(min(100.0, value + more))
    assert after[0] >= before[0] - 1e-12
    assert after[1] >= before[1] - 1e-9


MONOTONE_STATE = state_of(rising())


@settings(max_examples=80)
@given(st.lists(values, min_size=11, max_size=11), st.floats(-100.0, 100.0), st.floats(0.0, 100.0))
def test_negated_scores_swap_the_probabilities_and_keep_the_strength(
    rest: list[float | None], trend: float, coherent: float
) -> None:
    """V41 gave shorts P below one half, whatever the scores: it could hardly publish one."""
    named = dict(zip((*DIRECTIONAL, "F", "S", "L", "I"), rest, strict=True))
    negated = {n: -v if v is not None and n in (*DIRECTIONAL, "F") else v for n, v in named.items()}
    one, _ = judged(scores(named), MarketContext(market_trend=trend), coherent=coherent, state=MONOTONE_STATE)
    other, _ = judged(scores(negated), MarketContext(market_trend=-trend), coherent=coherent, state=MONOTONE_STATE)
    assert other.side == -one.side
    assert (other.probability.p_long, other.probability.p_short) == (one.probability.p_short, one.probability.p_long)
    assert other.strength == one.strength
    assert other.direction.raw == one.direction.raw


@pytest.mark.parametrize("seed", range(3))
def test_a_mirrored_market_gives_a_mirrored_verdict(seed: int) -> None:
    quarters = walk(seed, 4 * 210, interval="15m", sigma=0.004)
    state, mirror = fed(FactorState(), quarters), fed(FactorState(), mirrored(quarters))
    last = state.hour.last_open_ms
    policy = ScoringPolicy(ScoringConfig(min_score=0.0))
    one, _ = assess(view_of(state, some_context(seed, last)), policy, GateState(), PLAIN)
    other, _ = assess(view_of(mirror, some_context(seed, last, 100.0)), policy, GateState(), PLAIN)
    assert one.side == -other.side != 0
    assert (other.tier, other.reasons, other.regime) == (one.tier, one.reasons, one.regime)
    assert other.strength.value == pytest.approx(one.strength.value, abs=1e-3)
    assert other.probability.p_long == pytest.approx(one.probability.p_short, abs=1e-5)
    assert one.levels is not None
    assert other.levels is not None
    for name in ("entry", "stop", "tp1", "tp2"):
        assert getattr(other.levels, name) == pytest.approx(1e4 / getattr(one.levels, name))
    assert other.levels.entry_low == pytest.approx(1e4 / one.levels.entry_high)


# ── probability, strength ─────────────────────────────────────────────────────────────────────────────────────────


def test_f_modulates_along_the_side_and_vetoes_far_behind() -> None:
    assert modulation_of(1, 40.0, 100.0, None).f == pytest.approx(1 + 0.3 * math.tanh(1.0))
    assert modulation_of(-1, -40.0, 100.0, None).f == pytest.approx(1 + 0.3 * math.tanh(1.0))
    veto = modulation_of(1, -71.0, 100.0, None)
    assert (veto.f, veto.vetoed) == (0.6, True)
    assert not modulation_of(-1, -71.0, 100.0, None).vetoed
    assert modulation_of(1, None, 100.0, None).f == 1.0


@pytest.mark.parametrize(
    ("along", "p", "strength"), [(60, 1.2, 1.1), (50, 1.1, 1.05), (0, 1.0, 1.0), (-50, 0.85, 0.92), (-60, 0.7, 0.85)]
)
def test_the_market_helps_and_hinders(along: float, p: float, strength: float) -> None:
    for side in (1, -1):
        modulation = modulation_of(side, None, 100.0, along * side)
        assert (modulation.market, modulation.strength) == (p, strength)


def test_f_and_market_never_both_penalise() -> None:
    harsh_f = modulation_of(1, -80.0, 100.0, -55.0)
    assert (harsh_f.f, harsh_f.market) == (0.6, 1.0)
    harsh_market = modulation_of(1, -10.0, 100.0, -80.0)
    assert (harsh_market.f, harsh_market.market) == (1.0, 0.7)
    helped = modulation_of(1, -10.0, 100.0, 80.0)
    assert helped.f < 1.0 < helped.market


def test_frames_that_disagree_cost_probability_and_strength() -> None:
    assert (modulation_of(1, None, 59.9, None).frames, modulation_of(1, None, 60.0, None).frames) == (0.85, 1.0)
    assert modulation_of(1, None, 59.9, None).strength == 0.9


def test_temperature_is_the_inverse_steepness() -> None:
    verdict, _ = judged(every(50.0))
    z = 100.0 * verdict.direction.edge / verdict.probability.temperature
    assert verdict.probability.p_long == pytest.approx(1 / (1 + math.exp(-z)))


def test_strength_is_made_of_confidence_and_probability() -> None:
    assert strength_of(0.417, 0.777, 1.0).value == pytest.approx(65.0, abs=0.1)
    assert strength_of(0.651, 0.60 + 0.15 * (65 - 39.06) / 40, 1.0).value == pytest.approx(65.0, abs=0.1)
    assert strength_of(0.5, 0.5, 0.9).value == pytest.approx(27.0)
    assert strength_of(1.0, 1.0, 1.1).value == 100.0
    assert strength_of(0.9, 0.9, 1.1).value == pytest.approx(94 + 0.6)


def test_a_higher_min_score_never_adds_a_signal() -> None:
    tiers = [
        judged(every(60.0), policy=ScoringPolicy(ScoringConfig(min_score=score)))[0].tier
        for score in (10, 70, 80, 85, 101)
    ]
    ranked = ["none", "watch", "prime"]
    assert [ranked.index(tier) for tier in tiers] == sorted([ranked.index(tier) for tier in tiers], reverse=True)
    assert tiers[0] == "prime"
    assert tiers[-1] != "prime"


# ── maturity ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_maturity_is_the_age_since_listing() -> None:
    ages = (1, 24, 25, 168, 169, 720, 721)
    named = [maturity_of(0, hours * HOUR).name for hours in ages]
    assert named == ["ULTRA_NEW", "ULTRA_NEW", "NEW_A", "NEW_A", "NEW_B", "NEW_B", "MATURE"]
    assert [(c.p_min, c.ttl_ms // HOUR) for c in CLASSES] == [(0.70, 2), (0.65, 4), (0.63, 8), (0.62, 8)]
    assert maturity_of(None, 0).name == "MATURE"


def test_a_young_contract_needs_less_history_and_more_probability() -> None:
    young = state_of(rising(12), four_hours=3)
    now = young.hour.last_open_ms + HOUR
    new, _ = judged(every(90.0), MarketContext(onboard_ms=now - 20 * HOUR), state=young)
    assert "HISTORY_TOO_SHORT" not in new.reasons
    assert new.maturity.p_min == 0.70
    old, _ = judged(every(90.0), MarketContext(onboard_ms=now - 60 * DAY), state=young)
    assert "HISTORY_TOO_SHORT" in old.reasons
    assert old.tier == "none"


# ── every reason ──────────────────────────────────────────────────────────────────────────────────────────────────

GOOD = MarketContext(onboard_ms=LISTED_LONG_AGO, data_quality=1.0)
THICK = depth_summary([(100.0, 1e4)], [(100.01, 1e4)])
WIDE = depth_summary([(100.0, 1e4)], [(100.5, 1e4)])
TILTED = depth_summary([(100.0, 3e4)], [(100.01, 1e4)])
THIN = depth_summary([(100.0, 1.0)], [(100.01, 1e4)])
FLAT = [Candle(c.open_time_ms, 7.0, 7.0, 7.0, 7.0, 0.0) for c in walk(1, 120)]


def no_room() -> FactorState:
    return state_of(rising(drift=0.004))


def test_every_reason_is_reachable_and_documented() -> None:
    strong = every(90.0)
    last_open = GateState(1, (True, True, True, True))
    shut = judged(strong, replace(GOOD, data_quality=0.5), gates=last_open)[1]
    verdicts = {
        "HISTORY_TOO_SHORT": judged(strong, GOOD, state=state_of(rising(50))),
        "NO_DIRECTION": judged(scores(), GOOD),
        "NEUTRAL": judged(every(0.0), GOOD),
        "STRENGTH_BELOW_PRIME": judged(every(15.0), GOOD),
        "F_VETO": judged(every(90.0, F=-90.0), GOOD),
        "NO_LEVELS": judged(strong, GOOD, state=state_of(FLAT)),
        "DATA_QUALITY_LOW": judged(strong, replace(GOOD, data_quality=0.89)),
        "EV_NOT_POSITIVE": judged(strong, replace(GOOD, funding_rate=0.2)),
        "STOP_TOO_CLOSE": judged(strong, GOOD, ScoringPolicy(fee_bps=300.0)),
        "IMPACT_TOO_HIGH": judged(strong, replace(GOOD, depth=THIN)),
        "SPREAD_TOO_WIDE": judged(strong, replace(GOOD, depth=WIDE)),
        "BOOK_IMBALANCED": judged(strong, replace(GOOD, depth=TILTED)),
        "NO_ROOM": judged(strong, GOOD, state=no_room()),
        "NO_DEPTH": judged(strong, GOOD, ScoringPolicy(ScoringConfig(require_depth=True))),
        "PROBABILITY_TOO_LOW": judged(every(15.0), GOOD),
        "GATE_COOLDOWN": judged(strong, GOOD, gates=shut),
    }
    for code, (verdict, _) in verdicts.items():
        assert code in verdict.reasons, (code, verdict.reasons)
        assert verdict.tier != "prime", code
        answer = proposal_of(verdict)
        assert isinstance(answer, Pass)
        assert answer.reason == verdict.reasons[0]
    assert judged(strong, replace(GOOD, depth=THICK))[0].reasons == ()
    elsewhere = {"UNCONFIRMED", "PUBLICATION_COOLDOWN", "UNCHANGED", "BETWEEN_BARS", "CONFLICT"}  # their own tests
    assert set(verdicts) | elsewhere == set(REASONS)
    assert all(meaning for meaning in REASONS.values())


def test_every_answer_of_a_strategy_or_a_symbol_is_documented_under_a_code_of_its_own() -> None:
    domain = Path(__file__).parents[2] / "domain"
    sources = (
        *sorted((domain / "strategies").glob("*.py")),
        domain / "analysis" / "full.py",
        domain / "symbol" / "signals.py",
    )
    texts = [source.read_text() for source in sources]
    passed = {code for text in texts for code in re.findall(r'Pass\("([A-Z0-9_]+)"', text)}
    assert {"NO_RULE", "NO_TREND", "NEEDS_5M_CANDLES", "PROPOSAL_NOT_FINITE"} <= passed
    assert passed <= {*ANSWERS, *REASONS}
    assert not set(ANSWERS) & set(REASONS)
    assert all(any(f'"{code}"' in text for text in texts) for code in ANSWERS)


def test_all_reasons_are_given_at_once() -> None:
    context = replace(GOOD, data_quality=0.5, depth=TILTED, funding_rate=0.2)
    verdict, _ = judged(every(15.0, F=-90.0), context)
    assert set(verdict.reasons) >= {
        "STRENGTH_BELOW_PRIME", "F_VETO", "DATA_QUALITY_LOW", "EV_NOT_POSITIVE", "BOOK_IMBALANCED",
        "PROBABILITY_TOO_LOW",
    }  # fmt: skip


def test_poor_data_is_watched_only() -> None:
    verdict, _ = judged(every(90.0), replace(GOOD, data_quality=0.5))
    assert verdict.tier == "watch"


def test_a_prime_verdict_becomes_a_proposal_with_the_resting_target() -> None:
    verdict, _ = judged(every(-90.0), replace(GOOD, depth=THICK))
    proposal = proposal_of(verdict)
    assert not isinstance(proposal, Pass)
    assert verdict.levels is not None
    assert proposal.side.value == "SHORT"
    assert (proposal.target, proposal.stop) == (verdict.levels.tp2, verdict.levels.stop)
    assert proposal.target < proposal.entry < proposal.stop
    assert (proposal.win, proposal.confidence) == (verdict.probability.p_short, verdict.confidence)
    assert "T_SUPPORTS" in proposal.reasons


def test_what_factors_bring_to_hybrid_does_not_depend_on_the_score_that_a_user_asks_for() -> None:
    """A higher `min_score` would else silence what contradicts the rules, and add a signal."""
    for level in (60.0, 90.0):
        asked = [
            judged(every(level), policy=ScoringPolicy(ScoringConfig(min_score=score)))[0] for score in (0.0, 50.0, 99.9)
        ]
        brought = [own_proposal(verdict, 80.0) for verdict in asked]
        assert brought[0] == brought[1] == brought[2]
        strong = asked[0].strength.value >= 80.0
        assert isinstance(brought[0], Pass) is not strong
    assert own_proposal(judged(every(90.0), replace(GOOD, data_quality=0.5))[0], 80.0) == Pass("DATA_QUALITY_LOW")


def test_the_publication_reasons_are_documented() -> None:
    _, publication = advance(PublicationState(), 1, "prime", 1, ScoringPolicy())
    assert publication.reason in REASONS
