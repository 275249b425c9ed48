"""Binance's own SDK, which knows nothing of us, runs a session against the exchange: REST, streams, WebSocket API."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import binance_sdk_derivatives_trading_usds_futures as sdk
import pytest
from binance_common import configuration
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.infra.exchange.running import Place, admin, newcomer

BTC = "BTCUSDT"


def client(place: Place, *, private: bool = False) -> Any:
    """Make a client; `private`: the secret is a private key."""
    keys = {"api_key": place.key, "private_key" if private else "api_secret": place.secret}
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
    look_around(api)


def look_around(api: Any) -> None:
    """Ask for what is beside trading: a history as a file, the index of a basket, conversion."""
    now = api.check_server_time().data().server_time
    wanted = api.get_download_id_for_futures_trade_history(start_time=now - 86_400_000, end_time=now + 1_000).data()
    file = api.get_futures_trade_download_link_by_id(download_id=wanted.download_id).data()
    assert (file.status, file.download_id, BTC in file.url) == ("completed", wanted.download_id, True)
    assert api.composite_index_symbol_information().data()[0].symbol == "DEFIUSDT"
    assert api.list_all_convert_pairs().data() == []
    assert api.futures_tradfi_perps_contract().data().msg == "success"
    with pytest.raises(sdk.BadRequestError, match="-1108"):
        api.send_quote_request(from_asset="USDT", to_asset="BTC", from_amount=10)
    assert len(api.order_book(symbol=BTC, limit=1_000).data().asks) == 1_000
    assert {order.symbol for order in api.all_orders().data()} == {BTC}


async def converse(api: Any, account: str, place: Place) -> dict[str, Any]:
    """Hear the first of every stream, all at once; at last the user's key dies, and that is said too."""
    streams = await api.websocket_streams.create_connection()
    came: dict[str, asyncio.Future[Any]] = {}
    users: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(name: str, subscription: Any) -> None:
        came[name] = asyncio.get_running_loop().create_future()
        handle = await subscription
        handle.on("message", lambda said: None if came[name].done() else came[name].set_result(said))

    try:
        await hear("kline", streams.kline_candlestick_streams(symbol="btcusdt", interval="1m"))
        continuous = {"pair": "btcusdt", "contract_type": "perpetual", "interval": "1m"}
        await hear("continuous", streams.continuous_contract_kline_candlestick_streams(**continuous))
        await hear("aggTrade", streams.aggregate_trade_streams(symbol="btcusdt"))
        await hear("ticker", streams.individual_symbol_ticker_streams(symbol="btcusdt"))
        await hear("tickers", streams.all_market_tickers_streams())
        await hear("minis", streams.all_market_mini_tickers_stream())
        await hear("marks", streams.mark_price_stream_for_all_market())
        await hear("composite", streams.composite_index_symbol_information_streams(symbol="defiusdt"))
        await hear("depth", streams.diff_book_depth_streams(symbol="btcusdt"))
        await hear("rpi", streams.rpi_diff_book_depth_streams(symbol="btcusdt"))
        await hear("levels", streams.partial_book_depth_streams(symbol="btcusdt", levels=10))
        await hear("bookTicker", streams.individual_symbol_book_ticker_streams(symbol="btcusdt"))
        key = api.rest_api.start_user_data_stream().data().listen_key
        (await streams.user_data(key)).on("message", users.put_nowait)
        came["user"] = asyncio.ensure_future(users.get())
        while not came["user"].done():  # the SDK doesn't say when it listens
            api.rest_api.new_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
            await asyncio.wait({came["user"]}, timeout=1)
        said = await asyncio.wait_for(asyncio.gather(*came.values()), 30)
        price = float(said[0].k.c)
        api.rest_api.change_initial_leverage(symbol=BTC, leverage=7)
        stop = {"algo_type": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "quantity": 0.002}
        api.rest_api.new_algo_order(**stop, trigger_price=round(price * 0.9, 1))
        admin(place, "listen-keys/expire", account=account)
        heard: list[Any] = []
        while not heard or _kind(heard[-1]) != "ListenKeyExpired":
            heard.append(await asyncio.wait_for(users.get(), 30))
        assert {_kind(event) for event in heard} >= {
            "OrderTradeUpdate",
            "AccountUpdate",
            "AccountConfigUpdate",
            "AlgoUpdate",
        }
        assert heard[-1].actual_instance.listen_key == key
        with pytest.raises(sdk.BadRequestError, match="-1125"):
            api.rest_api.keepalive_user_data_stream()
        return dict(zip(came, said, strict=True))
    finally:
        await streams.close_connection(close_session=True)


def _kind(event: Any) -> str:
    return type(event.actual_instance).__name__


def watch(place: Place) -> None:
    api = client(place)
    (balance,) = api.rest_api.futures_account_balance_v3().data()
    said = asyncio.run(converse(api, balance.account_alias, place))
    for kind, name in {"kline": "kline", "continuous_kline": "continuous", "aggTrade": "aggTrade"}.items():
        assert said[name].e == kind
    assert {said[name].e for name in ("depth", "rpi", "levels")} == {"depthUpdate"}
    assert said["ticker"].s == said["bookTicker"].s == BTC
    assert _kind(said["user"]) == "TradeLite"
    assert {one.e for one in said["tickers"]} == {"24hrTicker"}
    assert {one.e for one in said["minis"]} == {"24hrMiniTicker"}
    assert len(said["marks"]) == 20
    assert (said["composite"].e, said["composite"].s) == ("compositeIndex", "DEFIUSDT")


async def ask(api: Any) -> None:
    """Ask everything that the WebSocket API answers."""
    price = float(api.rest_api.kline_candlestick_data(symbol=BTC, interval="1m", limit=1).data()[0][4])
    order = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.002}
    connection = await api.websocket_api.create_connection()
    try:
        answered = await connection.new_order(**order, price=round(price * 0.98, 1))
        assert [limit.rateLimitType for limit in answered.rate_limits] == ["REQUEST_WEIGHT", "ORDERS", "ORDERS"]
        placed = {"symbol": BTC, "order_id": answered.data().result.order_id}
        change = {"side": "BUY", "quantity": 0.003, "price": round(price * 0.97, 1)}
        assert (await connection.modify_order(**placed, **change)).data().result.orig_qty == "0.003"
        assert (await connection.query_order(**placed)).data().result.status == "NEW"
        assert (await connection.cancel_order(**placed)).data().result.status == "CANCELED"
        stop = {"symbol": BTC, "side": "BUY", "type": "STOP_MARKET", "quantity": 0.002}
        waits = await connection.new_algo_order(algo_type="CONDITIONAL", **stop, trigger_price=round(price * 1.1, 1))
        gone = (await connection.cancel_algo_order(algo_id=waits.data().result.algo_id)).data().result
        assert (gone.code, gone.msg) == ("200", "success")
        for balance in (connection.futures_account_balance, connection.futures_account_balance_v2):
            assert (await balance()).data().result[0].asset == "USDT"
        for account in (connection.account_information, connection.account_information_v2):
            assert (await account()).data().result.assets[0].asset == "USDT"
        assert len((await connection.position_information()).data().result) == 20
        book = (await connection.order_book(symbol=BTC, limit=5)).data().result
        assert len(book.additional_properties["bids"]) == 5
    finally:
        await connection.close_connection(close_session=True)


def signed_by_ed25519(place: Place) -> None:
    """Sign with an Ed25519 key, over REST and over the WebSocket API."""
    private = ed25519.Ed25519PrivateKey.generate()
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    own = newcomer(place, public_key=public)
    own = own._replace(secret=private.private_bytes(pem, serialization.PrivateFormat.PKCS8, none).decode())
    api = client(own, private=True)
    assert api.rest_api.futures_account_balance_v3().data()[0].balance == "10000.00000000"
    asyncio.run(ask(api))


def session(place: Place) -> None:
    look_and_trade(newcomer(place))
    watch(newcomer(place))
    asyncio.run(ask(client(newcomer(place))))
    signed_by_ed25519(place)


if __name__ == "__main__":
    session(Place.given(sys.argv))
