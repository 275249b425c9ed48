"""The `ict` strategy: direction table, golden confidence and win, levels, every pass, the mirror."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.analysis.features import NAMES, Book, Features, IctView
from domain.market import Candle
from domain.smc import OrderBlock, Structure
from domain.strategies import Pass, Proposal
from domain.strategies.ict import (
    REWARD_RISK,
    RISK_MIN,
    Parts,
    adx_factor,
    block_points,
    direction,
    parts_of,
    propose,
    win_of,
)
from domain.values import Side
from tests.domain.bar_series import FRAMES_MS, any_candles, bar, flat_bars, mirrored, read, walk_bars


def vector(side: Side = Side.LONG, **values: float) -> Features:
    return Features(side, tuple(values.get(name, 0.0) for name in NAMES), ())


def view_of(bars_5m, bars_15m, bars_1h, flow=None, book=None) -> IctView:
    m5, m15, h1 = (
        read(bars, interval_ms)
        for bars, interval_ms in zip((bars_5m, bars_15m, bars_1h), FRAMES_MS.values(), strict=True)
    )
    return IctView("X", m5.closed_ms, math.exp(m5.close or 0.0), m5, m15, h1, flow, book)


RISE = flat_bars([0.001 * i for i in range(90)], reach=0.0005)
FALL = mirrored(RISE)
CALM = flat_bars([0.0002 * i for i in range(90)], reach=0.0001)
EVEN = flat_bars([0.0005 * (i % 2) for i in range(90)], reach=0.0005)


# ── direction ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("trends", "priority"),
    [
        ((1, 1, 1, 1), 1),
        ((1, 1, 1, 0), 2),
        ((1, 1, -1, 1), 2),
        ((1, 1, 0, 0), 2),
        ((1, 0, 1, 0), 3),
        ((1, 0, 1, 1), 3),
        ((1, 0, 0, 0), 4),
        ((1, 0, -1, 1), 4),
        ((0, 1, 1, 0), 5),
        ((0, 1, 1, 1), 5),
    ],
)
def test_the_direction_table(trends, priority):
    assert direction(*trends) == (Side.LONG, priority)
    assert direction(*(-one for one in trends)) == (Side.SHORT, priority)


@pytest.mark.parametrize(
    "trends", [(1, 1, 1, -1), (1, 0, 1, -1), (0, 1, 1, -1), (1, -1, 1, 1), (-1, 1, 1, 1), (0, 1, 0, 1), (0, 0, 1, 1)]
)
def test_what_stands_in_no_row_is_no_direction(trends):
    assert direction(*trends) is None


def test_no_combination_of_trends_speaks_for_both_sides():
    found = Counter()
    for trends in itertools.product((-1, 0, 1), repeat=4):
        here, there = direction(*trends), direction(*(-one for one in trends))
        assert (here is None) == (there is None)
        if here and there:
            assert (here[0], here[1]) == (there[0].opposite, there[1])
            found[here[1]] += 1
    assert set(found) == {1, 2, 3, 4, 5}


# ── confidence and win ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("adx", "factor"), [(0, 0.0), (4.9, 0.0), (5, 0.6), (9.9, 0.6), (10, 0.8), (19.9, 0.8), (20, 1.0), (25, 1.0)]
)
def test_the_adx_filter(adx, factor):
    assert adx_factor(adx) == factor


def test_every_part_reaches_its_maximum_and_all_of_them_make_a_hundred():
    full = vector(market_structure=1, order_blocks_count=3, institutional_candle=1, liquidity_grab=1,
                  structure_integrity=1, institutional_participation=1, timeframe_convergence=1,
                  trend_alignment_enhanced=1, liquidity_context=1)  # fmt: skip
    parts = parts_of(full, 10.0)
    assert parts == Parts(30.0, 25.0, 20.0, 15.0, 10.0)
    assert parts.total == 100.0


def test_the_parts_of_a_common_case():
    parts = parts_of(vector(structure_integrity=0.5, order_blocks_count=1, liquidity_context=0.3,
                            institutional_participation=0.2, timeframe_convergence=0.6,
                            trend_alignment_enhanced=0.5, market_structure=-1), 4.0)  # fmt: skip
    assert parts == Parts(10.0, 9.0, pytest.approx(3.6), 2.0, pytest.approx(5.6))


@pytest.mark.parametrize(
    ("confidence", "gaps", "beyond", "expected"),
    [(40, 0, 0.0, 0.54), (60, 0, 0.0, 0.60), (75, 2, 0.0, 0.675), (100, 2, -2.1, 0.75)],
)
def test_the_golden_win_probabilities(confidence, gaps, beyond, expected):
    """Vectors of `selflearningtrader.md` §2.8, reward/risk 1.5; the last is 0.78 before it is clamped."""
    win = win_of(confidence, vector(fvg_count=gaps, swing_high_distance=beyond), 1.5)
    assert win == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "reward_risk", "adjustment"),
    [({"order_flow": 1.0}, 1.5, 0.1), ({"order_flow": -1.0}, 1.5, 0.0), ({"fvg_count": 1}, 1.5, 0.08),
     ({"fvg_count": 3}, 1.5, 0.08), ({"fvg_count": 4}, 1.5, 0.03), ({"swing_high_distance": -1.0}, 1.5, 0.05),
     ({"swing_high_distance": -1.1}, 1.5, 0.07), ({"swing_high_distance": -2.1}, 1.5, 0.08), ({}, 2.5, 0.05),
     ({}, 2.6, 0.02), ({}, 1.4, -0.05)],
)  # fmt: skip
def test_each_adjustment_of_the_win_probability(values, reward_risk, adjustment):
    assert win_of(60, vector(**values), reward_risk) == pytest.approx(0.55 + adjustment)


def test_win_stays_within_its_limits():
    assert win_of(0, vector(order_flow=-1.0), 1.0) == 0.45
    assert win_of(100, vector(order_flow=1.0), 1.5) == 0.75


@pytest.mark.parametrize(("distance", "points"), [(0.004, 10), (0.009, 7), (0.019, 4), (0.021, 0)])
def test_a_near_block_of_the_same_side_gives_points_that_decay(distance, points):
    view = view_of(RISE, EVEN, EVEN)
    level = (view.m5.close or 0.0) - distance
    now = view.time_ms
    view.m15.blocks.held = [OrderBlock(1, now, level - 0.001, level + 0.001, 1.0)]
    assert block_points(view, Side.LONG) == points
    assert block_points(view, Side.SHORT) == 0.0
    view.m15.blocks.held = [OrderBlock(1, now - 60 * 3_600_000, level - 0.001, level + 0.001, 1.0, tests=1)]
    assert block_points(view, Side.LONG) == pytest.approx(points * 0.5 * 0.8)


# ── proposals and passes ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_rising_market_is_bought_two_ranges_above_the_stop_and_three_below_the_target():
    view = view_of(RISE, RISE, RISE)
    said = propose(view)
    assert isinstance(said, Proposal)
    assert (said.side, said.entry, said.reasons[0]) == (Side.LONG, view.close, "PRIORITY_1")
    assert math.log(said.entry / said.stop) == pytest.approx(2 * view.m5.atr)
    assert math.log(said.target / said.entry) == pytest.approx(3 * view.m5.atr)
    assert 0.0 < said.confidence <= 1.0
    assert 0.45 <= said.win <= 0.75
    facts = dict(said.facts)
    assert set(NAMES) < set(facts)
    points = sum(value for name, value in facts.items() if name.endswith("_points"))
    assert said.confidence == pytest.approx(points * adx_factor(facts["adx_5m"]) / 100)


@pytest.mark.parametrize("bars", [CALM, mirrored(CALM)])
@pytest.mark.parametrize(("asked", "kept"), [(0.0, RISK_MIN), (0.0123, 0.0123)])
def test_a_stop_is_never_nearer_than_costs_allow_and_the_target_keeps_its_ratio(bars, asked, kept):
    said = propose(view_of(bars, bars, bars), risk_min=asked)
    assert isinstance(said, Proposal)
    risk = abs(math.log(said.entry / said.stop))
    assert risk == pytest.approx(kept, rel=1e-12)
    assert abs(math.log(said.target / said.entry)) == pytest.approx(REWARD_RISK * risk, rel=1e-12)


def test_a_falling_market_is_sold_short():
    said = propose(view_of(FALL, FALL, FALL))
    assert isinstance(said, Proposal)
    assert said.side is Side.SHORT
    assert said.target < said.entry < said.stop


def test_before_every_frame_is_warm_it_passes():
    assert propose(view_of(RISE, RISE, RISE[:49])) == Pass("WARMING_UP")
    assert propose(view_of(RISE[:49], RISE, RISE)) == Pass("WARMING_UP")


def test_where_no_rule_holds_there_is_no_direction():
    said = propose(view_of(RISE, RISE, FALL))
    assert isinstance(said, Pass)
    assert said.reason == "NO_RULE"
    assert dict(said.facts)["trend_1h"] == -1.0


def test_strict_mode_leaves_out_what_only_the_relaxed_rules_allow():
    view = view_of(RISE, RISE, flat_bars([0.0] * 90))
    relaxed, strict = propose(view), propose(view, relaxed=False)
    assert isinstance(relaxed, Proposal)
    assert relaxed.reasons[0] == "PRIORITY_5"
    assert isinstance(strict, Pass)
    assert strict.reason == "RELAXED_ONLY"


def test_a_market_that_swings_without_direction_has_too_low_an_adx():
    swinging = [bar(i, x - 0.001, x + 0.001, x, x) for i, x in enumerate([0.0, 0.01] * 200)]
    said = propose(view_of(swinging, RISE, RISE))
    assert isinstance(said, Pass)
    assert said.reason == "ADX_TOO_LOW"
    assert dict(said.facts)["adx_5m"] < 5


def test_a_market_that_stands_still_or_is_torn_apart_gets_no_levels():
    still = [candle(i, 1.0) for i in range(2000)]
    m5 = Structure.of(300_000, [candle(0, 0.9), *still])
    quiet = IctView("X", m5.closed_ms, 1.0, m5, read(RISE, 900_000), read(RISE, 3_600_000))
    assert reason_of(propose(quiet)) == "ATR_OUT_OF_RANGE"
    loud = flat_bars([0.5 * i for i in range(90)], reach=0.0)
    assert reason_of(propose(view_of(loud, RISE, RISE))) == "ATR_OUT_OF_RANGE"


def candle(number: int, price: float) -> Candle:
    return Candle(number * 300_000, price, price, price, price, 1.0)


def reason_of(said: Proposal | Pass) -> str:
    assert isinstance(said, Pass)
    return said.reason


def test_what_the_newest_bars_did_stands_in_the_reasons():
    seen = Counter()
    for seed in range(60):
        said = propose(view_of(*(walk_bars(seed * 3 + i, 90, step=8) for i in range(3))))
        if isinstance(said, Proposal):
            seen.update(said.reasons)
    assert {"BOS_5M_WITH", "BOS_15M_WITH"} <= set(seen)


# ── symmetries ────────────────────────────────────────────────────────────────────────────────────────────────────

SEEDS = st.tuples(*[st.integers(0, 10**6)] * 3)


@settings(max_examples=60)
@given(seeds=SEEDS, size=st.integers(45, 120), flow=st.floats(-1, 1) | st.none(), relaxed=st.booleans())
def test_a_mirrored_market_gets_the_mirrored_answer(seeds, size, flow, relaxed):
    markets = [walk_bars(seed, size, step=6) for seed in seeds]
    book = Book(5_000.0, 2e-4)
    here = propose(view_of(*markets, flow, book), relaxed)
    there = propose(view_of(*map(mirrored, markets), None if flow is None else -flow, book), relaxed)
    if isinstance(here, Pass):
        assert isinstance(there, Pass)
        assert there.reason == here.reason
        return
    assert isinstance(there, Proposal)
    assert (there.side, there.confidence, there.win) == (here.side.opposite, here.confidence, here.win)
    assert there.reasons == here.reasons
    for level in ("entry", "stop", "target"):
        assert getattr(here, level) * getattr(there, level) == pytest.approx(1.0, rel=1e-12)


@settings(max_examples=40)
@given(candles=any_candles(max_size=80))
def test_whatever_the_market_does_the_answer_is_finite_and_its_levels_in_order(candles):
    frames = [Structure.of(interval_ms, candles) for interval_ms in FRAMES_MS.values()]
    said = propose(IctView("X", 0, candles[-1].close, *frames))
    if isinstance(said, Proposal):
        numbers = [said.entry, said.stop, said.target, said.confidence, said.win, *(value for _, value in said.facts)]
        assert all(map(math.isfinite, numbers))
        assert 0.0 < min(said.stop, said.target) < said.entry < max(said.stop, said.target)
