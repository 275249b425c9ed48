"""Binance's own SDK, which knows nothing of us, runs a session against the exchange: REST, streams, WebSocket API."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import binance_sdk_derivatives_trading_usds_futures as sdk
import pytest
from binance_common import configuration

from tests.infra.exchange.running import Place

BTC = "BTCUSDT"


def client(place: Place) -> Any:
    keys = {"api_key": place.key, "api_secret": place.secret}
    return sdk.DerivativesTradingUsdsFutures(
        config_rest_api=configuration.ConfigurationRestAPI(**keys, base_path=place.rest, timeout=10_000),
        config_ws_streams=configuration.ConfigurationWebSocketStreams(stream_url=place.ws),
        config_ws_api=configuration.ConfigurationWebSocketAPI(**keys, stream_url=f"{place.ws}/ws-fapi/v1"),
    )


def look_and_trade(place: Place) -> None:
    api = client(place).rest_api
    assert len(api.exchange_information().data().symbols) == 20
    assert len(api.kline_candlestick_data(symbol=BTC, interval="1m", limit=5).data()) == 5
    assert len(api.mark_price_kline_candlestick_data(symbol=BTC, interval="1h", limit=5).data()) == 5
    assert len(api.order_book(symbol=BTC, limit=5).data().bids) == 5
    assert len(api.get_funding_rate_history(symbol=BTC, limit=5).data()) == 5
    assert api.futures_account_balance_v3().data()[0].balance == "10000.00000000"
    assert api.change_initial_leverage(symbol=BTC, leverage=5).data().leverage == 5
    price = float(api.kline_candlestick_data(symbol=BTC, interval="1m", limit=1).data()[0][4])
    order = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}
    placed = api.new_order(**order, price=round(price * 0.98, 1)).data()
    assert api.query_order(symbol=BTC, order_id=placed.order_id).data().status == "NEW"
    assert api.cancel_order(symbol=BTC, order_id=placed.order_id).data().status == "CANCELED"
    api.new_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
    api.new_algo_order(
        algo_type="CONDITIONAL", symbol=BTC, side="SELL", type="STOP_MARKET", quantity=0.002,
        trigger_price=round(price * 0.9, 1),
    )  # fmt: skip
    assert len(api.current_all_algo_open_orders(symbol=BTC).data()) == 1
    assert float(api.position_information_v3(symbol=BTC).data()[0].position_amt) == 0.002
    assert len(api.account_trade_list(symbol=BTC).data()) == 1
    with pytest.raises(sdk.BadRequestError, match="-2011"):
        api.cancel_order(symbol=BTC, order_id=1)


async def converse(api: Any) -> dict[str, Any]:
    streams = await api.websocket_streams.create_connection()
    came: dict[str, asyncio.Future[Any]] = {}

    async def hear(name: str, subscription: Any) -> None:
        came[name] = asyncio.get_running_loop().create_future()
        handle = await subscription
        handle.on("message", lambda said: None if came[name].done() else came[name].set_result(said))

    try:
        await hear("kline", streams.kline_candlestick_streams(symbol="btcusdt", interval="1m"))
        await hear("aggTrade", streams.aggregate_trade_streams(symbol="btcusdt"))
        await hear("depth", streams.diff_book_depth_streams(symbol="btcusdt"))
        await hear("bookTicker", streams.individual_symbol_book_ticker_streams(symbol="btcusdt"))
        await hear("ticker", streams.individual_symbol_ticker_streams(symbol="btcusdt"))
        key = api.rest_api.start_user_data_stream().data().listen_key
        await hear("user", streams.user_data(key))
        while not came["user"].done():  # the SDK doesn't say when it listens
            api.rest_api.new_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
            await asyncio.wait({came["user"]}, timeout=1)
        said = await asyncio.wait_for(asyncio.gather(*came.values()), 30)
        return dict(zip(came, said, strict=True))
    finally:
        await streams.close_connection(close_session=True)


def watch(place: Place) -> None:
    said = asyncio.run(converse(client(place)))
    assert said["kline"].e == "kline"
    assert said["aggTrade"].e == "aggTrade"
    assert said["depth"].e == "depthUpdate"
    assert said["ticker"].s == said["bookTicker"].s == BTC
    assert said["user"] is not None


async def ask(api: Any) -> tuple[Any, Any, Any]:
    connection = await api.websocket_api.create_connection()
    try:
        price = float(api.rest_api.kline_candlestick_data(symbol=BTC, interval="1m", limit=1).data()[0][4])
        order = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}
        placed = await connection.new_order(**order, price=round(price * 0.98, 1))
        balance = await connection.futures_account_balance_v2()
        return placed.data(), balance.data(), price
    finally:
        await connection.close_connection(close_session=True)


def session(place: Place) -> None:
    look_and_trade(place)
    watch(place)
    placed, balance, price = asyncio.run(ask(client(place)))
    assert price > 0
    assert placed.result.symbol == BTC
    assert balance.result[0].asset == "USDT"


if __name__ == "__main__":
    session(Place.given(sys.argv))
