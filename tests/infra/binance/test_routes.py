"""Which route serves which stream, and how the addresses look (specs/binance.md §1)."""

from __future__ import annotations

import pytest

from infra.binance import routes
from infra.binance.routes import Route, StreamHost, by_route, is_partial_depth, route_of

HOST = StreamHost("wss://fstream.binance.com/")


@pytest.mark.parametrize("stream", [
    "btcusdt@bookTicker", "!bookTicker", "btcusdt@depth5", "btcusdt@depth20@100ms", "btcusdt@depth", "btcusdt@trade",
    "btcusdt@depth@500ms", "btcusdt@rpiDepth@500ms",
])  # fmt: skip
def test_books_are_public(stream: str) -> None:
    assert route_of(stream) is Route.PUBLIC


@pytest.mark.parametrize("stream", [
    "btcusdt@aggTrade", "btcusdt@markPrice", "!markPrice@arr@1s", "btcusdt@kline_1m",
    "btcusdt_perpetual@continuousKline_1m",
    "btcusdt@miniTicker", "!miniTicker@arr", "btcusdt@ticker", "!ticker@arr", "btcusdt@forceOrder", "!forceOrder@arr",
    "defiusdt@compositeIndex", "!contractInfo", "!assetIndex@arr", "btcusd@assetIndex", "tradingSession",
])  # fmt: skip
def test_everything_else_of_the_market_has_its_own_route(stream: str) -> None:
    assert route_of(stream) is Route.MARKET


def test_names_are_lower_case() -> None:
    assert routes.kline("BTCUSDT") == "btcusdt@kline_1m"
    assert routes.agg_trade("BTCUSDT") == "btcusdt@aggTrade"
    assert routes.book_ticker("BTCUSDT") == "btcusdt@bookTicker"
    assert [routes.depth("BTCUSDT"), routes.depth("BTCUSDT", 250)] == ["btcusdt@depth@500ms", "btcusdt@depth"]
    assert routes.partial_depth("BTCUSDT") == "btcusdt@depth20@500ms"


def test_addresses_of_both_families() -> None:
    old = StreamHost("ws://127.0.0.1:9", routed=False)
    assert HOST.combined(Route.MARKET, ["a@kline_1m", "b@kline_1m"]) == (
        "wss://fstream.binance.com/market/stream?streams=a@kline_1m/b@kline_1m"
    )
    assert old.combined(Route.PUBLIC, ["a@depth"]) == "ws://127.0.0.1:9/stream?streams=a@depth"
    assert HOST.user("KEY") == "wss://fstream.binance.com/private/ws/KEY"
    assert old.user("KEY") == "ws://127.0.0.1:9/ws/KEY"


def test_sorting_by_route_drops_repeats_and_keeps_the_order() -> None:
    assert by_route(["b@kline_1m", "a@depth", "a@kline_1m", "b@kline_1m"]) == {
        Route.MARKET: ("b@kline_1m", "a@kline_1m"),
        Route.PUBLIC: ("a@depth",),
    }


def test_partial_depth_is_told_by_its_name() -> None:
    names = ("a@depth5", "a@depth20@100ms", "a@depth", "a@depth@100ms", "", "depth5")
    assert [is_partial_depth(name) for name in names] == [True, True, False, False, False, False]
