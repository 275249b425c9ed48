"""Is a symbol's price known when its candle closes? Each symbol for itself; what is told then stands on the tape."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
import pytest

from domain.base import Input, Message
from domain.market import MINUTE_MS, CandleArrived
from infra.binance import market_feed
from infra.binance.feed_values import Delivery, Disconnected
from infra.binance.freshness import FRESH_MS, Freshness
from infra.binance.market_data import MarketData
from infra.binance.market_feed import MarketFeed
from infra.binance.routes import StreamHost
from infra.binance.wire import decode
from infra.binance.wire.frames import BookTicker, MarkPrice
from infra.clock import ExchangeClock
from tests.infra.binance.stream_server import book_ticker, kline

NOW_MS = 1_780_000_020_000
OPEN_MS = NOW_MS // MINUTE_MS * MINUTE_MS - MINUTE_MS


def read(frame: object) -> Message:
    return decode(msgspec.json.encode(frame))


def mark(symbol: str, price: str = "100") -> MarkPrice:
    frame = {"e": "markPriceUpdate", "E": 1, "s": symbol, "p": price, "i": "100", "r": "0.0001", "T": NOW_MS}
    return cast("MarkPrice", read(frame))


def best(symbol: str) -> BookTicker:
    return cast("BookTicker", read(book_ticker(symbol, 5)))


def marked(*symbols: str, received_ms: int = NOW_MS) -> Freshness:
    fresh = Freshness(symbols)
    for symbol in symbols:
        fresh.heard_mark(mark(symbol), received_ms)
    return fresh


def test_a_mark_price_is_fresh_for_three_seconds() -> None:
    fresh = marked("X")
    assert not fresh.stale("X", NOW_MS + FRESH_MS)
    assert fresh.stale("X", NOW_MS + FRESH_MS + 1)


def test_each_symbol_is_judged_by_its_own_prices() -> None:
    fresh = marked("X", "Y")
    fresh.heard_mark(mark("Y"), NOW_MS + 5_000)
    assert (fresh.stale("X", NOW_MS + 5_000), fresh.stale("Y", NOW_MS + 5_000)) == (True, False)


def test_what_was_never_heard_is_not_known() -> None:
    assert Freshness(["X"]).stale("X", NOW_MS)
    fresh = Freshness(["X"])
    fresh.heard_mark(mark("X", "0"), NOW_MS)
    assert fresh.stale("X", NOW_MS), "0 is no price"


def test_best_prices_that_stand_still_are_fresh_until_their_connection_is_lost() -> None:
    fresh = marked("X", "Y")
    fresh.interrupted(["x@bookTicker", "y@aggTrade", "!markPrice@arr@1s", "z@bookTicker"])
    assert (fresh.stale("X", NOW_MS), fresh.stale("Y", NOW_MS)) == (True, False)
    fresh.heard_best(best("X"))
    assert not fresh.stale("X", NOW_MS)


def test_only_symbols_that_are_followed_are_kept() -> None:
    fresh = marked("X")
    fresh.heard_mark(mark("OTHER"), NOW_MS)
    fresh.forget("X")
    assert (fresh._marked_ms, fresh._lost) == ({}, {})
    fresh.follow("X")
    assert fresh.stale("X", NOW_MS)


# ── what the feed says of a candle ────────────────────────────────────────────────────────────────────────────────


class Told:
    """A feed whose sockets we are: deliveries in, inputs out. `wall_ms` is the machine's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, speed: float = 1.0) -> None:
        self.wall_ms = 1_700_000_000_000
        self.speed = speed
        monkeypatch.setattr(market_feed, "wall_ms", lambda: self.wall_ms)
        began_ms = self.wall_ms
        clock = ExchangeClock(speed, lambda: (self.wall_ms - began_ms) / 1_000)
        clock.set(OPEN_MS + MINUTE_MS)
        self.inputs: list[Input] = []
        host = StreamHost("ws://127.0.0.1:1")
        self.feed = MarketFeed(host, cast("MarketData", None), clock, self.offer, ("X", "Y"), candles_over_rest=False)

    async def offer(self, input_: Input) -> None:
        self.inputs.append(input_)

    def hears(self, *messages: Message) -> None:
        asyncio.run(self.feed._take([Delivery("", message, self.wall_ms) for message in messages]))

    def ready(self) -> None:
        self.feed.begin(("X", "Y"), OPEN_MS)
        asyncio.run(self.feed.ready(("X", "Y")))

    def closes(self, symbol: str) -> None:
        self.hears(read(kline(symbol, OPEN_MS, closed=True)))

    def candles(self) -> dict[str, bool]:
        return {each.symbol: each.stale for each in self.inputs if isinstance(each, CandleArrived)}


def test_a_candle_says_whether_its_own_symbol_s_price_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.ready()
    told.hears(mark("X"), mark("Y"))
    told.wall_ms += 2_000
    told.hears(mark("Y"))
    told.wall_ms += 1_001
    told.feed._clock.set(OPEN_MS + MINUTE_MS)
    told.closes("X")
    told.closes("Y")
    assert told.candles() == {"X": True, "Y": False}


def test_a_lost_book_ticker_makes_the_prices_unknown_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.ready()
    told.hears(mark("X"), mark("Y"), best("X"), best("Y"), Disconnected(("x@bookTicker", "y@bookTicker"), "cut"))
    told.hears(best("Y"))
    told.closes("X")
    told.closes("Y")
    assert told.candles() == {"X": True, "Y": False}


@pytest.mark.parametrize(("speed", "after_ms", "stale"), [
    (1.0, 3_000, False), (1.0, 3_002, True), (120.0, 3_000, False), (120.0, 3_002, True),
])  # fmt: skip
def test_a_candle_that_is_told_late_is_no_price_of_now(
    monkeypatch: pytest.MonkeyPatch, speed: float, after_ms: int, stale: bool
) -> None:
    told = Told(monkeypatch, speed)
    told.ready()
    told.wall_ms += after_ms
    told.hears(mark("X"))
    told.closes("X")
    assert told.candles() == {"X": stale}


def test_a_candle_that_waited_for_its_history_is_judged_when_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.feed.begin(("X",), OPEN_MS)
    told.hears(mark("X"))
    told.closes("X")
    told.wall_ms += 30_000
    told.hears(mark("X"))
    asyncio.run(told.feed.ready(("X",)))
    assert told.candles() == {"X": True}
