"""Legs, levels, candle paths."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.market import Candle
from domain.path import Leg, Level, Touch, candle_path, first_jumped, first_touch, price_on
from domain.values import Side

MINUTE = 60_000
CANDLE = Candle(0, open=100.0, high=110.0, low=90.0, close=105.0, volume=1.0)


def below(price: int | str, order_id: str | None = "stop", since_ms: int = 0) -> Level:
    return Level(order_id, Decimal(price), falling=True, since_ms=since_ms)


def above(price: int | str, order_id: str | None = "target", since_ms: int = 0) -> Level:
    return Level(order_id, Decimal(price), falling=False, since_ms=since_ms)


def anything(order_id: str = "market", since_ms: int = 0) -> Level:
    return Level(order_id, None, falling=False, since_ms=since_ms)


def test_a_long_walks_a_candle_by_its_low_first() -> None:
    assert candle_path(CANDLE, Side.LONG, MINUTE) == (
        Leg(0, Decimal("100.0"), 20_000, Decimal("90.0")),
        Leg(20_000, Decimal("90.0"), 40_000, Decimal("110.0")),
        Leg(40_000, Decimal("110.0"), 59_999, Decimal("105.0")),
    )


def test_a_short_walks_a_candle_by_its_high_first() -> None:
    prices = [leg.end for leg in candle_path(CANDLE, Side.SHORT, MINUTE)]
    assert prices == [Decimal("110.0"), Decimal("90.0"), Decimal("105.0")]


def test_the_price_between_two_points_lies_on_the_straight_line() -> None:
    path = candle_path(CANDLE, Side.LONG, MINUTE)
    assert [price_on(path, ms) for ms in (-1, 0, 10_000, 20_000, 30_000, 59_999, 70_000)] == [
        100, 100, 95, 90, 100, 105, 105,
    ]  # fmt: skip


def test_a_level_between_is_touched_at_its_own_price() -> None:
    found = first_touch((below(95),), candle_path(CANDLE, Side.LONG, MINUTE))
    assert found is not None
    touch, rest = found
    assert touch == Touch("stop", 10_000, Decimal(95))
    assert rest[0] == Leg(10_000, Decimal(95), 20_000, Decimal("90.0"))
    assert len(rest) == 3


def test_a_level_outside_the_candle_is_not_touched() -> None:
    levels = (below("89.9"), above("110.1"))
    assert first_touch(levels, candle_path(CANDLE, Side.LONG, MINUTE)) is None


def test_a_level_at_the_extreme_is_touched() -> None:
    found = first_touch((below(90),), candle_path(CANDLE, Side.LONG, MINUTE))
    assert found is not None
    assert found[0] == Touch("stop", 20_000, Decimal(90))


def test_levels_are_met_in_the_order_of_the_way() -> None:
    levels = (below(92, "far"), below(95, "near"), above(108, "back"))
    path, met = candle_path(CANDLE, Side.LONG, MINUTE), []
    while found := first_touch(levels, path):
        touch, path = found
        met.append(touch.order_id)
        levels = tuple(level for level in levels if level.order_id != touch.order_id)
    assert met == ["near", "far", "back"]


def test_a_gap_over_a_level_is_a_touch_at_the_open_price() -> None:
    found = first_touch((below(101),), candle_path(CANDLE, Side.LONG, MINUTE))
    assert found is not None
    assert found[0] == Touch("stop", 0, Decimal(100))


def test_a_gap_passes_the_nearer_of_two_levels_first() -> None:
    gapped = (below(101, None), below(103, "stop"))
    found = first_touch(gapped, candle_path(CANDLE, Side.LONG, MINUTE))
    assert found is not None
    assert found[0].order_id == "stop"


def test_a_market_order_comes_before_levels_that_the_gap_passed() -> None:
    found = first_touch((below(103), anything()), candle_path(CANDLE, Side.LONG, MINUTE))
    assert found is not None
    assert found[0].order_id == "market"


def test_a_level_that_came_later_sees_only_the_rest_of_the_way() -> None:
    path = candle_path(CANDLE, Side.LONG, MINUTE)
    assert first_touch((below(92, since_ms=20_001),), path[:1]) is None
    found = first_touch((above(95, since_ms=25_000),), path)
    assert found is not None
    assert found[0] == Touch("target", 25_000, Decimal(95))


def test_a_market_order_in_the_middle_of_a_leg_takes_the_price_of_that_moment() -> None:
    found = first_touch((anything(since_ms=5_000),), candle_path(CANDLE, Side.LONG, MINUTE))
    assert found is not None
    assert found[0] == Touch("market", 5_000, Decimal("97.5"))


def test_an_order_after_the_candle_sees_nothing_of_it() -> None:
    assert first_touch((anything(since_ms=MINUTE),), candle_path(CANDLE, Side.LONG, MINUTE)) is None


def test_a_jump_passes_the_nearer_level_first() -> None:
    levels = (below(95, None), below(97), above(120))
    assert first_jumped(levels, Decimal(90), at_ms=7) == Touch("stop", 7, Decimal(90))


def test_of_two_levels_at_one_price_liquidation_stands_first() -> None:
    assert first_jumped((below(95, None), below(95)), Decimal(90), at_ms=7) == Touch(None, 7, Decimal(90))


def test_a_jump_is_not_seen_by_what_came_with_it() -> None:
    assert first_jumped((anything(since_ms=7),), Decimal(90), at_ms=7) is None
    assert first_jumped((anything(since_ms=6),), Decimal(90), at_ms=7) is not None


def test_a_jump_that_passes_nothing_touches_nothing() -> None:
    assert first_jumped((below(95), above(105)), Decimal(100), at_ms=7) is None


prices = st.integers(1, 1_000)


@given(prices, prices, prices, st.integers(1, 10**6))
def test_a_touch_lies_on_the_leg_in_place_and_time(start: int, end: int, level: int, duration_ms: int) -> None:
    leg = Leg(0, Decimal(start), duration_ms, Decimal(end))
    found = first_touch((below(level),), (leg,))
    assert (found is not None) == (min(start, end) <= level)
    if found:
        touch, _ = found
        assert 0 <= touch.at_ms <= duration_ms
        assert min(start, end) <= touch.price <= max(start, end)
        assert touch.price <= level
        if touch.at_ms:
            assert leg.price_at(touch.at_ms) <= touch.price < leg.price_at(touch.at_ms - 1)


@given(prices, st.integers(0, 500), st.integers(0, 500), st.data())
def test_a_stop_comes_before_a_target_in_the_same_candle(low: int, up: int, more: int, data: st.DataObject) -> None:
    opened, high = low + up, low + up + more
    closed = data.draw(st.integers(low, high))
    stop, target = data.draw(st.integers(low, opened)), data.draw(st.integers(opened + 1, high + 1))
    candle = Candle(0, float(opened), float(high), float(low), float(closed), 1.0)
    long_found = first_touch((above(target), below(stop)), candle_path(candle, Side.LONG, MINUTE))
    assert long_found is not None
    assert long_found[0].order_id == "stop"
