"""Fewer points that look the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.html.thinning import binned, thinned

FLOATS = st.floats(-1e9, 1e9)


def test_a_short_curve_stays_as_it_is() -> None:
    assert thinned([1, 2, 3], [3.0, 1.0, 2.0], points_max=4) == ([1, 2, 3], [3.0, 1.0, 2.0])


def test_the_highest_and_the_lowest_point_of_a_stretch_survive() -> None:
    y = [0.0] * 100
    y[30], y[60] = 9.0, -9.0
    assert thinned(list(range(100)), y, points_max=4) == ([0, 30, 60, 99], [0.0, 9.0, -9.0, 0.0])


@given(st.lists(FLOATS, min_size=1, max_size=200), st.integers(4, 30))
def test_a_thinned_curve_has_few_points_and_all_extremes(y: list[float], points_max: int) -> None:
    x = list(range(len(y)))
    few_x, few_y = thinned(x, y, points_max)
    assert len(few_x) == len(few_y) <= points_max
    assert (min(few_y), max(few_y)) == (min(y), max(y))
    assert (few_x[0], few_x[-1]) == (x[0], x[-1])
    assert few_x == sorted(set(few_x))
    assert all(y[place] == value for place, value in zip(few_x, few_y, strict=True))


@given(st.lists(FLOATS, max_size=100))
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    middles, counts, _ = binned(values)
    assert sum(counts) == len(values)
    assert len(middles) == len(counts) <= 42


def test_a_bin_counts_what_lies_around_its_middle() -> None:
    assert binned([0.0, 1.0, 9.0, 10.0], bins=2) == ([2.5, 7.5, 12.5], [2, 1, 1], 5.0)


def test_no_bin_holds_both_gains_and_losses() -> None:
    middles, counts, width = binned([-3.0, -0.1, 0.1, 5.0], bins=4)
    assert width == 2.0
    assert dict(zip(middles, counts, strict=True)) == {-3.0: 1, -1.0: 1, 1.0: 1, 3.0: 0, 5.0: 1}


def test_values_that_are_the_same_are_one_bin() -> None:
    assert binned([7.0, 7.0]) == ([7.0], [2], 1.0)
