"""The tracks' arithmetic: percentiles, lines, outliers, swings, and series joined by time."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks import HOUR, START, hours_fed, reference, walk

from domain.factors import FactorState, independence
from domain.factors.context import Reference, percentile
from domain.factors.series import History, deviation, interpolate_outliers, line
from domain.factors.tracks import OpenInterestTrack

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(numbers, st.integers(1, 20), st.sampled_from([0.0, 0.25, 0.5, 0.95, 1.0]))
def test_a_history_knows_the_percentiles_of_its_newest_numbers(xs: list[float], capacity: int, share: float) -> None:
    history = History(capacity)
    for x in xs:
        history.add(x)
    newest = xs[-capacity:]
    assert history.arrived == newest
    assert history.percentile(share) == pytest.approx(float(np.percentile(newest, 100 * share)), abs=1e-9)
    assert history.mean() == pytest.approx(sum(newest) / len(newest), abs=1e-6)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=30), st.floats(-1e6, 1e6))
def test_a_line_is_the_least_squares_fit_at_any_level(ys: list[float], level: float) -> None:
    slope, r2 = line(ys)
    assert slope == pytest.approx(float(np.polyfit(np.arange(len(ys)), ys, 1)[0]), abs=1e-6)
    assert 0.0 <= r2 <= 1.0
    assert line([y + level for y in ys])[0] == pytest.approx(slope, abs=1e-6)
    assert line([-y for y in ys])[0] == -slope


def test_a_line_of_one_level_has_no_slope_and_no_fit() -> None:
    assert line([5.0] * 7) == (0.0, 0.0)


@given(numbers)
def test_deviation_is_the_population_s(xs: list[float]) -> None:
    assert deviation(xs) == pytest.approx(float(np.std(xs)), abs=1e-6)


def test_outliers_are_bridged_and_not_halved() -> None:
    """V41 multiplied an outlying *level* by a half, which made a dip where there had been a spike."""
    series = [100.0 + at for at in range(25)]
    spiked = [*series[:10], 900.0, *series[11:]]
    assert interpolate_outliers(spiked) == pytest.approx(series)
    assert interpolate_outliers([*series[:-1], 900.0])[-1] == series[-2]
    assert interpolate_outliers([-900.0, *series[1:]])[0] == series[1]
    assert interpolate_outliers(series) == series
    assert percentile([3.0], 0.7) == 3.0


def test_a_spike_of_open_interest_does_not_change_its_growth() -> None:
    calm, spiked = OpenInterestTrack(), OpenInterestTrack()
    for at in range(40):
        level = 1e8 * (1.0 + 0.001 * at)
        calm.add(START + at * HOUR, level)
        spiked.add(START + at * HOUR, level * (3.0 if at == 30 else 1.0))
    assert calm.growth == pytest.approx(2.4, rel=0.05)  # percent a day, not a fraction
    assert spiked.growth == pytest.approx(calm.growth, rel=1e-6)
    assert not calm.add(START, 1e8)
    assert not calm.add(START + 99 * HOUR, math.nan)


def test_returns_are_joined_by_time_and_not_by_place() -> None:
    """V41 joined by place, onto BTC and ETH closes that were frozen at the start."""
    btc = walk(1, 60)
    state = hours_fed(btc[:50])  # the coin is BTC itself, an hour or ten behind the reference
    own = Reference(state.hour.last_open_ms, tuple(state.hour.close[-27:]))
    for ahead in (0, 1, 10):
        lead = reference(btc[: 50 + ahead])
        last_ms = min(own.last_open_ms, lead.last_open_ms)
        pairs = zip(reversed(independence.joined(own, last_ms)), reversed(independence.joined(lead, last_ms)))  # noqa: B905
        assert all(a == pytest.approx(b) for a, b in pairs)
    assert independence.joined(lead, last_ms - 60 * HOUR) == []


def test_leads_that_can_not_be_told_apart_count_as_one() -> None:
    moves = [0.01, -0.02, 0.015, 0.003] * 6
    assert independence.betas(moves, moves, moves) == pytest.approx((1.0, 0.0))
    assert independence.betas(moves, [0.0] * 24, moves) == pytest.approx((0.0, 1.0))
    assert independence.betas(moves, [0.0] * 24, [0.0] * 24) == (0.0, 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_swings_alternate_and_never_repaint(seed: int) -> None:
    state, known = FactorState(), dict[int, float]()
    for candle in walk(seed, 200):
        state.close("1h", candle)
        pivots = state.swings.pivots
        for at, price in pivots:
            assert known.setdefault(at, price) == price
        rises = [after[1] > before[1] for before, after in pairwise(pivots)]
        assert all(one != other for one, other in pairwise(rises))
        assert sorted(at for at, _ in pivots) == [at for at, _ in pivots]
    assert len(known) > 20
