"""Values that can be read and can't be true: prices of nothing, times that have not come, terms that moved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest

from domain.base import Input, Message
from domain.errors import WireError
from domain.instrument import Instrument
from domain.market import CandleArrived, FundingArrived, MarketTick, Quote
from infra.binance.arrival import LEAP_MS, set_clock
from infra.binance.feed_values import Delivery
from infra.binance.market_data import MarketData
from infra.binance.market_feed import AHEAD_MS, EARLY_MS, MarketFeed
from infra.binance.rest import Rest
from infra.binance.routes import MARK_PRICES, StreamHost
from infra.binance.routes import kline as kline_stream
from infra.binance.ticks import Board
from infra.binance.universe import choose, news
from infra.binance.wire import decode
from infra.binance.wire.contract_bodies import Contract, read_brackets, read_exchange_info
from infra.binance.wire.market_bodies import read_mark_price, read_prices
from infra.clock import ExchangeClock
from tests.infra.binance.stream_server import book_ticker, kline

MINUTE = 60_000
NOW_MS = 1_750_032_000_000
HOURS_8 = 8 * 3_600_000


def read(frame: dict[str, Any]) -> Message:
    return decode(msgspec.json.encode(frame))


def mark(price: str, index: str = "99", next_ms: int = 5, rate: str = "0.0001") -> dict[str, Any]:
    return {"e": "markPriceUpdate", "E": 1, "s": "A", "p": price, "i": index, "r": rate, "T": next_ms}


# ── prices ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ticked(*frames: dict[str, Any]) -> Quote:
    board = Board(["A"], 0)
    for frame in (mark("100"), book_ticker("A", 1, "99.5", "100.5"), *frames):
        board.see(read(frame))
    tick = board.tick(1)
    assert isinstance(tick, MarketTick)
    return tick.quotes[0]


@pytest.mark.parametrize("price", ["0", "0.00000000", "0E-8"])
def test_a_mark_of_nothing_is_none(price: str) -> None:
    assert ticked(mark(price)).mark == 100.0
    assert ticked(mark("101", index=price)).index is None


@pytest.mark.parametrize(("bid", "ask"), [("0", "100.6"), ("99.4", "0.0000"), ("0", "0")])
def test_an_empty_side_of_the_book_leaves_the_last_prices(bid: str, ask: str) -> None:
    quote = ticked(book_ticker("A", 2, bid, ask))
    assert (quote.bid, quote.ask) == (99.5, 100.5)


def test_the_smallest_prices_are_prices() -> None:
    quote = ticked(mark("1E-8", "0.00000001"), book_ticker("A", 2, "1e-8", "2E-8"))
    assert (quote.mark, quote.index, quote.bid, quote.ask) == (1e-8, 1e-8, 1e-8, 2e-8)


@pytest.mark.parametrize("rate", ["1" * 400, "-" + "9" * 309, "1e309", "NaN", "-Infinity"])
def test_a_rate_beyond_all_numbers_can_not_be_read(rate: str) -> None:
    body = {
        "symbol": "A",
        "markPrice": "1",
        "indexPrice": "1",
        "lastFundingRate": rate,
        "nextFundingTime": 5,
        "time": 1,
    }
    with pytest.raises(WireError):
        read_mark_price(msgspec.json.encode(body), "premiumIndex")


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Clock(ExchangeClock):
    """A clock that the test moves."""

    at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms


def fed(*frames: tuple[int, str, dict[str, Any]]) -> Sequence[Input]:
    """Give what a feed hands on when these frames come, each at its time and on its stream."""
    inputs: list[Input] = []

    async def offer(input_: Input) -> None:
        inputs.append(input_)

    async def run() -> None:
        clock = Clock()
        feed = MarketFeed(StreamHost("ws://127.0.0.1:1"), cast("MarketData", None), clock, offer, ["A"])
        feed.begin(["A"], NOW_MS)
        await feed.ready(["A"])
        for at_ms, stream, frame in frames:
            clock.at_ms = at_ms
            await feed._take([Delivery(stream, read(frame), at_ms)])

    asyncio.run(run())
    return inputs


def test_a_candle_of_another_age_makes_none_missing() -> None:
    stream = kline_stream("A")
    inputs = fed(
        (NOW_MS + MINUTE, stream, kline("A", NOW_MS + 1_000_000 * MINUTE)),
        (NOW_MS + MINUTE, stream, kline("A", NOW_MS + MINUTE + AHEAD_MS)),
        (NOW_MS + MINUTE, stream, kline("A", NOW_MS)),
        (NOW_MS + 2 * MINUTE, stream, kline("A", NOW_MS + MINUTE)),
    )
    opens = [each.candle.open_time_ms for each in inputs if isinstance(each, CandleArrived)]
    assert opens == [NOW_MS, NOW_MS + MINUTE]


def test_a_funding_passes_when_its_time_has_come() -> None:
    inputs = fed(
        (NOW_MS - 1_000, MARK_PRICES, mark("100", next_ms=NOW_MS, rate="0.0003")),
        (NOW_MS + 1_000, MARK_PRICES, mark("101", next_ms=NOW_MS + HOURS_8)),
    )
    assert inputs == [FundingArrived("A", NOW_MS, 0.0003, 101.0)]


def test_a_funding_time_that_is_moved_or_garbage_is_no_funding() -> None:
    """The exchange may make an interval of 4 hours one of 8: the time of the next one leaps, and nobody paid."""
    assert not fed(
        (NOW_MS - HOURS_8, MARK_PRICES, mark("100", next_ms=NOW_MS)),
        (NOW_MS - EARLY_MS - 1, MARK_PRICES, mark("100", next_ms=NOW_MS + HOURS_8)),
        (NOW_MS + 1_000, MARK_PRICES, mark("0", next_ms=NOW_MS + 3 * HOURS_8)),
        (NOW_MS + 2_000, MARK_PRICES, mark("100", next_ms=0)),
    )


class Telling:
    """An exchange that tells these times, one after the other."""

    def __init__(self, *times_ms: int) -> None:
        self.times_ms = list(times_ms)

    async def server_time_ms(self) -> int:
        return self.times_ms.pop(0)


def clock_after(*times_ms: int) -> int:
    clock = ExchangeClock(monotonic=lambda: 0.0)
    clock.set(NOW_MS)
    telling = Telling(*times_ms)
    asyncio.run(set_clock(cast("Rest", telling), clock))
    assert not telling.times_ms
    return clock.now_ms()


def test_a_clock_that_leaps_must_say_so_twice() -> None:
    assert clock_after(NOW_MS + LEAP_MS - 1_000) // 1_000 == (NOW_MS + LEAP_MS) // 1_000 - 1
    assert clock_after(NOW_MS * 2, NOW_MS * 2 + 5) >= NOW_MS * 2
    for garbage in (0, 9 * 10**15):
        with pytest.raises(WireError, match="twice"):
            clock_after(garbage, NOW_MS)


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_contract_that_can_not_be_read_does_not_cost_the_others() -> None:
    good = {"symbol": "A", "baseAsset": "A", "quoteAsset": "USDT"}
    bad: list[Any] = [
        {**good, "symbol": 5},
        {**good, "filters": [{"filterType": "PRICE_FILTER", "tickSize": "NaN"}]},
        7,
    ]
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
    info = read_exchange_info(
        msgspec.json.encode({"serverTime": 3, "rateLimits": [limit], "symbols": [bad[0], good, *bad[1:]]}), "here"
    )
    assert [each.symbol for each in info.contracts] == ["A"]
    assert (info.server_time_ms, info.rate_limits[0].limit) == (3, 2400)
    for hopeless in ({"symbols": bad}, {"symbols": 5}, {}, {"symbols": [good], "rateLimits": 5}):
        with pytest.raises(WireError):
            read_exchange_info(msgspec.json.encode(hopeless), "here")
    assert read_exchange_info(b'{"symbols":[]}', "here").contracts == ()


def test_rows_of_the_market_stand_for_themselves() -> None:
    rows = [{"symbol": "A", "price": "1E-8"}, {"symbol": "B", "price": "NaN"}, {"symbol": "C", "price": "3"}]
    assert [(each.symbol, float(each.price)) for each in read_prices(msgspec.json.encode(rows), "here")] == [
        ("A", 1e-8), ("C", 3.0),
    ]  # fmt: skip
    for broken in (b'[{"symbol":"A"}]', b"{}", b"[", b"5", b"\xff", b"[[[" * 10_000):
        with pytest.raises(WireError):
            read_prices(broken, "here")


# ── terms ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def contract(tick: str = "0.10", step: str = "0.001", name: str = "BTCUSDT") -> Contract:
    listed: dict[str, Any] = {
        "symbol": name, "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": tick},
            {"filterType": "LOT_SIZE", "stepSize": step, "minQty": step, "maxQty": "1000"},
            {"filterType": "MIN_NOTIONAL", "notional": "50"},
        ],
    }  # fmt: skip
    return read_exchange_info(msgspec.json.encode({"symbols": [listed]}), "exchangeInfo").contracts[0]


def known(now: Contract) -> Instrument:
    instrument = now.instrument()
    assert instrument is not None
    return msgspec.structs.replace(instrument, max_leverage=75, maintenance_rate=Decimal("0.004"))


def test_changed_filters_are_news_and_keep_what_only_brackets_say() -> None:
    before = {"BTCUSDT": known(contract())}
    same = choose([contract()], {}, ("BTCUSDT",))
    assert news(same, {}, ("BTCUSDT",), before) == ()
    finer = choose([contract(tick="0.01")], {}, ("BTCUSDT",))
    (told,) = news(finer, {}, ("BTCUSDT",), before)
    assert told == msgspec.structs.replace(before["BTCUSDT"], tick=Decimal("0.01"))


def test_changed_brackets_are_news_too() -> None:
    rows = [{"symbol": "BTCUSDT", "brackets": [{"bracket": 1, "initialLeverage": 20, "notionalCap": 5000,
             "notionalFloor": 0, "maintMarginRatio": 0.025, "cum": 0}]}]  # fmt: skip
    brackets = {each.symbol: each for each in read_brackets(msgspec.json.encode(rows), "leverageBracket")}
    (told,) = news(choose([contract()], {}, ("BTCUSDT",)), brackets, ("BTCUSDT",), {"BTCUSDT": known(contract())})
    assert (told.max_leverage, told.maintenance_rate) == (20, Decimal("0.025"))


def test_filters_that_can_not_be_and_contracts_that_are_not_listed_are_no_news() -> None:
    before = {"BTCUSDT": known(contract()), "ETHUSDT": known(contract(name="ETHUSDT"))}
    listed = choose([contract(), contract(name="X", tick="0")], {}, ("BTCUSDT",))
    assert news(listed, {}, ("BTCUSDT", "ETHUSDT", "X"), before) == ()
