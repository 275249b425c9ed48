"""python-binance, which knows nothing of us, runs a whole session against the exchange."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import binance
import pytest

from tests.infra.exchange import python_binance_account
from tests.infra.exchange.python_binance_account import pointed
from tests.infra.exchange.running import Place

BTC = "BTCUSDT"


def look(api: Any) -> None:
    assert api.futures_ping() == {}
    assert len(api.futures_exchange_info()["symbols"]) == 20
    assert len(api.futures_klines(symbol=BTC, interval="1m", limit=7)) == 7
    assert len(api.futures_historical_klines(BTC, "1h", "3 days ago UTC")) >= 71
    assert len(api.futures_order_book(symbol=BTC, limit=5)["bids"]) == 5
    assert len(api.futures_aggregate_trades(symbol=BTC, limit=10)) == 10
    assert len(api.futures_historical_trades(symbol=BTC, limit=10)) == 10
    assert len(api.futures_mark_price()) == 20
    assert len(api.futures_funding_rate(symbol=BTC, limit=5)) == 5
    assert len(api.futures_open_interest_hist(symbol=BTC, period="5m", limit=5)) == 5
    assert len(api.futures_ticker()) == len(api.futures_orderbook_ticker()) == 20


def settle_in(api: Any) -> None:
    assert api.futures_account_balance()[0]["balance"] == "10000.00000000"
    assert api.futures_change_leverage(symbol=BTC, leverage=5)["leverage"] == 5
    api.futures_change_margin_type(symbol=BTC, marginType="ISOLATED")
    api.futures_change_position_mode(dualSidePosition="true")
    assert api.futures_get_position_mode() == {"dualSidePosition": True}
    api.futures_change_position_mode(dualSidePosition="false")
    assert api.futures_leverage_bracket(symbol=BTC)[0]["brackets"][0]["initialLeverage"] == 125
    assert api.futures_commission_rate(symbol=BTC)["takerCommissionRate"] == "0.0005"


def trade(api: Any) -> None:
    price = float(api.futures_symbol_ticker(symbol=BTC)["price"])
    low, lower = (f"{price * share:.1f}" for share in (0.98, 0.97))
    limit = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.002, "price": low}
    resting = api.futures_create_order(**limit)
    assert api.futures_get_order(symbol=BTC, orderId=resting["orderId"])["status"] == "NEW"
    changed = api.futures_modify_order(symbol=BTC, orderId=resting["orderId"], side="BUY", quantity=0.003, price=lower)
    assert changed["price"] == lower
    assert api.futures_cancel_order(symbol=BTC, orderId=resting["orderId"])["status"] == "CANCELED"
    api.futures_create_test_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
    api.futures_create_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
    stop = f"{price * 0.9:.1f}"
    api.futures_create_order(symbol=BTC, side="SELL", type="STOP_MARKET", stopPrice=stop, closePosition="true")
    assert len(api.futures_get_open_algo_orders(symbol=BTC)) == 1
    api.futures_cancel_all_algo_open_orders(symbol=BTC)
    assert float(api.futures_position_information(symbol=BTC)[0]["positionAmt"]) == 0.002
    api.futures_change_position_margin(symbol=BTC, amount=5, type=1)
    assert len(api.futures_position_margin_history(symbol=BTC)) == 1
    api.futures_create_order(symbol=BTC, side="SELL", type="MARKET", quantity=0.002, reduceOnly="true")
    assert len(api.futures_account_trades(symbol=BTC)) == 2
    texts = {name: str(value) for name, value in limit.items()}
    assert len(api.futures_place_batch_order(batchOrders=[texts, texts])) == 2
    api.futures_cancel_all_open_orders(symbol=BTC)
    assert api.futures_get_open_orders(symbol=BTC) == []
    assert api.futures_income_history()


def look_and_trade(place: Place) -> None:
    api = pointed(binance.Client(place.key, place.secret, ping=False), place)
    look(api)
    settle_in(api)
    trade(api)
    with pytest.raises(binance.exceptions.BinanceAPIException, match="-4164"):
        api.futures_create_order(symbol="ETHUSDT", side="BUY", type="MARKET", quantity=0.001)


async def first(socket: Any) -> Any:
    async with socket as stream:
        return await asyncio.wait_for(stream.recv(), 20)


async def watch(api: Any, place: Place) -> None:
    """Hear the first of every kind of socket, all at once: some speak every five seconds only."""
    streams = binance.BinanceSocketManager(api)
    streams.FSTREAM_URL = f"{place.ws}/"
    names = ["btcusdt@kline_1m", "ethusdt@kline_5m"]
    told = await asyncio.gather(
        first(streams.aggtrade_futures_socket(BTC)), first(streams.symbol_mark_price_socket(BTC)),
        first(streams.symbol_ticker_futures_socket(BTC)), first(streams.futures_multiplex_socket(names)),
        first(streams.individual_symbol_ticker_futures_socket(BTC)), first(streams.futures_depth_socket(BTC)),
        first(streams.futures_rpi_depth_socket(BTC)),
    )  # fmt: skip
    kinds = [said["data"]["e"] for said in told]
    assert kinds[2] in {"24hrTicker", "bookTicker"}
    assert kinds[:2] + kinds[3:] == [
        "aggTrade", "markPriceUpdate", "kline", "24hrTicker", "depthUpdate", "depthUpdate",
    ]  # fmt: skip
    candle, marks = await asyncio.gather(
        first(streams.kline_futures_socket(BTC, interval="1m")), first(streams.all_mark_price_socket())
    )
    assert candle["e"] == "continuous_kline"
    assert len(marks["data"]) == 20


async def listen(place: Place) -> None:
    api = pointed(binance.AsyncClient(place.key, place.secret), place)
    try:
        await watch(api, place)
    finally:
        await api.close_connection()


def session(place: Place) -> None:
    look_and_trade(place)
    asyncio.run(listen(place))
    python_binance_account.session(place)


if __name__ == "__main__":
    session(Place.given(sys.argv))
