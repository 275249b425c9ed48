"""All intervals of one symbol: what closes when, warm-up history, indicators, checkpoints."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.candles import CAPACITIES, FrameBuilder, Frames
from domain.errors import InvalidInput
from domain.indicators import IndicatorSet
from domain.market import INTERVALS_MS, MINUTE_MS, Candle

DAY = 1440
MIDNIGHT = 20_000 * DAY


def market(first_minute: int, size: int, seed: int = 1) -> list[Candle]:
    """Give contiguous 1m candles of a random walk, `first_minute` counted from the epoch."""
    draw, price, candles = random.Random(seed), 100.0, []
    for at in range(size):
        opened, price = price, price * (1 + draw.gauss(0, 1e-3))
        high, low = max(opened, price) * 1.0005, min(opened, price) * 0.9995
        open_time_ms = (first_minute + at) * MINUTE_MS
        candles.append(Candle(open_time_ms, opened, high, low, price, draw.uniform(0, 9), mark=price, trades=at))
    return candles


def joined(candles: list[Candle], interval: str) -> list[Candle]:
    """Build an interval directly from the minutes, without the steps in between."""
    builder = FrameBuilder(INTERVALS_MS[interval], MINUTE_MS)
    return [candle for candle in map(builder.add, candles) if candle is not None]


def fed(candles: list[Candle], frames: Frames | None = None) -> Frames:
    frames = frames or Frames()
    for candle in candles:
        frames.push(candle)
    return frames


TWO_DAYS = market(MIDNIGHT, 2 * DAY)


def test_at_a_boundary_all_frames_close_together_the_base_first():
    frames = Frames()
    closed = [frames.push(candle) for candle in TWO_DAYS[:DAY]]
    assert closed[0] == closed[3] == ("1m",)
    assert closed[4] == ("1m", "5m")
    assert closed[14] == ("1m", "5m", "15m")
    assert closed[59] == ("1m", "5m", "15m", "1h")
    assert closed[239] == ("1m", "5m", "15m", "1h", "4h")
    assert closed[1439] == ("1m", "5m", "15m", "1h", "4h", "1d")


@pytest.mark.parametrize("interval", ["5m", "15m", "1h", "4h", "1d"])
def test_a_frame_built_step_by_step_equals_one_built_from_the_minutes(interval):
    window = fed(TWO_DAYS).frame(interval).window
    expected = joined(TWO_DAYS, interval)[-CAPACITIES[interval] :]
    assert window.open_time_ms.tolist() == [candle.open_time_ms for candle in expected]
    assert window.open.tolist() == [candle.open for candle in expected]
    assert window.high.tolist() == [candle.high for candle in expected]
    assert window.low.tolist() == [candle.low for candle in expected]
    assert window.close.tolist() == [candle.close for candle in expected]
    assert window.volume.tolist() == pytest.approx([candle.volume for candle in expected], rel=1e-13)


def test_only_the_base_and_larger_intervals_exist():
    frames = Frames("1h")
    assert frames.intervals == ("1h", "4h", "1d")
    with pytest.raises(InvalidInput, match="expected one of 1h, 4h, 1d, found 5m"):
        frames.frame("5m")
    with pytest.raises(InvalidInput, match="base interval"):
        Frames("2h")


def test_every_frame_but_one_minute_carries_indicators_unless_told_otherwise():
    frames = Frames()
    with pytest.raises(InvalidInput, match="found 1m"):
        _ = frames.frame("1m").indicators
    assert frames.frame("5m").indicators == IndicatorSet()
    assert Frames("1h").frame("1h").indicators == IndicatorSet()
    only = Frames("1m", ["1m"])
    assert only.frame("1m").indicators == IndicatorSet()
    with pytest.raises(InvalidInput, match="found 5m"):
        _ = only.frame("5m").indicators


def test_a_frames_indicators_have_seen_its_closed_candles_and_no_others():
    frames = fed(TWO_DAYS[:-1])
    expected = IndicatorSet()
    for candle in joined(TWO_DAYS[:-1], "15m"):
        expected.update(candle)
    assert expected.ema50 is not None
    assert frames.frame("15m").indicators.describe() == expected.describe()


def test_a_candle_twice_or_too_old_or_off_the_grid_changes_nothing():
    frames = fed(TWO_DAYS[:303])
    before = frames.freeze()
    other = Candle(TWO_DAYS[302].open_time_ms, 1.0, 1.0, 1.0, 1.0, 1.0)
    off_grid = Candle(TWO_DAYS[303].open_time_ms + 1, 1.0, 1.0, 1.0, 1.0, 1.0)
    for candle in (TWO_DAYS[302], other, TWO_DAYS[0], off_grid):
        assert frames.push(candle) == ()
    assert frames.freeze() == before


def test_the_last_candle_keeps_all_that_stood_beside_it():
    frames = Frames()
    assert (frames.last, frames.last_open_ms) == (None, None)
    fed(TWO_DAYS[:3], frames)
    assert frames.last == TWO_DAYS[2]
    assert frames.last_open_ms == TWO_DAYS[2].open_time_ms
    assert Frames.thaw(frames.freeze()).last == TWO_DAYS[2]


def test_a_missing_minute_costs_every_bucket_around_it_and_no_other():
    gone = 7 * 60 + 1
    frames = fed(TWO_DAYS[:gone] + TWO_DAYS[gone + 1 :])
    assert frames.skipped == {"5m": 1, "15m": 1, "1h": 1, "4h": 1, "1d": 1}
    hours = [candle.open_time_ms for candle in joined(TWO_DAYS, "1h")]
    hours.remove((MIDNIGHT + 7 * 60) * MINUTE_MS)
    assert frames.frame("1h").window.open_time_ms.tolist() == hours
    assert len(frames.frame("1d").window) == 1


# ── warm-up ───────────────────────────────────────────────────────────────────────────────────────────────────────


def warmed_up(by: Frames) -> Frames:
    """Give frames that start now, and are told the newest closed candles of each interval."""
    frames = Frames()
    for interval in reversed(frames.intervals):
        candles = list(by.frame(interval).window)[-40:]
        assert frames.load(interval, candles) == (None if candles else "EMPTY")
    return frames


@settings(max_examples=25, deadline=None)
@given(start=st.integers(1, 2 * DAY - 1))
def test_started_in_mid_bucket_after_history_every_frame_closes_as_if_it_had_always_run(start):
    always = fed(TWO_DAYS[:start])
    started = warmed_up(by=always)
    rest = TWO_DAYS[start : start + DAY]
    assert [started.push(candle) for candle in rest] == [always.push(candle) for candle in rest]
    assert set(started.skipped.values()) == {0}
    for interval in started.intervals:
        shown, expected = (list(frames.frame(interval).window) for frames in (started, always))
        assert shown
        assert shown == expected[-len(shown) :]


def test_history_in_front_of_live_candles_joins_them_and_the_indicators_are_computed_anew():
    fives = joined(TWO_DAYS, "5m")
    frames = fed(TWO_DAYS[1000:1200])
    assert frames.load("5m", fives[100:230]) is None
    expected = IndicatorSet()
    for candle in fives[100:240]:
        expected.update(candle)
    frame = frames.frame("5m")
    assert frame.window.open_time_ms.tolist() == [candle.open_time_ms for candle in fives[100:240]]
    assert frame.indicators == expected


def test_after_history_of_the_base_the_next_live_candle_follows_it():
    frames = Frames()
    frames.load("1m", TWO_DAYS[:8])
    assert frames.last == TWO_DAYS[7]
    assert frames.push(TWO_DAYS[7]) == ()
    assert frames.push(TWO_DAYS[8]) == ("1m",)
    assert frames.push(TWO_DAYS[9]) == ("1m", "5m")


def test_where_history_overlaps_what_is_held_stays():
    frames = fed(TWO_DAYS[102:108])
    other = market(MIDNIGHT + 95, 12, seed=2)
    assert frames.load("1m", other) is None
    assert list(frames.frame("1m").window.close) == [candle.close for candle in other[:7] + TWO_DAYS[102:108]]
    fed(TWO_DAYS[108:110], frames)
    assert frames.frame("5m").window.last_open_ms == TWO_DAYS[105].open_time_ms
    assert list(frames.frame("5m").window.open) == [TWO_DAYS[105].open]


@pytest.mark.parametrize(
    ("interval", "candles", "reason"),
    [
        ("1w", TWO_DAYS[:5], "UNKNOWN_INTERVAL"),
        ("1m", [], "EMPTY"),
        ("5m", TWO_DAYS[1:3], "OFF_GRID"),
        ("5m", TWO_DAYS[:2], "NOT_CONTIGUOUS"),
        ("1m", TWO_DAYS[4:6] + TWO_DAYS[7:100], "NOT_CONTIGUOUS"),
        ("1m", TWO_DAYS[5:3:-1], "NOT_CONTIGUOUS"),
        ("1m", TWO_DAYS[100:120], "NOT_OLDER"),
        ("1m", TWO_DAYS[:99], "GAP_TO_HELD"),
        ("1m", TWO_DAYS[:100], None),
        ("1m", TWO_DAYS[:110], None),
    ],
)
def test_what_is_no_history_right_before_what_is_held_is_refused_with_a_reason(interval, candles, reason):
    frames = fed(TWO_DAYS[100:115])
    before = frames.freeze()
    assert frames.objection(interval, candles) == reason
    assert frames.freeze() == before
    assert frames.load(interval, candles) == reason
    assert (frames.freeze() == before) == (reason is not None)


def test_emptied_frames_are_as_before_their_first_candle():
    frames = Frames("1m", ("5m",))
    fed(TWO_DAYS[:100], frames)
    assert frames.emptied().freeze() == Frames("1m", ("5m",)).freeze()
    assert len(frames.frame("1m").window) == 100


# ── checkpoints ───────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 300), cut=st.integers(0, 700), gone=st.integers(1, 900))
def test_thawed_frames_go_on_to_identical_bytes(start, cut, gone):
    candles = TWO_DAYS[start : start + 1000]
    del candles[gone]
    frames = fed(candles[:cut])
    thawed = Frames.thaw(frames.freeze())
    assert thawed.freeze() == frames.freeze()
    assert [thawed.push(candle) for candle in candles[cut:]] == [frames.push(candle) for candle in candles[cut:]]
    assert thawed.freeze() == frames.freeze()


def test_thawed_frames_keep_their_base_and_which_of_them_carry_indicators():
    hours = joined(TWO_DAYS, "1h")
    thawed = Frames.thaw(fed(hours, Frames("1h", ["4h"])).freeze())
    assert thawed.intervals == ("1h", "4h", "1d")
    assert thawed.frame("4h").indicators.bands.closes
    with pytest.raises(InvalidInput):
        _ = thawed.frame("1h").indicators
    assert thawed.push(hours[0]) == ()


def test_frames_describe_themselves_in_json_types():
    shown = fed(TWO_DAYS).describe()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["1m"]["indicators"] is None
    assert shown["1d"]["candles"] == 2
    assert shown["1h"]["close"] == TWO_DAYS[-1].close
    assert shown["1h"]["last_open_ms"] == (MIDNIGHT + 47 * 60) * MINUTE_MS
