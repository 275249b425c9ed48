"""Swing points, the structure code, and the table of breaks."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain.smc import Bar, break_of, structure_code
from tests.domain.bar_series import flat_bars, mirrored, read

UP_AND_DOWN = [*range(8), *range(6, -1, -1), *range(1, 8)]


def zigzag(turns: list[float], steps: int = 8) -> list[Bar]:
    """Give bars whose closes walk from turn to turn."""
    closes = [turns[0]]
    for start, end in pairwise(turns):
        closes += [start + (end - start) * i / steps for i in range(1, steps + 1)]
    return flat_bars(closes)


def test_a_swing_is_known_at_the_close_of_the_fifth_bar_after_it():
    bars = flat_bars([float(x) for x in UP_AND_DOWN])  # the top is bar 8, as bars count from 1
    assert read(bars[:13]).swings.highs == []
    structure = read(bars[:14])
    # bar 9 opens where bar 8 closed, so both reach as high: neither is *strictly* above the other
    assert structure.swings.highs == []
    peaked = [*bars[:7], Bar(bars[7].open_ms, 6.0, 9.0, 5.0, 7.0, 1.0), *bars[8:]]
    assert read(peaked[:12]).swings.highs == []
    swing = read(peaked[:13]).swings.highs[0]
    assert (swing.at, swing.level, swing.known_at, swing.open_ms) == (8, 9.0, 13, bars[7].open_ms)


@pytest.mark.parametrize(
    ("highs", "lows", "code"),
    [
        ([1.0, 2.0, 3.0], [0.1, 0.2, 0.3], 1),
        ([1.0, 2.0], [0.1, 0.2], 1),
        ([3.0, 2.0, 1.0], [0.3, 0.2, 0.1], -1),
        ([1.0, 2.0, 3.0], [0.3, 0.2, 0.1], 0),
        ([1.0, 2.0, 2.0], [0.1, 0.2, 0.3], 0),
        ([2.0, 1.0, 3.0], [0.1, 0.2, 0.3], 0),
        ([1.0, 2.0, 3.0], [0.1], 0),
        ([], [], 0),
    ],
)
def test_the_structure_code_needs_every_step_to_go_the_same_way(highs, lows, code):
    assert structure_code(highs, lows) == code
    assert structure_code([-low for low in lows], [-high for high in highs]) == -code


@pytest.mark.parametrize(
    ("trend", "over", "under", "expected"),
    [
        (1, 0.1, 0.0, ("BOS", 1)),
        (1, 0.0, 0.1, ("CHOCH", -1)),
        (1, 0.1, 0.5, ("BOS", 1)),
        (-1, 0.1, 0.0, ("CHOCH", 1)),
        (-1, 0.0, 0.1, ("BOS", -1)),
        (-1, 0.5, 0.1, ("BOS", -1)),
        (0, 0.1, 0.0, ("BOS", 1)),
        (0, 0.0, 0.1, ("BOS", -1)),
        (0, 0.2, 0.1, ("BOS", 1)),
        (0, 0.1, 0.2, ("BOS", -1)),
        (0, 0.1, 0.1, (None, 0)),
        (1, 0.0, 0.0, (None, 0)),
    ],
)
def test_the_table_of_breaks(trend, over, under, expected):
    kind, side = break_of(trend, over, under)
    assert (kind, side) == expected
    assert break_of(-trend, under, over) == (kind, -side)


RISING = [0.0, 20.0, 10.0, 30.0, 20.0, 40.0, 30.0]


def with_peaks(bars: list[Bar]) -> list[Bar]:
    """Make every turn a strict one: a bar that turns reaches a little farther than its neighbours."""
    out = list(bars)
    for i in range(1, len(bars) - 1):
        before, here, after = (b.close for b in bars[i - 1 : i + 2])
        if here > max(before, after):
            out[i] = Bar(bars[i].open_ms, bars[i].open, here + 1.0, bars[i].low, here, 1.0)
        elif here < min(before, after):
            out[i] = Bar(bars[i].open_ms, bars[i].open, bars[i].high, here - 1.0, here, 1.0)
    return out


@pytest.mark.parametrize("mirror", [list, mirrored])
def test_rising_swings_make_a_rising_structure_whose_next_high_is_a_bos_and_whose_next_low_turns_it(mirror):
    bars = mirror(with_peaks(zigzag([*RISING, 50.0, 60.0])))
    structure, breaks = read([]), []
    for one in bars:
        structure.update_bar(one)
        if structure.broke:
            breaks.append(structure.broke)
    sign = 1 if mirror is list else -1
    assert structure.code == sign
    assert [(b.kind, b.side) for b in breaks[-2:]] == [("BOS", sign)] * 2
    assert breaks[-1].level == sign * 41.0
    (low,) = mirror([Bar(bars[-1].open_ms + 1, 60.0, 60.0, 20.0, 30.0, 1.0)])
    structure.update_bar(low)
    assert structure.broke is not None
    assert (structure.broke.kind, structure.broke.side) == ("CHOCH", -sign)


def test_a_level_breaks_once():
    bars = with_peaks(zigzag([0.0, 20.0, 10.0, 40.0]))
    structure, times = read([]), 0
    for one in bars:
        structure.update_bar(one)
        times += structure.broke is not None and structure.broke.level == 21.0
    assert times == 1
    assert structure.swings.last_break is not None
    assert structure.swings.last_break.strength > 0.0
