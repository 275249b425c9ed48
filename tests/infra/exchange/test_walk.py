"""Prints inside a minute: whatever the candle, they fold to it."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infra.exchange.bar import Bar
from infra.exchange.walk import PRINTS_MAX, Walk, split
from infra.market.noise import keys_of

OPEN_MS = 1_780_000_020_000
KEY = keys_of((1, "walk", "BTCUSDT"))


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    low, high = sorted((draw(st.integers(1, 10**7)), draw(st.integers(1, 10**7))))
    lots = draw(st.integers(0, 10**9))
    quote = draw(st.integers(0, 10**14))
    return Bar(
        OPEN_MS,
        draw(st.integers(low, high)),
        high,
        low,
        draw(st.integers(low, high)),
        lots,
        quote,
        draw(st.integers(0, lots)),
        draw(st.integers(0, quote)),
        draw(st.integers(0, 100_000)),
    )


@given(bars())
def test_all_prints_fold_to_the_candle(bar: Bar) -> None:
    walk = Walk(KEY, bar)
    assert walk.count <= min(PRINTS_MAX, bar.lots)
    assert (walk.count > 0) == (bar.lots > 0)
    if walk.count < 4:
        return  # so few prints can't show open, high, low and close
    whole = walk.partial(walk.count)
    assert whole._replace(quote=0, taker_quote=0) == bar._replace(quote=0, taker_quote=0)
    assert whole.quote == bar.quote


@given(bars())
def test_prints_lie_within_the_minute_the_range_and_the_lots(bar: Bar) -> None:
    walk = Walk(KEY, bar)
    assert walk.times.tolist() == sorted(walk.times.tolist())
    assert all(OPEN_MS <= at < OPEN_MS + 60_000 for at in walk.times.tolist())
    assert all(bar.low <= price <= bar.high for price in walk.prices.tolist())
    assert int(walk.lots.sum()) == bar.lots
    assert int(walk.lots[walk.buys].sum()) == bar.taker_lots
    assert not walk.count or walk.lots.min() >= 1


@given(bars())
def test_a_part_of_a_minute_grows_and_never_shrinks(bar: Bar) -> None:
    walk = Walk(KEY, bar)
    parts = [walk.partial(count) for count in range(1, walk.count + 1)]
    for earlier, later in itertools.pairwise(parts):
        assert later.high >= earlier.high
        assert later.low <= earlier.low
        assert (later.lots, later.quote, later.trades) >= (earlier.lots, earlier.quote, earlier.trades)


@given(st.lists(st.floats(0.2, 5.0), min_size=1, max_size=300), st.integers(0, 10**12))
def test_parts_of_a_whole_number_add_up_to_it(weights: list[float], more: int) -> None:
    total = len(weights) + more
    parts = split(total, np.array(weights))
    assert int(parts.sum()) == total
    assert parts.min() >= 1


def test_no_ten_seconds_pass_without_a_print() -> None:
    walk = Walk(KEY, Bar(OPEN_MS, 100, 110, 90, 105, 1_000, 10_000, 500, 5_000, 12))
    times = [OPEN_MS, *walk.times.tolist(), OPEN_MS + 60_000]
    assert max(b - a for a, b in itertools.pairwise(times)) < 10_000
