"""Order blocks: which candles leave one, how good it is, and how it wears out."""

from __future__ import annotations

import msgspec
import pytest

from domain.smc import Bar, OrderBlock, Structure, quality_of, time_decay, wear
from tests.domain.bar_series import STEP_MS, bar, mirrored, read

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("hours", "left"), [(0, 1.0), (48, 1.0), (54, 0.75), (60, 0.5), (66, 0.25), (72, 0.0), (500, 0.0)]
)
def test_time_wears_a_block_from_the_48th_to_the_72nd_hour(hours, left):
    assert time_decay(hours * HOUR_MS) == pytest.approx(left)


@pytest.mark.parametrize(("tests", "left"), [(0, 1.0), (1, 0.8), (2, 0.6), (3, 0.0), (9, 0.0)])
def test_tests_wear_a_block_until_the_third_takes_the_rest(tests, left):
    assert wear(tests) == pytest.approx(left)


def test_decay_is_by_time_and_by_tests():
    block = OrderBlock(1, 0, 1.0, 2.0, 0.5, tests=2)
    assert block.decay(60 * HOUR_MS) == pytest.approx(0.5 * 0.6)


def test_quality_weighs_amount_body_and_rejection():
    assert quality_of(3.0, 1.0, 0.05) == pytest.approx(1.0)
    assert quality_of(1.5, 0.7, 0.025) == pytest.approx(0.15 + 0.21 + 0.2)
    assert quality_of(30.0, 1.0, 5.0) == pytest.approx(1.0)


def quiet(count: int, price: float = 0.0, start: int = 0) -> list[Bar]:
    return [bar(start + i, price - 0.001, price + 0.001, price, price) for i in range(count)]


def strong(amount: float = 10.0, body: float = 0.04, wick: float = 0.005) -> list[Bar]:
    """Give 25 quiet bars, a strong rising one from a wick below, and three that close higher."""
    top = body
    rising = bar(25, -wick, top, 0.0, top, amount)
    return [*quiet(25), rising, *(bar(26 + i, top, top + 0.02, top, top + 0.01 * (i + 1)) for i in range(3))]


@pytest.mark.parametrize("mirror", [list, mirrored])
def test_a_strong_candle_that_three_closes_confirm_leaves_the_zone_it_came_from(mirror):
    bars, sign = mirror(strong()), 1 if mirror is list else -1
    assert read(bars[:-1]).blocks.held == []
    (block,) = read(bars).blocks.held
    assert (block.side, block.created_ms, block.tests) == (sign, 26 * STEP_MS, 0)
    assert sorted((block.low * sign, block.high * sign)) == [-0.005, 0.0]
    ratio, body = 10.0 / (29.0 / 20.0), 0.04 / 0.045
    assert block.quality == pytest.approx(quality_of(ratio, body, 0.03))


@pytest.mark.parametrize("weak", [
    {"amount": 1.4},             # not 1.5 times its mean
    {"wick": 0.03},              # body below 70 % of the range
    {"wick": 0.0},               # no zone left to come from
])  # fmt: skip
def test_a_weak_candle_leaves_none(weak):
    assert read(strong(**weak)).blocks.held == []


def test_two_of_three_closes_must_go_beyond():
    bars = strong()
    back = [bar(26 + i, 0.02, 0.05, 0.04, close) for i, close in enumerate((0.03, 0.045, 0.03))]
    assert read([*bars[:26], *back]).blocks.held == []
    assert len(read([*bars[:26], *back[:2], bar(28, 0.02, 0.05, 0.03, 0.05)]).blocks.held) == 1


def test_a_missing_candle_between_confirms_nothing():
    bars = strong()
    late = msgspec.structs.replace(bars[-1], open_ms=bars[-1].open_ms + STEP_MS)
    assert read([*bars[:-1], late]).blocks.held == []


def away(number: int) -> Bar:
    return bar(number, 0.04, 0.06, 0.05, 0.05)


def touching(number: int) -> Bar:
    return bar(number, -0.002, 0.06, 0.05, 0.05)


def test_each_return_into_the_zone_is_one_test_however_long_it_stays():
    structure = read(strong())
    block = structure.blocks.held[0]
    for number, one, tests in ((29, away, 0), (30, touching, 1), (31, touching, 1), (32, away, 1), (33, touching, 2)):
        structure.update_bar(one(number))
        assert block.tests == tests
    structure.update_bar(away(34))
    structure.update_bar(touching(35))
    assert structure.blocks.held == []


def test_a_close_beyond_the_far_end_breaks_the_block():
    structure = read(strong())
    structure.update_bar(bar(29, -0.02, 0.06, 0.05, -0.004))
    assert len(structure.blocks.held) == 1
    structure.update_bar(bar(30, -0.02, 0.06, 0.05, -0.006))
    assert structure.blocks.held == []


def test_the_72nd_hour_ends_a_block():
    structure = read(strong())
    last = 26 + 72 * 12
    for number in range(29, last - 1):
        structure.update_bar(away(number))
    assert [block.decay(structure.closed_ms) > 0 for block in structure.blocks.held] == [True]
    structure.update_bar(away(last - 1))
    assert structure.blocks.held == []


def test_the_nearest_block_is_of_the_asked_side():
    structure = Structure(STEP_MS)
    structure.blocks.held = [OrderBlock(1, 0, 0.0, 0.2, 1.0), OrderBlock(1, 0, 0.4, 0.6, 1.0),
                             OrderBlock(-1, 0, 0.6, 0.8, 1.0)]  # fmt: skip
    assert structure.blocks.nearest(1, 0.7) is structure.blocks.held[1]
    assert structure.blocks.nearest(-1, 0.0) is structure.blocks.held[2]
    assert read([]).blocks.nearest(1, 0.0) is None


# ── the counted feature ───────────────────────────────────────────────────────────────────────────────────────────


def plain_block(retest_after: int | None, quiet_after: int = 60) -> list[Bar]:
    """Give a falling bar below five lows, a bar above it, and a retest so many bars after the block."""
    bars = [bar(i, 0.9, 1.1, 1.0, 1.0) for i in range(8)]
    bars += [bar(8, 0.5, 0.95, 0.9, 0.6), bar(9, 0.7, 1.5, 0.8, 1.4)]
    for i in range(2, quiet_after):
        low = 0.9 if i == retest_after else 1.3
        bars.append(bar(8 + i, low, 1.5, 1.4, 1.4))
    return bars


@pytest.mark.parametrize("mirror", [list, mirrored])
@pytest.mark.parametrize(("after", "count"), [(None, 0), (2, 1), (10, 1), (19, 1), (20, 0)])
def test_a_plain_block_counts_once_price_came_back_in_time(mirror, after, count):
    assert read(mirror(plain_block(after, 40))).retested.count == count


def test_a_counted_block_is_forgotten_after_fifty_bars_not_kept_from_the_oldest():
    bars = plain_block(5, 70)
    assert read(bars[: 9 + 49]).retested.count == 1
    assert read(bars[: 9 + 50]).retested.count == 0
