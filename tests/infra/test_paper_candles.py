"""The in-process venue on candle-only history: the walk through a candle."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from paper_steps import (
    BTC,
    ETH,
    KEY,
    MINUTE,
    STOP,
    TARGET,
    Trader,
    candle,
    order,
    taken,
    venue,
    walk,
)

from domain.config import VenueConfig
from domain.holding import hold
from domain.values import ZERO, OrderSide, Side
from domain.venue import (
    VenueAccepted,
    VenueCanceled,
    VenueFilled,
    VenueLiquidated,
    VenueRejected,
)


def test_an_entry_fills_at_the_open_of_the_next_candle() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 0)
    answers = walk(paper, candle(100, 110, 90, 105))
    assert answers[-1] == VenueFilled(f"{KEY}@2", 0, f"{KEY}@2#1", Decimal(100), Decimal(1), ZERO)


def test_a_walk_stops_where_something_happens_and_where_an_answer_falls_due() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 0)
    assert list(paper.walk("BTCUSDT", candle(100, 110, 90, 105), MINUTE)) == [0, 50, 59_999]


def test_a_position_opened_within_a_candle_is_not_liquidated_by_what_was_before() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY, STOP, trigger=Decimal(105), leverage=20), 0)
    answers = walk(paper, candle(100, 110, 90, 105))
    assert [type(answer) for answer in answers] == [VenueAccepted, VenueFilled]
    assert paper.active("BTCUSDT")


def test_a_stop_placed_after_the_entry_can_be_hit_in_the_same_candle() -> None:
    paper = venue()
    trader = Trader(paper, stop=95, target=108)
    paper.execute(order(2, OrderSide.BUY), 0)
    walk(paper, candle(100, 110, 90, 105), kernel=trader)
    assert trader.fills() == [("2", 100, 0), ("5", 95, 10_000)]
    assert (paper.desk("main").wallet, paper.active("BTCUSDT")) == (99_995, False)


def test_a_target_is_hit_only_if_the_worse_extreme_left_the_stop_alone() -> None:
    paper = venue()
    trader = Trader(paper, stop=89, target=105)
    paper.execute(order(2, OrderSide.BUY), 0)
    walk(paper, candle(100, 110, 90, 105), kernel=trader)
    assert trader.fills() == [("2", 100, 0), ("6", 105, 35_000)]


def test_both_sides_walk_their_own_worse_way_in_the_same_candle() -> None:
    paper = venue()
    short_key = "position:main/BTCUSDT-2"
    paper.restore_desk(
        "main",
        Decimal(1_000),
        {
            key: hold(BTC, side, Decimal(1), Decimal(100), 1, 0)
            for key, side in ((KEY, Side.LONG), (short_key, Side.SHORT))
        },
        [
            order(5, OrderSide.SELL, STOP, trigger=Decimal(92), close_position=True),
            order(6, OrderSide.SELL, TARGET, trigger=Decimal(108), close_position=True),
            order(5, OrderSide.BUY, STOP, short_key, trigger=Decimal(108), close_position=True),
            order(6, OrderSide.BUY, TARGET, short_key, trigger=Decimal(92), close_position=True),
        ],
    )
    answers = walk(paper, candle(100, 110, 90, 105))
    assert [a.order_id for a in answers if isinstance(a, VenueFilled)] == [f"{KEY}@5", f"{short_key}@5"]
    assert paper.desk("main").wallet == 984


def test_an_order_in_the_middle_of_a_candle_sees_only_the_rest() -> None:
    paper = venue()
    paper.restore_desk("main", Decimal(100), {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 1, 0)}, ())
    paper.begin("BTCUSDT", candle(100, 110, 90, 105), MINUTE)
    assert paper.advance(until_ms=25_000) == 25_000
    assert paper.advance(until_ms=25_000) is None
    paper.execute(order(5, OrderSide.SELL, STOP, trigger=Decimal(91), close_position=True), 25_000)
    paper.execute(order(9, OrderSide.SELL, reduce_only=True), 30_000)
    while paper.advance() is not None:
        pass
    (filled,) = [answer for _, answer in taken(paper) if isinstance(answer, VenueFilled)]
    assert (filled.order_id, filled.time_ms, filled.price) == (f"{KEY}@9", 30_000, 100)


def test_an_order_from_after_the_candle_waits_for_the_next_one() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), MINUTE)
    assert [type(answer) for answer in walk(paper, candle(100, 110, 90, 105))] == []
    filled = walk(paper, candle(106, 107, 106, 107, minute=1))[-1]
    assert isinstance(filled, VenueFilled)
    assert (filled.price, filled.time_ms) == (106, MINUTE)


def test_a_stop_that_comes_when_the_price_is_beyond_it_is_rejected() -> None:
    paper = venue(VenueConfig(latency_ms=15_000))
    trader = Trader(paper, stop=95, target=200)
    paper.execute(order(2, OrderSide.BUY), 0)
    walk(paper, candle(100, 110, 90, 105), kernel=trader)
    (rejected,) = [answer for _, answer in trader.seen if isinstance(answer, VenueRejected)]
    assert (rejected.code, rejected.time_ms) == ("-2021", 15_000)


def test_a_gap_to_the_next_open_fills_there() -> None:
    paper = venue()
    trader = Trader(paper, stop=95, target=200)
    paper.execute(order(2, OrderSide.BUY), 0)
    walk(paper, candle(100, 101, 99, 100), candle(80, 81, 79, 80, minute=1), kernel=trader)
    assert trader.fills()[-1] == ("5", 80, MINUTE)


def test_a_position_without_a_stop_is_liquidated_on_the_way() -> None:
    paper = venue()
    paper.restore_desk("main", Decimal(100), {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 10, 0)}, ())
    (answer,) = walk(paper, candle(100, 100, 80, 95))
    assert answer == VenueLiquidated(KEY, 10_000, Decimal(90), Decimal(1), ZERO)
    assert (paper.desk("main").wallet, paper.active("BTCUSDT")) == (90, False)


def test_several_symbols_walk_through_one_minute_together() -> None:
    paper = venue()
    keys = {symbol: f"position:main/{symbol}-1" for symbol in ("BTCUSDT", "ETHUSDT")}
    paper.restore_desk(
        "main",
        Decimal(1_000),
        {
            keys["BTCUSDT"]: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 1, 0),
            keys["ETHUSDT"]: hold(ETH, Side.LONG, Decimal(1), Decimal(100), 1, 0),
        },
        [
            order(5, OrderSide.SELL, STOP, keys["BTCUSDT"], trigger=Decimal(95), close_position=True),
            order(5, OrderSide.SELL, STOP, keys["ETHUSDT"], trigger=Decimal(98), close_position=True),
        ],
    )
    for symbol in keys:
        paper.begin(symbol, candle(100, 110, 90, 105), MINUTE)
    moments = []
    while (now_ms := paper.advance()) is not None:
        moments.append(now_ms)
        for due_ms, _ in taken(paper, now_ms):
            assert due_ms == now_ms
    assert moments == [4_000, 4_050, 10_000, 10_050, 59_999]


def test_a_quiet_candle_is_one_step() -> None:
    paper = venue()
    paper.restore_desk("main", Decimal(100), {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 1, 0)}, ())
    assert list(paper.walk("BTCUSDT", candle(100, 110, 90, 105), MINUTE)) == [59_999]
    assert paper.idle


def test_the_close_of_a_walked_candle_is_a_known_price() -> None:
    paper = venue()
    paper.restore_desk("main", Decimal(100), {KEY: hold(BTC, Side.LONG, Decimal(1), Decimal(100), 1, 0)}, ())
    walk(paper, candle(100, 110, 90, 105))
    paper.execute(order(5, OrderSide.SELL, STOP, trigger=Decimal(105), close_position=True), MINUTE)
    ((_, answer),) = taken(paper)
    assert isinstance(answer, VenueRejected)
    assert answer.code == "-2021"


def test_a_driver_that_takes_no_answers_still_comes_to_the_end_of_the_candle() -> None:
    paper = venue()
    paper.execute(order(2, OrderSide.BUY), 0)
    assert list(paper.walk("BTCUSDT", candle(100, 110, 90, 105), MINUTE))[-1] == 59_999


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    """Candles as (open, high, low, close) offsets from 1,000; the first opens there."""
    bars = []
    for number in range(draw(st.integers(1, 5))):
        low, high = sorted(draw(st.tuples(st.integers(-300, 300), st.integers(-300, 300))))
        low, high = (min(low, 0), max(high, 0)) if number == 0 else (low, high)
        opened = 0 if number == 0 else draw(st.integers(low, high))
        bars.append((opened, high, low, draw(st.integers(low, high))))
    return bars


def traded(
    side: Side, bars: list[tuple[int, int, int, int]], stop: int, target: int
) -> tuple[Decimal | None, list[str]]:
    """Enter at 1,000 and trade the history (for a SHORT its reflection around 1,000)."""
    paper = venue()
    sign = side.sign
    trader = Trader(paper, stop=1_000 - sign * stop, target=1_000 + sign * target)
    paper.execute(order(2, side.entry), 0)
    for minute, (opened, high, low, closed) in enumerate(bars):
        upper, lower = (high, low) if side is Side.LONG else (low, high)
        points = (1_000 + sign * offset for offset in (opened, upper, lower, closed))
        walk(paper, candle(*points, minute=minute), kernel=trader)
    taken(paper)
    return paper.desk("main").wallet, [type(answer).__name__ for _, answer in trader.seen]


@settings(deadline=None)
@given(histories(), st.integers(1, 300), st.integers(1, 300))
def test_a_short_in_the_mirrored_history_ends_like_the_long(
    bars: list[tuple[int, int, int, int]], stop: int, target: int
) -> None:
    assert traded(Side.LONG, bars, stop, target) == traded(Side.SHORT, bars, stop, target)


@settings(deadline=None)
@given(st.sampled_from(Side), histories(), st.integers(1, 90), st.integers(1, 300))
def test_a_candle_that_holds_stop_and_target_is_a_loss(
    side: Side, bars: list[tuple[int, int, int, int]], stop: int, target: int
) -> None:
    opened, high, low, closed = bars[0]
    both = (opened, max(high, target), min(low, -stop), closed)
    wallet, _ = traded(side, [both], stop, target)
    assert wallet == 100_000 - stop


@settings(deadline=None)
@given(histories(), st.integers(1, 300), st.integers(1, 300))
def test_the_same_history_gives_the_same_answers(bars: list[tuple[int, int, int, int]], stop: int, target: int) -> None:
    assert traded(Side.LONG, bars, stop, target) == traded(Side.LONG, bars, stop, target)


@settings(deadline=None)
@given(histories(), st.integers(1, 300), st.integers(1, 300))
def test_a_closed_position_leaves_nothing_behind(bars: list[tuple[int, int, int, int]], stop: int, target: int) -> None:
    paper = venue()
    trader = Trader(paper, stop=1_000 - stop, target=1_000 + target)
    paper.execute(order(2, OrderSide.BUY), 0)
    for minute, (opened, high, low, closed) in enumerate(bars):
        points = (1_000 + offset for offset in (opened, high, low, closed))
        walk(paper, candle(*points, minute=minute), kernel=trader)
    for due_ms, answer in taken(paper):
        trader(due_ms, answer)
    over = len(trader.fills()) == 2 or any(isinstance(a, VenueLiquidated) for _, a in trader.seen)
    assert paper.active("BTCUSDT") is not over
    canceled = [a for _, a in trader.seen if isinstance(a, VenueCanceled)]
    assert all(answer.reason == "POSITION_CLOSED" for answer in canceled)
