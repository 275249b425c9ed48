"""ccxt and ccxt.pro, which know nothing of us, run a whole session against the exchange."""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import Any

import ccxt
import pytest
from ccxt import pro

from tests.infra.exchange import ccxt_account
from tests.infra.exchange.running import Place, moved

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def client(place: Place, kind: Any) -> Any:
    made = kind({"apiKey": place.key, "secret": place.secret, "enableRateLimit": False})
    moved(made.urls["api"], place)
    return made


def look(api: Any) -> None:
    """Read what is public."""
    assert len(api.load_markets()) == 20
    assert api.market(BTC)["limits"]["cost"]["min"] == 50
    assert api.fetch_ticker(BTC)["last"] > 0
    assert len(api.fetch_tickers()) == 20
    assert len(api.fetch_bids_asks()) == 20
    book = api.fetch_order_book(BTC, 20)
    assert len(book["bids"]) == 20
    assert book["bids"][0][0] < book["asks"][0][0]
    candles = api.fetch_ohlcv(BTC, "1h", limit=50)
    assert [b[0] - a[0] for a, b in itertools.pairwise(candles)] == [3_600_000] * 49
    assert len(api.fetch_mark_ohlcv(BTC, "1h", limit=5)) == 5
    assert len(api.fetch_trades(BTC, limit=100)) == 100
    assert api.fetch_funding_rate(BTC)["markPrice"] > 0
    assert len(api.fetch_funding_rate_history(BTC, limit=10)) == 10
    assert api.fetch_open_interest(BTC)["openInterestAmount"] > 0
    assert len(api.fetch_open_interest_history(BTC, "1h", limit=10)) == 10
    assert api.fetch_status()["status"] == "ok"


def settle_in(api: Any) -> None:
    """Set the account up."""
    assert api.fetch_balance()["USDT"]["total"] == 10_000
    assert api.set_leverage(10, BTC)["leverage"] == 10
    api.set_margin_mode("isolated", BTC)
    api.set_margin_mode("cross", BTC)
    api.set_position_mode(True)
    assert api.fetch_position_mode()["hedged"] is True
    api.set_position_mode(False)
    assert api.fetch_leverage_tiers([BTC])[BTC][0]["maxLeverage"] == 125
    assert api.fetch_trading_fee(BTC)["taker"] == 0.0005


def trade(api: Any) -> None:
    """Place, change, cancel, fill, protect, close."""
    price = api.fetch_ticker(BTC)["last"]
    resting = api.create_order(BTC, "limit", "buy", 0.01, price * 0.98)
    assert [order["id"] for order in api.fetch_open_orders(BTC)] == [resting["id"]]
    changed = api.edit_order(resting["id"], BTC, "limit", "buy", 0.02, price * 0.97)
    assert api.fetch_order(changed["id"], BTC)["amount"] == 0.02
    assert api.cancel_order(changed["id"], BTC)["status"] == "canceled"
    assert api.create_order(BTC, "market", "buy", 0.01)["filled"] == 0.01
    api.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": price * 0.9})
    api.create_order(BTC, "limit", "sell", 0.01, price * 1.1, {"takeProfitPrice": price * 1.1})
    api.create_order(BTC, "market", "sell", 0.01, None, {"trailingPercent": 1, "reduceOnly": True})
    assert len(api.fetch_open_orders(BTC, params={"stop": True})) == 3
    api.cancel_all_orders(BTC, {"stop": True})
    assert api.fetch_open_orders(BTC, params={"stop": True}) == []
    (position,) = api.fetch_positions([BTC])
    assert (position["contracts"], position["side"]) == (0.01, "long")
    api.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert [trade["side"] for trade in api.fetch_my_trades(BTC)] == ["buy", "sell"]
    assert len(api.create_orders([{"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": p}
                                  for p in (price * 0.98, price * 0.97)])) == 2  # fmt: skip
    api.cancel_all_orders(BTC)
    assert api.fetch_open_orders(BTC) == []
    assert {row["type"] for row in api.fetch_ledger()} >= {"commission"}


def look_and_trade(place: Place) -> None:
    api = client(place, ccxt.binanceusdm)
    look(api)
    settle_in(api)
    trade(api)
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        api.create_order(BTC, "limit", "buy", 100, api.fetch_ticker(BTC)["last"] * 0.99)
    with pytest.raises(ccxt.BadSymbol):
        api.fapiPublicGetDepth({"symbol": "NOPEUSDT"})


async def watch_markets(api: Any) -> None:
    """Watch everything public at once, so that nothing waits for a stream that speaks every two seconds."""
    await api.load_markets()
    both = [BTC, ETH]
    told = await asyncio.gather(
        api.watch_ticker(BTC), api.watch_tickers(both), api.watch_order_book(BTC),
        api.watch_order_book_for_symbols(both), api.watch_trades(BTC), api.watch_trades_for_symbols(both),
        api.watch_ohlcv(BTC, "1m"), api.watch_ohlcv_for_symbols([[BTC, "1m"], [ETH, "5m"]]),
        api.watch_mark_price(BTC), api.watch_bids_asks([BTC]),
    )  # fmt: skip
    ticker, tickers, book, books, trades, both_trades, candles, both_candles, mark, best = told
    assert ticker["last"] > 0
    assert set(tickers) <= set(both)
    assert books["symbol"] in both
    assert (trades[0]["symbol"], both_trades[0]["symbol"] in both) == (BTC, True)
    assert len(candles[0]) == 6
    assert set(both_candles) <= set(both)
    assert mark["markPrice"] > 0
    assert best[BTC]["bid"] > 0
    for _ in range(3):
        before, book = book["nonce"], await api.watch_order_book(BTC)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert book["nonce"] >= before
    for stop in (api.un_watch_trades, api.un_watch_order_book, api.un_watch_ticker):
        assert await stop(BTC)


async def watch_account(api: Any) -> None:
    """See one's own order come back as order, trade, balance and position; then trade over the WebSocket API."""
    watchers = (api.watch_balance(), api.watch_orders(BTC), api.watch_my_trades(BTC), api.watch_positions())
    watching = [asyncio.create_task(coroutine) for coroutine in watchers]
    while not api.clients or not any("private" in url for url in api.clients):
        await asyncio.wait(watching, timeout=0.05)
    while (await place_and_wait(api, watching))[1]:
        pass
    balance, orders, trades, positions = await asyncio.gather(*watching)
    assert balance["USDT"]["total"] < 10_000
    assert orders[0]["symbol"] == BTC
    assert trades[0]["amount"] == 0.01
    assert (positions[0]["symbol"], positions[0]["side"], positions[0]["marginMode"]) == (BTC, "long", "cross")
    await trade_by_message(api)


async def trade_by_message(api: Any) -> None:
    """Place, change, ask after, cancel, and stop, over the WebSocket API."""
    price = (await api.fetch_ticker(BTC))["last"]
    assert (await api.fetch_balance_ws())["USDT"]["total"] > 0
    assert len((await api.fetch_order_book_ws(BTC))["bids"]) > 0
    placed = (await api.create_order_ws(BTC, "limit", "buy", 0.01, price * 0.98))["id"]
    assert (await api.edit_order_ws(placed, BTC, "limit", "buy", 0.02, price * 0.97))["amount"] == 0.02
    assert (await api.fetch_order_ws(placed, BTC))["status"] == "open"
    assert (await api.cancel_order_ws(placed, BTC))["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        await api.cancel_order_ws(placed, BTC)
    stop = await api.create_order_ws(BTC, "market", "sell", 0.01, None, {"stopLossPrice": price * 0.9})
    assert (await api.cancel_order_ws(stop["id"], BTC, {"trigger": True}))["id"] == stop["id"]
    (position,) = await api.fetch_positions_ws([BTC])
    assert position["contracts"] >= 0.01


async def place_and_wait(api: Any, watching: list[Any]) -> tuple[set[Any], set[Any]]:
    """Trade until everybody who watches has seen one: ccxt doesn't say when it listens."""
    await api.create_order(BTC, "market", "buy", 0.01)
    return await asyncio.wait(watching, timeout=1)


async def watch(place: Place) -> None:
    api = client(place, pro.binanceusdm)
    try:
        await asyncio.wait_for(watch_markets(api), 60)
        await asyncio.wait_for(watch_account(api), 60)
    finally:
        await api.close()


def session(place: Place) -> None:
    look_and_trade(place)
    ccxt_account.session(place)
    asyncio.run(watch(place))
    ccxt_account.fund(place)


if __name__ == "__main__":
    session(Place.given(sys.argv))
