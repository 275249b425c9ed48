"""python-binance by message, in threads and in batches: WebSocket API, user events, depth caches, lists of orders."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import binance
import pytest

from tests.infra.exchange.running import Place, newcomer

BTC = "BTCUSDT"
PATIENCE_S = 20.0


def pointed(api: Any, place: Place) -> Any:
    """Point a client, or the class of clients that others make, to an exchange."""
    api.API_URL, api.MARGIN_API_URL = f"{place.rest}/api", f"{place.rest}/sapi"
    api.FUTURES_URL, api.FUTURES_DATA_URL = f"{place.rest}/fapi", f"{place.rest}/futures/data"
    api.WS_FUTURES_URL = f"{place.ws}/ws-fapi/v1"
    return api


def refused(code: int) -> Any:
    return pytest.raises(binance.exceptions.BinanceAPIException, match=rf"code={code}\)")


def prices(api: Any, *shares: float) -> list[str]:
    last = float(api.futures_symbol_ticker(symbol=BTC)["price"])
    return [f"{last * share:.1f}" for share in shares]


def lists(api: Any) -> None:
    """Cancel by lists of either id, amend, and let a countdown cancel what is left."""
    low, lower = prices(api, 0.97, 0.96)
    wish = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": low}
    bad = wish | {"price": low + "7"}
    rows = api.futures_place_batch_order(batchOrders=[dict(wish), dict(wish), dict(bad), dict(wish), dict(wish)])
    assert [row.get("code", row.get("status")) for row in rows] == ["NEW", "NEW", -1111, "NEW", "NEW"]
    with refused(-4082):
        api.futures_place_batch_order(batchOrders=[dict(wish) for _ in range(6)])
    ids, names = ([row[name] for row in rows if name in row] for name in ("orderId", "clientOrderId"))
    gone = api.futures_cancel_orders(symbol=BTC, orderidlist=[ids[0], 7])
    assert [row.get("code", row.get("status")) for row in gone] == ["CANCELED", -2011]
    gone = api.futures_cancel_orders(symbol=BTC, origclientorderidlist=names[1:2])
    assert [row["orderId"] for row in gone] == ids[1:2]
    change = {"symbol": BTC, "side": "BUY", "quantity": 0.02, "price": lower}
    assert api.futures_modify_order(**change, orderId=ids[2])["origQty"] == "0.020"
    with refused(-5027):
        api.futures_modify_order(**change, orderId=ids[2])
    with refused(-2013):
        api.futures_modify_order(**change, orderId=ids[0])
    api.futures_countdown_cancel_all(symbol=BTC, countdownTime=1)
    give_up_s = time.monotonic() + PATIENCE_S
    while api.futures_get_open_orders(symbol=BTC):
        assert time.monotonic() < give_up_s, "the countdown cancelled nothing"
    assert {api.futures_get_order(symbol=BTC, orderId=order_id)["status"] for order_id in ids} == {"CANCELED"}


def conditions(api: Any) -> None:
    """Every conditional type, what is refused, and the two ways to cancel."""
    low, lower, high = prices(api, 0.95, 0.94, 1.05)
    sell = {"symbol": BTC, "side": "SELL", "quantity": 0.01}
    limit = {"price": lower, "timeInForce": "GTC"}
    placed = [
        api.futures_create_order(**sell, **wish)
        for wish in (
            {"type": "STOP", "stopPrice": low, "workingType": "MARK_PRICE", "priceProtect": "TRUE"} | limit,
            {"type": "TAKE_PROFIT", "stopPrice": high} | limit | {"price": high},
            {"type": "STOP_MARKET", "stopPrice": low},
            {"type": "TAKE_PROFIT_MARKET", "stopPrice": high},
            {"type": "TRAILING_STOP_MARKET", "callbackRate": 0.5, "activationPrice": high},
            {"type": "STOP", "stopPrice": low, "timeInForce": "GTC", "priceMatch": "QUEUE"},
        )
    ]
    assert {row["algoStatus"] for row in placed} == {"NEW"}
    assert (placed[0]["workingType"], placed[0]["priceProtect"]) == ("MARK_PRICE", True)
    assert (placed[4]["callbackRate"], placed[4]["activatePrice"]) == ("0.5", high)
    for code, wish in (
        (-2021, {"type": "STOP_MARKET", "stopPrice": high}),
        (-2021, {"type": "TRAILING_STOP_MARKET", "callbackRate": 1, "activationPrice": low}),
        (-2007, {"type": "TRAILING_STOP_MARKET", "callbackRate": 11}),
        (-4137, {"type": "STOP_MARKET", "stopPrice": low, "closePosition": "true"}),
        (-1102, {"type": "STOP", "stopPrice": low, "timeInForce": "GTC"}),
    ):
        with refused(code):
            api.futures_create_order(**sell, **wish)
    assert api.futures_cancel_algo_order(algoId=placed[0]["algoId"])["code"] == "200"
    with refused(-2011):
        api.futures_cancel_algo_order(algoId=placed[0]["algoId"])
    assert len(api.futures_get_open_algo_orders(symbol=BTC)) == 5
    api.futures_cancel_all_algo_open_orders(symbol=BTC)
    states = [row["algoStatus"] for row in api.futures_get_all_algo_orders(symbol=BTC)]
    assert states == ["CANCELED"] * 6


# ── by message ────────────────────────────────────────────────────────────────────────────────────────────────────


async def by_message(api: Any) -> None:
    """Trade over the WebSocket API."""
    last = float((await api.futures_symbol_ticker(symbol=BTC))["price"])
    low, lower, far = (f"{last * share:.1f}" for share in (0.97, 0.96, 0.9))
    order = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.01, "price": low}
    mine = {"symbol": BTC, "origClientOrderId": "by-message"}
    assert len((await api.ws_futures_get_order_book(symbol=BTC, limit=5))["bids"]) == 5
    assert (await api.ws_futures_create_order(**order, newClientOrderId="by-message"))["status"] == "NEW"
    assert (await api.ws_futures_edit_order(**mine, side="BUY", quantity=0.02, price=lower))["origQty"] == "0.020"
    assert (await api.ws_futures_get_order(**mine))["price"] == lower
    assert (await api.ws_futures_cancel_order(**mine))["status"] == "CANCELED"
    with refused(-2011):
        await api.ws_futures_cancel_order(**mine)
    stop = {"symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "quantity": 0.01, "stopPrice": far}
    placed = await api.ws_futures_create_order(**stop)
    assert (await api.ws_futures_cancel_algo_order(algoId=placed["algoId"]))["msg"] == "success"
    assert (await api.ws_futures_v2_account_balance())[0]["asset"] == "USDT"
    assert (await api.ws_futures_v2_account_status())["positions"] == []
    assert len(await api.ws_futures_account_position()) == 20


async def events(api: Any, streams: Any) -> None:
    """Every change of the account comes as its event, in order."""
    await api.futures_change_leverage(symbol=BTC, leverage=11)
    socket = streams.futures_user_socket()
    await socket.__aenter__()
    try:
        await _changes(api, socket)
    finally:
        closing = asyncio.create_task(socket.__aexit__(None, None, None))
        await asyncio.wait({closing}, timeout=0.1)
        await api.futures_change_leverage(symbol=BTC, leverage=12)  # it closes when something comes, or in ten seconds
        await closing


async def _changes(api: Any, socket: Any) -> None:
    async def heard(count: int) -> list[Any]:
        return [await asyncio.wait_for(socket.recv(), PATIENCE_S) for _ in range(count)]

    await api.futures_change_leverage(symbol=BTC, leverage=10)
    (leverage,) = await heard(1)
    assert leverage["ac"] == {"s": BTC, "l": 10}
    await api.futures_change_margin_type(symbol=BTC, marginType="ISOLATED")
    assert [(e["e"], e["a"]["m"]) for e in await heard(1)] == [("ACCOUNT_UPDATE", "MARGIN_TYPE_CHANGE")]
    market = {"symbol": BTC, "type": "MARKET", "quantity": 0.01}
    await api.futures_create_order(**market, side="BUY")
    taken = ["TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    assert [e["e"] for e in await heard(4)] == taken
    await api.futures_change_position_margin(symbol=BTC, amount=5, type=1)
    (moved,) = await heard(1)
    assert (moved["a"]["m"], moved["a"]["P"][0]["mt"]) == ("MARGIN_TRANSFER", "isolated")
    last = float((await api.futures_symbol_ticker(symbol=BTC))["price"])
    stop = {"symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "stopPrice": f"{last * 0.9:.1f}"}
    await api.futures_create_order(**stop, closePosition="true")
    await api.futures_cancel_all_algo_open_orders(symbol=BTC)
    assert [(e["e"], e["o"]["X"]) for e in await heard(2)] == [("ALGO_UPDATE", "NEW"), ("ALGO_UPDATE", "CANCELED")]
    await api.futures_create_order(**market, side="SELL", reduceOnly="true")
    closed = (await heard(4))[3]["o"]
    assert (closed["x"], closed["X"], closed["R"]) == ("TRADE", "FILLED", True)


async def cached(api: Any, streams: Any) -> None:
    """Keep a depth cache."""
    async with binance.FuturesDepthCacheManager(api, symbol=BTC, bm=streams) as cache:
        for _ in range(3):
            book = await asyncio.wait_for(cache.recv(), PATIENCE_S)
            assert book.get_bids()[0][0] < book.get_asks()[0][0]


async def talk(place: Place) -> None:
    api = pointed(binance.AsyncClient(place.key, place.secret), place)
    api.ws_future._url = f"{place.ws}/ws-fapi/v1"
    streams = binance.BinanceSocketManager(api)
    streams.FSTREAM_URL = f"{place.ws}/"
    try:
        await asyncio.gather(by_message(api), cached(api, streams))
        await events(api, streams)
    finally:
        await api.close_connection()


# ── in threads ────────────────────────────────────────────────────────────────────────────────────────────────────


def in_threads(place: Place) -> None:
    """Let python-binance's own thread listen."""
    pointed(binance.AsyncClient, place)
    binance.BinanceSocketManager.FSTREAM_URL = f"{place.ws}/"
    listener = binance.ThreadedWebsocketManager(api_key=place.key, api_secret=place.secret)
    came = {name: threading.Event() for name in ("candle", "trade", "order")}
    listener.start()
    listener.start_futures_multiplex_socket(lambda _: came["candle"].set(), ["btcusdt@kline_1m"])
    listener.start_aggtrade_futures_socket(lambda _: came["trade"].set(), BTC)
    listener.start_futures_user_socket(lambda _: came["order"].set())
    api = pointed(binance.Client(place.key, place.secret, ping=False), place)
    give_up_s = time.monotonic() + PATIENCE_S
    while not came["order"].wait(0.5):  # nobody says when it listens
        assert time.monotonic() < give_up_s, "no user event came"
        api.futures_create_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
    assert all(event.wait(PATIENCE_S) for event in came.values())
    listener.stop()
    while listener.is_alive():  # its sockets close when something comes
        assert time.monotonic() < give_up_s + PATIENCE_S, "python-binance's thread didn't end"
        api.futures_create_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.002)
        listener.join(0.5)


def session(place: Place) -> None:
    own = newcomer(place)
    api = pointed(binance.Client(own.key, own.secret, ping=False), own)
    lists(api)
    conditions(api)
    asyncio.run(talk(newcomer(place)))
    in_threads(newcomer(place))
