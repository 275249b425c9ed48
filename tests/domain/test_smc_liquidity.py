"""Zones, grabs, traps, signs of reversal, and institutional candles."""

from __future__ import annotations

import pytest

from domain.smc import Bar, Reversal, Signs, Structure, Zone
from domain.smc.bars import Tail
from tests.domain.bar_series import STEP_MS, bar, mirrored, read, walk_bars


@pytest.mark.parametrize(("spread", "zones"), [((0.0, 0.001, 0.002), 1), ((0.0, 0.001, 0.0021), 0)])
def test_three_highs_within_a_fifth_of_a_percent_are_a_resistance(spread, zones):
    bars = [bar(i, -i * 0.1, 1.0 + i * 0.01, 0.5, 0.5) for i in range(17)]
    bars += [bar(17 + i, -9.0 - i, 3.0 - below, 0.5, 0.5) for i, below in enumerate(spread)]
    assert read(bars[:-1]).zones == ()
    assert read(bars).zones == (Zone(-1, 3.0, 3),) * zones
    assert read(mirrored(bars)).zones == (Zone(1, -3.0, 3),) * zones


def swing_market() -> list[Bar]:
    """Give bars whose last swing high lies at 1.0, seven bars before the end, with a steady range of 0.1."""
    bars = [bar(i, 0.0, 0.1, 0.05, 0.05) for i in range(24)]
    bars[16] = bar(16, 0.0, 1.0, 0.05, 0.05)
    return bars


@pytest.mark.parametrize("mirror", [list, mirrored])
@pytest.mark.parametrize(("high", "close", "grabbed"), [(2.0, 0.9, True), (2.0, 1.1, False), (1.05, 0.9, False)])
def test_a_bar_well_beyond_the_swing_that_closes_back_grabs_liquidity(mirror, high, close, grabbed):
    bars = mirror([*swing_market(), bar(24, 0.0, high, 0.05, close)])
    structure = read(bars)
    assert structure.grab == (grabbed, (-1 if mirror is list else 1) if grabbed else 0)


def test_a_swing_confirmed_by_the_last_two_bars_does_not_count_yet():
    bars, spike = swing_market(), [bar(22, 0.0, 2.0, 0.05, 0.9), bar(23, 0.0, 2.0, 0.05, 0.9)]
    early, late = read([*bars[:22], spike[0]]), read([*bars[:23], spike[1]])
    assert early.swings.highs[-1].level == late.swings.highs[-1].level == 1.0
    assert (early.grab[0], late.grab[0]) == (False, True)


def test_a_bar_that_grabs_both_ways_has_no_side():
    bars = swing_market()
    bars[16] = bar(16, -1.0, 1.0, 0.05, 0.05)
    structure = read([*bars, bar(24, -3.0, 3.0, 0.05, 0.05)])
    assert structure.grab == (True, 0)


@pytest.mark.parametrize("mirror", [list, mirrored])
@pytest.mark.parametrize(
    ("high", "close", "sign"), [(0.115, 0.09, -1), (0.109, 0.09, 0), (0.115, 0.096, 0), (0.115, 0.12, 0)]
)
def test_a_trap_goes_beyond_the_extreme_and_comes_back_inside(mirror, high, close, sign):
    calm = [bar(i, 0.08, 0.10, 0.09, 0.09) for i in range(20)]
    after = [bar(20, 0.08, high, 0.09, 0.09), bar(21, 0.085, 0.1, 0.09, 0.09), bar(22, 0.08, 0.125, 0.09, close)]
    after[2] = Bar(after[2].open_ms, 0.09, max(close, 0.1), 0.08, close, 1.0)
    structure = read(mirror([*calm, *after]))
    assert structure.reversal.signs(structure.tail).trap == (sign if mirror is list else -sign)


def test_a_trap_alone_is_enough_to_skip_and_the_signs_add_up():
    assert Signs(-1, 0, 0).against(1) == pytest.approx(0.4)
    assert Signs(-1, -1, -1).against(1) == pytest.approx(0.9)
    assert Signs(-1, 1, 1).against(-1) == pytest.approx(0.5)
    assert Reversal().signs(Tail()).against(1) == 0.0


def test_divergence_and_fading_happen_and_point_against_the_move():
    structure, divergences, fadings = Structure(STEP_MS), set(), set()
    for one in walk_bars(21, 4000):
        structure.update_bar(one)
        kept = structure.reversal
        signs = kept.signs(structure.tail)
        divergences.add(signs.divergence)
        fadings.add(signs.fading)
        assert signs.divergence * kept.strength.gain <= signs.divergence * kept.strength.loss
        assert not signs.fading or signs.fading * kept.histograms[0] < 0.0
    assert divergences == fadings == {-1, 0, 1}


@pytest.mark.parametrize("mirror", [list, mirrored])
@pytest.mark.parametrize(
    ("amount", "body", "expected"), [(10.0, 0.9, True), (10.0, 0.7, False), (1.0, 0.9, False), (0.0, 0.9, False)]
)
def test_an_institutional_candle_is_mostly_body_on_an_unusual_amount(mirror, amount, body, expected):
    quiet = [bar(i, 0.0, 1.0, 0.5, 0.5, 1.0 + i % 2) for i in range(20)]
    last = bar(20, 0.0, 1.0, 0.0, body, amount)
    assert read(mirror([*quiet, last])).institutional is expected
    assert not read(mirror([*quiet[1:], last])).institutional  # more than 20 bars are needed


def test_where_nothing_is_traded_nobody_large_takes_part():
    assert not read([bar(i, 0.0, 1.0, 0.0, 1.0, 0.0) for i in range(30)]).institutional
