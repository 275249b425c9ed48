"""Windows and bucket building: what is kept, what is joined, what is refused."""

from __future__ import annotations

import math
import os
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.candles import FrameBuilder, Window, missing
from domain.market import INTERVALS_MS, MINUTE_MS, Candle

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data"))
FIVE_MS = 5 * MINUTE_MS


def bar(open_time_ms: int, close: float = 100.0, **known: float) -> Candle:
    return Candle(open_time_ms, close, close + 1.0, close - 1.0, close, 10.0, **known)


amounts = st.floats(0.0, 1e9)
maybe = st.none() | amounts


@st.composite
def minutes(draw, first_minute: int, size: int) -> list[Candle]:
    """Give `size` contiguous sound 1m candles, with whatever else is known of them."""
    candles = []
    for at in range(size):
        low, middle, high = sorted(draw(st.tuples(*[st.floats(1.0, 1e6)] * 3)))
        opened, closed = draw(st.permutations([low, middle]))
        known = [draw(maybe), draw(st.none() | st.integers(0, 10**6)), draw(maybe), draw(maybe)]
        beside = [draw(maybe) for _ in range(6)]
        open_time_ms = (first_minute + at) * MINUTE_MS
        candles.append(Candle(open_time_ms, opened, high, low, closed, draw(amounts), *known, *beside))
    return candles


# ── Window ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_columns_show_the_newest_candles_oldest_first():
    window = Window(3)
    for at in range(10):
        assert window.upsert(bar(at, 100.0 + at)) == "APPENDED"
        expected = [float(t) for t in range(max(0, at - 2), at + 1)]
        assert window.open_time_ms.tolist() == expected
        assert window.close.tolist() == [100.0 + t for t in expected]
        assert window.last_open_ms == at
        assert window.first_open_ms == int(expected[0])
    assert len(window) == 3


def test_every_column_holds_its_own_field():
    window = Window(2)
    window.upsert(Candle(1_700_000_000_000, 2.0, 4.0, 1.0, 3.0, 5.0, quote_volume=6.0, taker_buy_volume=7.0))
    columns = [window.open_time_ms, window.open, window.high, window.low, window.close, window.volume]
    columns += [window.quote_volume, window.taker_buy_volume]
    assert [column.tolist() for column in columns] == [[1_700_000_000_000], [2], [4], [1], [3], [5], [6], [7]]


def test_the_unknown_is_nan_in_a_column_and_none_in_a_candle():
    window = Window(2)
    window.upsert(bar(0))
    assert math.isnan(window.quote_volume[0])
    assert math.isnan(window.taker_buy_volume[0])
    assert window.last == bar(0)


def test_a_column_is_a_view_that_nobody_can_write():
    window = Window(2)
    window.upsert(bar(0))
    assert window.close.base is not None
    with pytest.raises(ValueError, match="read-only"):
        window.close[0] = 1.0


def test_the_same_open_time_replaces_the_last_candle_and_an_older_one_is_refused():
    window = Window(3)
    window.upsert(bar(1))
    window.upsert(bar(2, 50.0))
    assert window.upsert(bar(2, 70.0)) == "REPLACED"
    assert window.upsert(bar(1, 90.0)) == "REFUSED"
    assert window.close.tolist() == [100.0, 70.0]


def test_an_empty_window_has_no_last_candle():
    window = Window(3)
    assert (window.last, window.last_open_ms, window.first_open_ms, len(window)) == (None, None, None, 0)
    assert Window.thaw(window.freeze()) == window


@settings(max_examples=40, deadline=None)
@given(candles=minutes(0, 23), repeats=st.lists(st.booleans(), min_size=23, max_size=23), capacity=st.integers(1, 9))
def test_upserting_a_candle_again_changes_nothing(candles, repeats, capacity):
    once, often = Window(capacity), Window(capacity)
    for candle, repeat in zip(candles, repeats, strict=True):
        once.upsert(candle)
        often.upsert(candle)
        if repeat:
            assert often.upsert(candle) == "REPLACED"
    assert often == once


@settings(max_examples=40, deadline=None)
@given(candles=minutes(0, 23), capacity=st.integers(1, 9), cut=st.integers(0, 23))
def test_a_thawed_window_has_the_same_bytes_and_goes_on_the_same(candles, capacity, cut):
    window = Window(capacity)
    for candle in candles[:cut]:
        window.upsert(candle)
    thawed = Window.thaw(window.freeze())
    assert thawed.freeze() == window.freeze()
    for candle in candles[cut:]:
        assert thawed.upsert(candle) == window.upsert(candle)
        assert thawed == window
    assert list(thawed) == list(window)


def test_windows_are_equal_by_content_wherever_it_lies():
    late, early = Window(3), Window(3)
    for at in range(8):
        late.upsert(bar(at))
    for at in range(5, 8):
        early.upsert(bar(at))
    assert late == early
    early.upsert(bar(8))
    assert late != early
    assert Window(3) != Window(4)


# ── FrameBuilder ──────────────────────────────────────────────────────────────────────────────────────────────────


def five() -> FrameBuilder:
    return FrameBuilder(FIVE_MS, MINUTE_MS)


def built(builder: FrameBuilder, candles: list[Candle]) -> list[Candle]:
    return [candle for candle in map(builder.add, candles) if candle is not None]


@settings(max_examples=40, deadline=None)
@given(parts=minutes(10, 5))
def test_a_bucket_is_the_aggregate_of_its_minutes(parts):
    (whole,) = built(five(), parts)
    assert (whole.open_time_ms, whole.open, whole.close) == (10 * MINUTE_MS, parts[0].open, parts[-1].close)
    assert (whole.high, whole.low) == (max(p.high for p in parts), min(p.low for p in parts))
    for name in ("volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume"):
        values = [getattr(part, name) for part in parts]
        expected = None if None in values else pytest.approx(sum(values), rel=1e-12)
        assert getattr(whole, name) == expected
    for name in ("mark", "index", "funding_rate", "bid", "ask", "open_interest"):
        assert getattr(whole, name) == getattr(parts[-1], name)
    assert whole.defect() is None


def test_a_bucket_is_given_with_its_last_minute_and_not_before():
    builder = five()
    given_at = [at for at in range(20) if builder.add(bar(at * MINUTE_MS)) is not None]
    assert given_at == [4, 9, 14, 19]
    assert builder.skipped == 0


@settings(max_examples=100, deadline=None)
@given(present=st.lists(st.booleans(), min_size=40, max_size=40))
def test_only_whole_buckets_are_given_and_all_others_are_counted(present):
    opens = [at * MINUTE_MS for at in range(40) if present[at]]
    builder = five()
    given_ms = [candle.open_time_ms for candle in built(builder, [bar(ms) for ms in opens])]
    whole = [at * FIVE_MS for at in range(8) if all(present[at * 5 : at * 5 + 5])]
    assert given_ms == whole
    if opens:
        first, after = opens[0] // FIVE_MS, (opens[-1] + MINUTE_MS) // FIVE_MS
        assert builder.skipped == after - first - len(whole)


def test_an_old_part_or_one_twice_changes_nothing():
    builder = five()
    built(builder, [bar(at * MINUTE_MS) for at in range(7)])
    before = msgspec.msgpack.encode(builder)
    assert built(builder, [bar(6 * MINUTE_MS, 200.0), bar(4 * MINUTE_MS), bar(0)]) == []
    assert msgspec.msgpack.encode(builder) == before


def test_an_open_bucket_is_seeded_from_history():
    builder = five()
    builder.seed([bar(at * MINUTE_MS, 50.0 + at) for at in range(8)])
    (whole,) = built(builder, [bar(8 * MINUTE_MS, 80.0), bar(9 * MINUTE_MS, 90.0)])
    assert (whole.open_time_ms, whole.open, whole.close) == (FIVE_MS, 55.0, 90.0)
    assert builder.skipped == 0


def test_history_that_comes_late_still_completes_the_open_bucket():
    builder = five()
    builder.add(bar(8 * MINUTE_MS))
    builder.seed([bar(at * MINUTE_MS) for at in range(8)])
    assert [candle.open_time_ms for candle in built(builder, [bar(9 * MINUTE_MS)])] == [FIVE_MS]


def test_history_up_to_the_end_of_a_bucket_leaves_the_next_one_empty():
    builder = five()
    builder.seed([bar(at * MINUTE_MS) for at in range(10)])
    assert builder.parts == []
    assert built(builder, [bar(9 * MINUTE_MS)]) == []
    assert len(built(builder, [bar(at * MINUTE_MS) for at in range(10, 15)])) == 1


@settings(max_examples=30, deadline=None)
@given(parts=minutes(3, 19), cut=st.integers(0, 19))
def test_a_builder_goes_on_after_a_checkpoint_as_if_nothing_had_happened(parts, cut):
    builder = five()
    built(builder, parts[:cut])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(builder), type=FrameBuilder)
    assert built(again, parts[cut:]) == built(builder, parts[cut:])
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(builder)


def test_a_gap_is_named_by_its_first_and_last_missing_candle():
    assert missing(0, MINUTE_MS, MINUTE_MS) is None
    assert missing(0, 2 * MINUTE_MS, MINUTE_MS) == (MINUTE_MS, MINUTE_MS)
    assert missing(0, 9 * MINUTE_MS, MINUTE_MS) == (MINUTE_MS, 8 * MINUTE_MS)
    assert missing(MINUTE_MS, 0, MINUTE_MS) is None


# ── recorded market ───────────────────────────────────────────────────────────────────────────────────────────────


def recorded(interval: str, symbol: str) -> list[Candle]:
    folder = DATA / "market" / "klines" / interval
    files = sorted(folder.glob(f"{symbol}_*.parquet"))
    if not files:
        pytest.skip(f"no recorded candles at {folder}: set HINDSIGHT_DATA to the folder that holds market/")
    parquet = pytest.importorskip("pyarrow.parquet")
    candles: dict[int, Candle] = {}
    for file in files:
        table = parquet.read_table(file, columns=["open_time", "open", "high", "low", "close", "volume"])
        for row in zip(*(table[name].to_pylist() for name in table.column_names), strict=True):
            candles[row[0]] = Candle(*row)
    return [candles[key] for key in sorted(candles)]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSDT"])
def test_hours_built_from_recorded_minutes_equal_the_recorded_hours(symbol):
    part, level = recorded("1m", symbol), ["1m", "5m", "15m", "1h"]
    for smaller, larger in pairwise(level):
        part = built(FrameBuilder(INTERVALS_MS[larger], INTERVALS_MS[smaller]), part)
    theirs = {candle.open_time_ms: candle for candle in recorded("1h", symbol)}
    both = [(ours, theirs[ours.open_time_ms]) for ours in part if ours.open_time_ms in theirs]
    assert len(both) > 500
    for name in ("open", "high", "low", "close"):
        assert [getattr(ours, name) for ours, _ in both] == [getattr(other, name) for _, other in both]
    np.testing.assert_allclose([ours.volume for ours, _ in both], [other.volume for _, other in both], rtol=1e-9)
