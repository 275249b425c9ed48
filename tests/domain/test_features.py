"""The 12 features: order, formulas, sides, and what is missing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.analysis.features import (
    DEFAULTS,
    FEATURES_VERSION,
    NAMES,
    SIGNED,
    Book,
    IctView,
    alignment,
    convergence,
    features,
    integrity,
    liquidity_context,
    participation,
)
from domain.smc import Structure
from domain.values import Side
from tests.domain.bar_series import FRAMES_MS, any_candles, mirrored, read, shifted, walk_bars


def view_of(seeds=(1, 2, 3), size=120, turn=list, flow=None, book=None) -> IctView:
    frames = {
        name: read(turn(walk_bars(seed, size)), interval_ms)
        for seed, (name, interval_ms) in zip(seeds, FRAMES_MS.items(), strict=True)
    }
    close = frames["m5"].close
    return IctView("X", frames["m5"].closed_ms, math.exp(close or 0.0), **frames, order_flow=flow, book=book)


EMPTY = IctView("X", 0, 1.0, Structure(300_000), Structure(900_000), Structure(3_600_000))


def test_the_order_and_the_version_are_fixed():
    assert FEATURES_VERSION == 1
    assert NAMES == (
        "market_structure", "order_blocks_count", "institutional_candle", "liquidity_grab", "order_flow", "fvg_count",
        "trend_alignment_enhanced", "swing_high_distance", "structure_integrity", "institutional_participation",
        "timeframe_convergence", "liquidity_context",
    )  # fmt: skip
    assert [NAMES.index(name) + 1 for name in SIGNED] == [1, 5, 8]


def test_where_nothing_is_known_every_feature_is_its_default_and_named_as_missing():
    vector = features(EMPTY, Side.LONG)
    assert vector.values == DEFAULTS
    assert vector.missing == NAMES


def test_without_trades_and_book_three_features_say_so():
    vector = features(view_of(), Side.LONG)
    assert vector.missing == ("order_flow", "institutional_participation", "liquidity_context")
    assert vector["order_flow"] == 0.0
    assert features(view_of(flow=0.5, book=Book(1.0, 0.0)), Side.LONG).missing == ()


def test_nine_bars_say_nothing_ten_do():
    assert "fvg_count" in features(view_of(size=9), Side.LONG).missing
    assert "fvg_count" not in features(view_of(size=10), Side.LONG).missing


def test_a_flow_or_a_book_that_is_no_number_is_missing():
    vector = features(view_of(flow=math.nan, book=Book(math.nan, 0.0)), Side.LONG)
    assert "order_flow" in vector.missing
    assert all(map(math.isfinite, vector.values))


# ── formulas ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("codes", "value"),
    [((1, 1, 1), 1.0), ((-1, -1, -1), 1.0), ((0, 0, 0), 0.0), ((1, 1, 0), 0.5), ((1, -1, 1), 0.5), ((1, 0, -1), 0.0),
     ((0, 1, 1), 0.0), ((0, 0, 1), 0.5)],
)  # fmt: skip
def test_alignment(codes, value):
    assert alignment(*codes) == value
    assert alignment(*(-code for code in codes)) == value


@pytest.mark.parametrize(
    ("codes", "deviation"), [((1, 1, 1), 0.0), ((1, 0, -1), math.sqrt(2 / 3)), ((1, 1, -1), math.sqrt(8 / 9))]
)
def test_convergence(codes, deviation):
    assert convergence(*codes) == pytest.approx(1 - deviation / 2)
    assert 0.528 < convergence(1, 1, -1) < 0.529


def test_integrity_and_participation():
    assert integrity(0, 5, 0) == 0.0
    assert integrity(-1, 0, 3) == pytest.approx(0.4 + 0.3 + 0.3 * math.tanh(1))
    assert integrity(1, 2, 0) == pytest.approx(0.4 + 0.3 * 0.6)
    assert participation(1, -0.5, 1) == pytest.approx(0.5 + 0.15 + 0.2)


def test_liquidity_context():
    assert liquidity_context(None, 1.0) == 0.3
    assert liquidity_context(Book(1e12, 0.0), 1.0) == pytest.approx(1.0)
    assert liquidity_context(Book(10_000.0, 0.0005), 0.0) == pytest.approx(0.7 * (0.6 * math.tanh(1) + 0.2))
    assert liquidity_context(Book(0.0, 0.5), 0.0) == 0.0


def test_a_book_is_measured_in_usdt_so_that_the_unit_of_the_coin_does_not_matter():
    book, other = Book.of(2.0, 100.0, 2.002, 50.0), Book.of(2000.0, 0.1, 2002.0, 0.05)
    assert (book.depth, book.spread) == (pytest.approx(150.05), pytest.approx(math.log(1.001)))
    assert (other.depth, other.spread) == (pytest.approx(book.depth), pytest.approx(book.spread))


def test_the_swing_distance_of_a_long_goes_to_the_high_that_of_a_short_to_the_low_in_ranges_of_5m():
    view = view_of()
    close, atr, swings = view.m5.close, view.m5.atr, view.m15.swings
    assert features(view, Side.LONG)["swing_high_distance"] == (close - swings.highs[-1].level) / atr
    assert features(view, Side.SHORT)["swing_high_distance"] == (swings.lows[-1].level - close) / atr


# ── symmetries ────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=20)
@given(seeds=st.tuples(*[st.integers(0, 10**6)] * 3), size=st.integers(1, 130), flow=st.floats(-1, 1) | st.none())
def test_a_mirrored_market_gives_the_other_side_the_same_vector(seeds, size, flow):
    here = view_of(seeds, size, flow=flow, book=Book(100.0, 1e-4))
    there = view_of(seeds, size, mirrored, None if flow is None else -flow, Book(100.0, 1e-4))
    assert features(there, Side.SHORT).values == features(here, Side.LONG).values
    assert features(there, Side.LONG).values == features(here, Side.SHORT).values
    assert features(there, Side.SHORT).missing == features(here, Side.LONG).missing


@settings(max_examples=15)
@given(seeds=st.tuples(*[st.integers(0, 10**6)] * 3), size=st.integers(1, 130))
def test_a_market_in_another_unit_gives_the_same_vector(seeds, size):
    here, there = features(view_of(seeds, size), Side.LONG), features(view_of(seeds, size, shifted), Side.LONG)
    assert there.values == pytest.approx(here.values, rel=1e-9, abs=1e-12)


@settings(max_examples=40)
@given(candles=any_candles(), flow=st.floats() | st.none())
def test_every_value_is_finite_whatever_the_market_does(candles, flow):
    frames = [Structure.of(interval_ms, candles) for interval_ms in FRAMES_MS.values()]
    for side in Side:
        values = features(IctView("X", 0, 1.0, *frames, flow), side).values
        assert len(values) == 12
        assert all(map(math.isfinite, values))
