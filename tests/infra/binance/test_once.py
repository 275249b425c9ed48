"""Nothing twice: what rises along a stream tells the new from the seen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.binance.once import Once, TradeIds
from infra.binance.wire import decode
from tests.infra.binance.stream_server import agg_trade, book_ticker, kline


def read(frame: dict[str, Any]) -> Any:
    return decode(msgspec.json.encode(frame))


@pytest.mark.parametrize("frame", [
    lambda number: book_ticker("X", number),
    lambda number: {"e": "markPriceUpdate", "E": number, "s": "X", "p": "1"},
    lambda number: {"e": "forceOrder", "E": 1, "o": {"s": "X", "S": "SELL", "q": "1", "p": "1", "ap": "1",
                                                    "X": "FILLED", "l": "1", "z": "1", "T": number}},
])  # fmt: skip
def test_only_what_rises_is_new(frame: Any) -> None:
    once = Once()
    verdicts = [once.is_new("stream", read(frame(number))) for number in (5, 5, 6, 4, 7)]
    assert verdicts == [True, False, True, False, True]


@pytest.mark.parametrize("frame", [
    lambda number: agg_trade("X", number),
    lambda number: agg_trade("X", number) | {"a": None, "f": number, "l": number},
    lambda number: {"e": "trade", "E": 1, "T": 1, "s": "X", "t": number, "p": "1", "q": "1", "m": True},
])  # fmt: skip
def test_a_trade_passes_once_even_late(frame: Any) -> None:
    once = Once()
    numbers = (5, 5, 9, 7, 7, 4, 4, 6, 8, 10, 6)
    verdicts = [once.is_new("stream", read(frame(number))) for number in numbers]
    assert verdicts == [True, False, True, True, False, True, False, True, True, True, False]
    assert once.newest_trade("stream") == 10
    assert once.newest_trade("other") is None


@given(st.lists(st.integers(0, 60), max_size=200))
def test_in_whatever_order_trades_come_each_passes_once(numbers: list[int]) -> None:
    ids = TradeIds(numbers[0]) if numbers else TradeIds(0)
    passed = [number for number in numbers[1:] if ids.is_new(number)]
    assert sorted(passed) == sorted(set(numbers) - set(numbers[:1]))


def test_what_is_remembered_of_late_trades_is_bounded() -> None:
    ids = TradeIds(0)
    assert all(ids.is_new(number) for number in range(2, 20_000, 2))
    assert not ids.is_new(1), "too long ago to tell"
    assert ids.is_new(19_997)
    assert len(ids._holes) <= 256


def test_streams_do_not_disturb_each_other() -> None:
    once = Once()
    assert once.is_new("a", read(book_ticker("X", 5)))
    assert once.is_new("b", read(book_ticker("Y", 4)))
    assert once.is_new(("!bookTicker", "X"), read(book_ticker("X", 3)))


def test_a_closed_candle_passes_once_even_late_and_a_running_one_never_after_its_close() -> None:
    once = Once()
    minute = 60_000

    def new(opened: int, *, closed: bool) -> bool:
        return once.is_new("k", read(kline("X", opened * minute, closed=closed)))

    assert new(1, closed=False)
    assert new(1, closed=True)
    assert not new(1, closed=True)
    assert not new(1, closed=False)
    assert new(3, closed=True)
    assert new(2, closed=True)  # came late: nobody else says what it says
    assert not new(2, closed=True)
    assert new(0, closed=True)
    assert not new(0, closed=True)
    assert new(4, closed=False)
    assert all(new(minute, closed=True) for minute in range(4, 60))
    assert not new(0, closed=True)  # too long ago to tell


@given(st.integers(0, 17), st.integers(0, 18), st.lists(st.booleans(), min_size=40, max_size=40))
def test_however_two_connections_overlap_every_closed_candle_passes_once(
    begin: int, end: int, coin: list[bool]
) -> None:
    """The new connection begins somewhere in the sequence, the old one ends somewhere after that."""
    sequence = [read(kline("X", place // 3 * 60_000, closed=place % 3 == 2, event_ms=place + 1)) for place in range(18)]
    lines = [sequence[: max(begin, end)], sequence[begin:]]
    once = Once()
    passed: list[int] = []
    for old_first in coin:
        if line := lines[0 if old_first and lines[0] else 1] or lines[0]:
            frame = line.pop(0)
            if once.is_new("k", frame) and frame.bar.closed:
                passed.append(frame.bar.open_time_ms // 60_000)
    assert not any(lines)
    assert sorted(passed) == list(range(6))


def test_a_book_of_changes_numbers_itself() -> None:
    once = Once()
    update = read({"e": "depthUpdate", "E": 1, "T": 1, "s": "X", "U": 1, "u": 2, "pu": 0, "b": [], "a": []})
    assert once.is_new("d", update)
    assert once.is_new("d", update)


def test_an_exchange_that_was_restarted_may_count_from_the_beginning_but_time_goes_on() -> None:
    once = Once()
    assert once.is_new("a", read(book_ticker("X", 500)))
    assert once.is_new(("!all", "kind", "X"), read(book_ticker("X", 500)))
    assert once.is_new("k", read(kline("X", 60_000)))
    assert once.is_new("other", read(book_ticker("X", 500)))
    once.forget(frozenset({"a", "k", "!all"}))
    assert once.is_new("a", read(book_ticker("X", 1)))
    assert once.is_new(("!all", "kind", "X"), read(book_ticker("X", 1)))
    assert not once.is_new("k", read(kline("X", 60_000)))
    assert not once.is_new("other", read(book_ticker("X", 1)))
