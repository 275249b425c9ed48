"""Closed candles in order, each once, none left out; and the back-fill that sees to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ExchangeRejected, InvalidInput, Unavailable
from domain.market import Candle
from infra.binance.back_fill import BackFill
from infra.binance.candle_order import WAITING_MAX, CandleOrder, Missing

MINUTE = 60_000


def candle(number: int, close: float = 1.0) -> Candle:
    return Candle(number * MINUTE, 1.0, 2.0, 0.5, close, 1.0)


def numbers(candles: Sequence[Candle]) -> list[int]:
    return [candle.open_time_ms // MINUTE for candle in candles]


def test_what_is_next_in_line_goes_on_at_once() -> None:
    order = CandleOrder(MINUTE)
    assert numbers(order.arrived("A", candle(5))) == [5]
    assert numbers(order.arrived("A", candle(6))) == [6]
    assert order.missing(7 * MINUTE + 4_999, 5_000) == ()
    assert order.next_ms("A") == 7 * MINUTE


def test_what_is_ahead_waits_and_what_lies_between_is_missing() -> None:
    order = CandleOrder(MINUTE)
    order.begin("A", 5 * MINUTE)
    assert order.arrived("A", candle(7)) == ()
    assert order.arrived("A", candle(9)) == ()
    assert order.missing(0, 0) == (Missing("A", 5 * MINUTE, 7 * MINUTE), Missing("A", 8 * MINUTE, 9 * MINUTE))
    assert numbers(order.filled("A", [candle(5), candle(6)])) == [5, 6, 7]
    assert numbers(order.arrived("A", candle(8))) == [8, 9]
    assert order.missing(0, 0) == ()


def test_a_repeat_is_dropped_and_the_first_word_stands() -> None:
    order = CandleOrder(MINUTE)
    order.arrived("A", candle(5))
    assert order.arrived("A", candle(5, close=1.5)) == ()
    order.arrived("A", candle(7))
    order.arrived("A", candle(7, close=1.5))
    assert [kept.close for kept in order.arrived("A", candle(6))] == [1.0, 1.0]
    assert order.duplicates == 2


def test_a_candle_that_closed_while_nobody_listened_is_missed_without_waiting_for_the_next() -> None:
    order = CandleOrder(MINUTE)
    order.arrived("A", candle(5))
    assert order.missing(7 * MINUTE + 5_000, 5_000) == (Missing("A", 6 * MINUTE, 7 * MINUTE),)
    order.arrived("A", candle(7))
    assert order.missing(9 * MINUTE + 5_000, 5_000) == (
        Missing("A", 6 * MINUTE, 7 * MINUTE), Missing("A", 8 * MINUTE, 9 * MINUTE),
    )  # fmt: skip


def test_what_the_exchange_does_not_have_is_given_up() -> None:
    order = CandleOrder(MINUTE)
    order.arrived("A", candle(5))
    order.arrived("A", candle(9))
    order.filled("A", [candle(7)])
    assert numbers(order.give_up(Missing("A", 6 * MINUTE, 9 * MINUTE))) == [7, 9]
    assert order.lost == 2
    assert order.give_up(Missing("A", 6 * MINUTE, 9 * MINUTE)) == ()
    assert order.give_up(Missing("B", 6 * MINUTE, 9 * MINUTE)) == ()


def test_who_is_too_far_behind_goes_on_without() -> None:
    order = CandleOrder(MINUTE)
    order.begin("A", 0)
    released = [numbers(order.arrived("A", candle(10 + number))) for number in range(WAITING_MAX + 1)]
    assert released[-1] == list(range(10, 10 + WAITING_MAX + 1))
    assert order.lost == 10


def test_a_candle_from_another_century_costs_no_more_than_any_other() -> None:
    order = CandleOrder(MINUTE)
    order.arrived("A", candle(5))
    order.arrived("A", candle(2**46))
    (gap,) = order.missing(0, 0)
    assert numbers(order.give_up(gap)) == [2**46]
    assert order.lost == 2**46 - 6


def test_a_symbol_that_left_is_forgotten() -> None:
    order = CandleOrder(MINUTE)
    order.arrived("A", candle(5))
    order.forget("A")
    assert order.missing(100 * MINUTE, 0) == ()
    assert numbers(order.arrived("A", candle(90))) == [90]


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=8))
def test_in_whatever_order_they_come_they_leave_in_order_and_once(arrival: list[int], repeats: list[int]) -> None:
    order = CandleOrder(MINUTE)
    order.begin("A", 0)
    out: list[int] = []
    for number in [*arrival[:6], *repeats, *arrival[6:]]:
        out += numbers(order.arrived("A", candle(number)))
    assert out == list(range(12))
    assert order.missing(0, 0) == ()


# ── back-fill ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Rest:
    """The exchange's candles over REST, some of which it does not have; and what was handed on."""

    def __init__(self, *absent: int) -> None:
        self.absent = absent
        self.asked: list[tuple[str, int, int]] = []
        self.failures: list[Exception] = []
        self.out: list[int] = []
        self.late: list[int] = []
        self.order = CandleOrder(MINUTE)
        self.fill = BackFill(self.order, self.fetch, self.deliver, tries=3)

    async def fetch(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        self.asked.append((symbol, start_ms // MINUTE, end_ms // MINUTE))
        if self.failures:
            raise self.failures.pop(0)
        wide = range(start_ms // MINUTE - 1, end_ms // MINUTE + 1)  # the exchange may give more than was asked for
        return [candle(number) for number in wide if number not in self.absent]

    async def deliver(self, symbol: str, candles: tuple[Candle, ...], late: bool) -> None:
        assert symbol == "A"
        self.out += numbers(candles)
        self.late += numbers(candles) if late else []


def test_a_gap_is_filled_in_order_and_nothing_comes_twice() -> None:
    async def test() -> None:
        rest = Rest()
        await rest.fill.arrived("A", candle(1))
        await rest.fill.arrived("A", candle(5))
        assert await rest.fill.look(5 * MINUTE) == 1
        await rest.fill.arrived("A", candle(4))
        await rest.fill.arrived("A", candle(6))
        assert (rest.asked, rest.out) == ([("A", 2, 5)], [1, 2, 3, 4, 5, 6])
        assert await rest.fill.look(7 * MINUTE) == 0

    asyncio.run(test())


def test_what_was_asked_for_or_had_to_wait_comes_late_and_nothing_else() -> None:
    async def test() -> None:
        rest = Rest()
        for number in (1, 5):
            await rest.fill.arrived("A", candle(number))
        await rest.fill.look(5 * MINUTE)
        assert (rest.out, rest.late) == ([1, 2, 3, 4, 5], [2, 3, 4, 5])
        for number in (6, 8, 7, 9):  # 7 was overtaken: when it is here, 8 is the newest again
            await rest.fill.arrived("A", candle(number))
        assert (rest.out[5:], rest.late[4:]) == ([6, 7, 8, 9], [7])

    asyncio.run(test())


def test_a_request_that_fails_is_made_again_at_the_next_look() -> None:
    async def test() -> None:
        rest = Rest()
        blocked = InvalidInput("Binance (GET /fapi/v1/klines)", "access", "HTTP 403", "Wait some minutes.")
        rest.failures = [Unavailable("Binance"), ExchangeRejected(-1003, "Too many requests"), blocked]
        await rest.fill.arrived("A", candle(1))
        await rest.fill.arrived("A", candle(3))
        for _ in range(4):
            await rest.fill.look(3 * MINUTE)
        assert (rest.out, rest.fill.failed, len(rest.asked)) == ([1, 2, 3], 3, 4)

    asyncio.run(test())


def test_what_three_answers_do_not_bring_is_lost_and_the_rest_goes_on() -> None:
    async def test() -> None:
        rest = Rest(2)
        await rest.fill.arrived("A", candle(1))
        await rest.fill.arrived("A", candle(4))
        assert (await rest.fill.look(4 * MINUTE), rest.out) == (1, [1])
        await rest.fill.look(4 * MINUTE)
        assert rest.out == [1]
        await rest.fill.look(4 * MINUTE)
        assert (rest.out, rest.order.lost) == ([1, 3, 4], 1)

    asyncio.run(test())


def test_one_request_a_symbol_runs_at_a_time() -> None:
    async def test() -> None:
        rest = Rest()
        await rest.fill.arrived("A", candle(1))
        await rest.fill.arrived("A", candle(3))
        await asyncio.gather(rest.fill.look(3 * MINUTE), rest.fill.look(3 * MINUTE))
        assert (len(rest.asked), rest.out) == (1, [1, 2, 3])

    asyncio.run(test())
