"""The board: from frames to the inputs of the kernel."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from domain.market import MarketTick, Quote
from infra.binance.ticks import Board, bare_candle
from infra.binance.wire import decode
from infra.binance.wire.frames import Kline
from tests.infra.binance.stream_server import agg_trade, book_ticker, kline

MINUTE = 60_000
TRADED = 6.0
"""What one trade of `agg_trade` is worth, USDT."""


def see(board: Board, frame: dict[str, Any], stream: str = "") -> Any:
    return board.see(decode(msgspec.json.encode(frame)), stream)


def mark(symbol: str, price: str, rate: str = "0.0001") -> dict[str, Any]:
    return {"e": "markPriceUpdate", "E": 1, "s": symbol, "p": price, "i": "99", "r": rate, "T": 5}


def force(symbol: str, side: str, time_ms: int, quantity: str, filled: str) -> dict[str, Any]:
    return {"e": "forceOrder", "E": 1, "o": {"s": symbol, "S": side, "q": quantity, "p": "9", "ap": "10", "X": "FILLED",
                                            "l": filled, "z": filled, "T": time_ms}}  # fmt: skip


def test_a_tick_holds_the_symbols_that_changed_as_they_are_now() -> None:
    board = Board(["A", "B"], 0)
    see(board, mark("A", "100"))
    assert board.tick(1) is None  # no best prices yet
    see(board, book_ticker("A", 1, "99.5", "100.5"))
    see(board, book_ticker("A", 2, "99.6", "100.4"))
    see(board, mark("B", "5"))
    see(board, mark("C", "5"))
    assert board.tick(2) == MarketTick(2, (Quote("A", 100.0, 99.6, 100.4, 99.0, 0.0001, 0.0, 0.0),))
    assert board.tick(3) is None
    see(board, book_ticker("A", 3, "99.6", "100.4"))  # other quantities, same prices
    assert board.tick(4) is None
    see(board, book_ticker("B", 3, "4", "6"))
    see(board, mark("A", "101", rate=""))
    b, a = Quote("B", 5.0, 4.0, 6.0, 99.0, 0.0001, 0.0, 0.0), Quote("A", 101.0, 99.6, 100.4, 99.0, None, 0.0, 0.0)
    assert board.tick(5) == MarketTick(5, (b, a))
    for number, sold in enumerate((False, True, True)):
        see(board, agg_trade("A", number, sold=sold))
    assert board.tick(6) == MarketTick(6, (replace(a, taker_buy=TRADED, taker_sell=2 * TRADED),))
    assert board.tick(7) is None
    board.interrupted(["a@aggTrade"], 7)
    see(board, agg_trade("A", 9))
    assert board.tick(8) == MarketTick(8, (replace(a, taker_buy=None, taker_sell=None),)), "some are missing"


def test_a_closed_candle_carries_what_stands_beside_it() -> None:
    board = Board(["A"], 0)
    see(board, mark("A", "100"))
    see(board, book_ticker("A", 1, "99.5", "100.5"))
    board.open_interest("A", 1234.5)
    board.open_interest("unknown", 1.0)
    levels = {"b": [["99", "100"]], "a": [["101", "50"]]}
    see(board, {"e": "depthUpdate", "E": 1, "T": 1, "s": "A", "U": 1, "u": 2, "pu": 0, **levels}, "a@depth20@500ms")
    for time_ms, side in ((5, "SELL"), (6, "BUY"), (MINUTE + 1, "SELL")):
        see(board, force("A", side, time_ms, "3", "2"))
    assert see(board, kline("A", 0, closed=False)) is None
    arrived = see(board, kline("A", 0))
    candle = arrived.candle
    assert (arrived.symbol, candle.open_time_ms) == ("A", 0)
    assert (candle.open, candle.high, candle.low, candle.close) == (1.0, 3.0, 0.5, 2.0)
    assert (candle.volume, candle.quote_volume, candle.trades) == (10.0, 20.0, 2)
    assert (candle.taker_buy_volume, candle.taker_buy_quote_volume) == (4.0, 8.0)
    assert (candle.mark, candle.index, candle.funding_rate) == (100.0, 99.0, 0.0001)
    assert (candle.bid, candle.ask, candle.open_interest) == (99.5, 100.5, 1234.5)
    assert (candle.depth.bid_notional, candle.depth.ask_notional) == (9_900.0, 5_050.0)
    assert (candle.liquidated_long, candle.liquidated_short) == (20.0, 20.0)
    later = see(board, kline("A", MINUTE)).candle
    assert (later.liquidated_long, later.liquidated_short) == (20.0, 0.0)
    assert board.row("A").liquidated == {}  # type: ignore[union-attr]


def test_what_is_not_known_is_none() -> None:
    board = Board(["A"], 0, counts_liquidations=False)
    candle = see(board, kline("A", 0)).candle
    assert [candle.mark, candle.bid, candle.open_interest] == [None] * 3
    assert [candle.depth, candle.flow, candle.liquidated_long] == [None] * 3
    message = decode(msgspec.json.encode(kline("A", 0)))
    assert isinstance(message, Kline)
    assert bare_candle(message).candle == candle


def test_only_the_base_interval_and_the_named_symbols_become_inputs() -> None:
    board = Board(["A"], 0)
    other = kline("A", 0)
    other["k"]["i"] = "5m"
    assert see(board, other) is None
    assert see(board, kline("B", 0)) is None
    board.add("B", 0)
    board.add("B", 0)
    assert board.symbols == ("A", "B")
    assert see(board, kline("B", 0)) is not None
    board.remove("B")
    assert see(board, kline("B", MINUTE)) is None


def test_books_of_changes_ask_for_their_snapshot() -> None:
    board = Board(["A"], 0)
    change = {"e": "depthUpdate", "E": 1, "T": 1, "s": "A", "U": 5, "u": 8, "pu": 4, "b": [["99", "1"]], "a": []}
    assert board.needing_snapshot() == ()
    see(board, change, "a@depth@500ms")
    assert board.needing_snapshot() == ("A",)
    row = board.row("A")
    assert row is not None
    row.book.load(6, ((98.0, 1.0),), ((101.0, 1.0),))
    assert board.needing_snapshot() == ()
    see(board, {**change, "U": 20, "u": 21, "pu": 19}, "a@depth@500ms")
    assert board.needing_snapshot() == ("A",)


def test_a_lost_stream_begins_anew() -> None:
    board = Board(["A"], 0)
    row = board.row("A")
    assert row is not None
    row.book.load(6, ((98.0, 1.0),), ((101.0, 1.0),))
    see(board, agg_trade("A", 1))
    board.interrupted(["a@depth@500ms", "a@aggTrade", "!markPrice@arr@1s", "b@aggTrade"], 20 * MINUTE)
    assert not row.book.live
    assert row.flow.close(30 * MINUTE) is None
