"""Fair value gaps and how they are filled."""

from __future__ import annotations

import pytest

from domain.smc import Bar
from tests.domain.bar_series import STEP_MS, bar, mirrored, read

UP = [bar(0, 0.90, 1.00, 0.95, 0.99), bar(1, 0.99, 1.10, 0.99, 1.09), bar(2, 1.08, 1.20, 1.09, 1.19)]


def then(low: float, high: float, number: int = 3) -> Bar:
    return bar(number, low, high, high, high)


def test_three_bars_that_jump_over_prices_leave_a_gap_between_first_and_third():
    (gap,) = read(UP).gaps.held
    assert (gap.side, gap.low, gap.high, gap.touched, gap.fill) == (1, 1.00, 1.08, False, 0.0)
    (gap,) = read(mirrored(UP)).gaps.held
    assert (gap.side, gap.low, gap.high) == (-1, -1.08, -1.00)


@pytest.mark.parametrize("mirror", [list, mirrored])
@pytest.mark.parametrize(
    ("low", "untouched", "fill"), [(1.09, 1, 0.0), (1.08, 0, 0.0), (1.06, 0, 0.25), (1.02, 0, 0.75)]
)
def test_a_later_bar_touches_and_fills_by_how_deep_it_goes(mirror, low, untouched, fill):
    gaps = read(mirror([*UP, then(low, 1.2)])).gaps
    assert gaps.untouched == untouched
    assert gaps.held[0].fill == pytest.approx(fill)


@pytest.mark.parametrize("mirror", [list, mirrored])
@pytest.mark.parametrize(("low", "high"), [(1.00, 1.2), (0.5, 1.2), (0.5, 0.6)])
def test_a_bar_that_goes_through_or_jumps_across_ends_the_gap(mirror, low, high):
    held = read(mirror([*UP, then(low, high)])).gaps.held
    assert all(gap.at == 4 for gap in held)  # the jump may leave a gap of its own, but the old one is gone


def test_the_deepest_fill_stays():
    (gap,) = read([*UP, then(1.02, 1.2), then(1.06, 1.2, 4)]).gaps.held
    assert gap.fill == pytest.approx(0.75)


def test_a_gap_below_a_tenth_of_a_percent_is_none():
    narrow = [UP[0], UP[1], bar(2, 1.0009, 1.2, 1.1, 1.19)]
    assert read(narrow).gaps.held == []
    assert len(read([UP[0], UP[1], bar(2, 1.0011, 1.2, 1.1, 1.19)]).gaps.held) == 1


def test_missing_candles_are_a_hole_in_the_data_and_no_gap():
    late = Bar(3 * STEP_MS, 1.09, 1.20, 1.08, 1.19, 1.0)
    assert read([UP[0], UP[1], late]).gaps.held == []


def test_a_gap_lives_thirty_bars():
    later = [then(1.15, 1.2, 3 + i) for i in range(30)]
    assert read([*UP, *later[:29]]).gaps.untouched == 1
    assert read([*UP, *later]).gaps.untouched == 0
