"""ccxt settles an account, is refused, and pages through what it did: modes, margins, brackets, batches, history."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import ccxt
import pytest
from ccxt import async_support

from tests.infra.exchange.running import Place, admin, moved, newcomer

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
DAY_MS = 86_400_000


def client(place: Place, kind: Any, **options: Any) -> Any:
    made = kind({"apiKey": place.key, "secret": place.secret, "options": options, "enableRateLimit": False})
    moved(made.urls["api"], place)
    return made


def refused(code: int) -> Any:
    """Expect an exchange's error; ccxt finds its own names for codes by the host, so that here the code counts."""
    return pytest.raises(ccxt.BaseError, match=rf'"code":{code}\b')


def hedge(api: Any) -> None:
    """Open both legs, close each, and change modes only where nothing is open."""
    with refused(-4059):
        api.set_position_mode(False)
    api.set_position_mode(True)
    with refused(-4061):
        api.create_order(BTC, "market", "buy", 0.01)
    long, short = {"positionSide": "LONG"}, {"positionSide": "SHORT"}
    assert api.create_order(BTC, "market", "buy", 0.02, None, long)["filled"] == 0.02
    assert api.create_order(BTC, "market", "sell", 0.03, None, short)["filled"] == 0.03
    held = {position["side"]: position for position in api.fetch_positions([BTC])}
    assert {side: (one["contracts"], one["hedged"]) for side, one in held.items()} == {
        "long": (0.02, True), "short": (0.03, True),
    }  # fmt: skip
    with refused(-2022):
        api.create_order(BTC, "market", "sell", 0.03, None, long)
    with refused(-4068):
        api.set_position_mode(False)
    price = api.fetch_ticker(BTC)["last"]
    stop = api.create_order(
        BTC, "STOP_MARKET", "sell", 0, None, {"stopPrice": price * 0.9, "closePosition": True} | long
    )
    with refused(-4130):
        api.create_order(BTC, "STOP_MARKET", "sell", 0, None, {"stopPrice": price * 0.8, "closePosition": True} | long)
    with refused(-4067):
        api.set_position_mode(False)
    api.cancel_order(stop["id"], BTC, {"trigger": True})
    api.create_order(BTC, "market", "sell", 0.02, None, long)
    api.create_order(BTC, "market", "buy", 0.03, None, short)
    assert api.fetch_positions([BTC]) == []
    api.set_position_mode(False)


def isolate(api: Any) -> None:
    """Keep a position's margin apart: it moves the liquidation price, and is told of."""
    api.set_margin_mode("isolated", BTC)
    with refused(-4046):
        api.set_margin_mode("isolated", BTC)
    api.create_order(BTC, "market", "buy", 0.05)
    (before,) = api.fetch_positions([BTC])
    api.add_margin(BTC, 50)
    (after,) = api.fetch_positions([BTC])
    assert after["liquidationPrice"] == pytest.approx(before["liquidationPrice"] - 1_000 / 0.996, abs=0.01)
    assert after["collateral"] - before["collateral"] == pytest.approx(50, abs=1)
    api.reduce_margin(BTC, 20)
    moves = api.fetch_margin_adjustment_history(BTC)
    assert sorted((move["type"], move["amount"]) for move in moves) == [("add", 50), ("reduce", 20)]
    with refused(-4051):
        api.reduce_margin(BTC, 5_000)
    with refused(-4161):
        api.set_leverage(2, BTC)
    with refused(-4048):
        api.set_margin_mode("cross", BTC)
    with refused(-4167):
        api.fapiPrivatePostMultiAssetsMargin({"multiAssetsMargin": "true"})
    api.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})
    api.set_margin_mode("cross", BTC)


def refuse(api: Any) -> None:
    """Wish for what can't be had; each refusal has Binance's code."""
    price = api.fetch_ticker(BTC)["last"]
    low = price * 0.97
    refusals: list[tuple[int, str, float, float, dict[str, Any]]] = [
        (-5022, "buy", 0.01, price * 1.01, {"postOnly": True}),
        (-5021, "buy", 0.01, low, {"timeInForce": "FOK"}),
        (-5040, "buy", 0.01, low, {"timeInForce": "GTD", "goodTillDate": api.milliseconds() + 60_000}),
        (-2022, "sell", 0.01, price * 1.02, {"reduceOnly": True}),
        (-4016, "buy", 0.01, price * 1.2, {}),
        (-4024, "sell", 0.01, price * 0.8, {}),
        (-2019, "buy", 30, low, {}),
        (-4015, "buy", 0.01, low, {"clientOrderId": "x" * 37}),
        (-2021, "sell", 0.01, price * 1.02, {"stopLossPrice": price * 1.03}),
    ]
    for code, side, amount, at, more in refusals:
        with refused(code):
            api.create_order(BTC, "limit", side, amount, at, more)
    with refused(-4164):
        api.create_order(ETH, "market", "buy", 0.001)
    api.create_order(BTC, "limit", "buy", 0.01, low, {"clientOrderId": "twin"})
    with refused(-4116):
        api.create_order(BTC, "limit", "buy", 0.01, low, {"clientOrderId": "twin"})
    assert api.cancel_order(None, BTC, {"clientOrderId": "twin"})["status"] == "canceled"
    with refused(-2011):
        api.cancel_order(None, BTC, {"clientOrderId": "twin"})
    with refused(-2013):
        api.fetch_order("1", BTC)
    assert api.create_order(BTC, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})["status"] == "expired"


def batch(api: Any) -> None:
    """Place five of which one is bad, change them all, cancel them all: in ones, in lists, by changes that end them."""
    price = api.fetch_ticker(BTC)["last"]
    wishes = [{"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": price * share}
              for share in (0.97, 0.96, 1.3, 0.965, 0.96)]  # fmt: skip
    assert sorted(order["status"] for order in api.create_orders(wishes)) == ["open"] * 4 + ["rejected"]
    ids = [order["id"] for order in api.fetch_open_orders(BTC)]
    changes = [{**wishes[0], "id": order_id, "amount": 0.02, "price": price * 0.955} for order_id in ids]
    assert {order["amount"] for order in api.edit_orders(changes)} == {0.02}
    assert [order["status"] for order in api.cancel_orders(ids[:3], BTC)] == ["canceled"] * 3
    with refused(-5027):
        api.edit_order(ids[3], BTC, "limit", "buy", 0.02, price * 0.955)
    assert api.edit_order(ids[3], BTC, "limit", "buy", 0.02, price * 1.01)["id"] == ids[3]
    assert api.fetch_order(ids[3], BTC)["status"] == "closed"
    maker = api.create_order(BTC, "limit", "buy", 0.01, price * 0.97, {"postOnly": True})
    assert maker["postOnly"] is True
    assert api.edit_order(maker["id"], BTC, "limit", "buy", 0.01, price * 1.01)["status"] == "canceled"
    queued = api.create_order(BTC, "limit", "buy", 0.01, None, {"priceMatch": "QUEUE_20"})
    assert 0.99 * price < queued["price"] < 1.01 * price
    api.cancel_all_orders(BTC)
    (held,) = api.fetch_positions([BTC])
    closing = api.create_order(BTC, "market", "sell", 5, None, {"reduceOnly": True})
    assert (closing["status"], closing["amount"]) == ("closed", held["contracts"])
    assert api.fetch_positions([BTC]) == []


def page(api: Any) -> None:
    """Read what was done, in pages."""
    orders = api.fetch_orders(BTC, limit=1_000)
    first = api.fetch_orders(BTC, params={"orderId": orders[0]["id"]}, limit=3)
    assert [order["id"] for order in first] == [order["id"] for order in orders[:3]]
    trades = api.fetch_my_trades(BTC, limit=1_000)
    later = api.fetch_my_trades(BTC, params={"fromId": trades[2]["id"]}, limit=2)
    assert [trade["id"] for trade in later] == [trade["id"] for trade in trades[2:4]]
    now = api.milliseconds()
    with refused(-4165):
        api.fetch_my_trades(BTC, params={"startTime": now - 8 * DAY_MS, "endTime": now})
    ledger = api.fapiPrivateGetIncome({"limit": 1_000})
    wallet = float(api.fapiPrivateV3GetAccount()["totalWalletBalance"])
    assert sum(float(row["income"]) for row in ledger) == pytest.approx(wallet, abs=1e-6)
    pages = [api.fapiPrivateGetIncome({"limit": 5, "page": number}) for number in (1, 2)]
    assert [*pages[0], *pages[1]] == ledger[:10]
    assert {row["incomeType"] for row in ledger} == {"TRANSFER", "COMMISSION", "REALIZED_PNL"}
    hours = api.fetch_ohlcv(BTC, "1h", since=now - 3 * DAY_MS, limit=30)
    hours += api.fetch_ohlcv(BTC, "1h", since=hours[-1][0] + 1, limit=30)
    assert [b[0] - a[0] for a, b in itertools.pairwise(hours)] == [3_600_000] * 59
    for interval in set(api.timeframes) - {"1s"}:
        assert len(api.fetch_ohlcv(BTC, interval, limit=2)) == 2


def fund(place: Place) -> None:
    """Hold a position over a funding time: notional at mark times rate is paid. The clock leaps, so this comes last."""
    api = client(newcomer(place), ccxt.binanceusdm)
    api.load_markets()
    api.create_order(BTC, "market", "buy", 0.05)
    due = api.fetch_funding_rate(BTC)["fundingTimestamp"]
    admin(place, "clock", advance_ms=due - api.fetch_time() + 1)
    api.load_time_difference()
    (paid,) = api.fetch_funding_history(BTC)
    (settled,) = api.fetch_funding_rate_history(BTC, since=due, limit=1)
    at_mark = float(settled["info"]["markPrice"]) * 0.05
    assert (paid["timestamp"], settled["timestamp"]) == (due, due)
    assert paid["amount"] == pytest.approx(-at_mark * settled["fundingRate"], abs=1e-6)
    api.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})
    assert {row["type"] for row in api.fetch_ledger()} >= {"transfer", "commission", "fee"}


async def everywhere(place: Place) -> None:
    """Trade every contract at once, with ccxt's `binance`, which asks for the markets of all of Binance."""
    api = client(newcomer(place, 100_000), async_support.binance, defaultType="swap")
    try:
        await asyncio.wait_for(_everywhere(api), 60)
    finally:
        await api.close()


async def _everywhere(api: Any) -> None:
    await api.load_markets()
    tickers = await api.fetch_tickers()

    async def visit(symbol: str) -> None:
        market, last = api.market(symbol), tickers[symbol]["last"]
        least = max(market["limits"]["cost"]["min"] * 1.5 / last, market["limits"]["amount"]["min"])
        amount = api.amount_to_precision(symbol, least)
        resting = await api.create_order(symbol, "limit", "buy", amount, last * 0.97)
        await api.cancel_order(resting["id"], symbol)
        assert (await api.create_order(symbol, "market", "buy", amount))["filled"] == float(amount)
        guard = {"stopLossPrice": last * 0.9, "reduceOnly": True}
        await api.create_order(symbol, "market", "sell", amount, None, guard)
        await api.cancel_all_orders(symbol, {"trigger": True})
        await api.create_order(symbol, "market", "sell", amount, None, {"reduceOnly": True})

    await asyncio.gather(*(visit(symbol) for symbol in api.symbols))
    assert len(api.symbols) == 20
    assert await api.fetch_positions() == []


def session(place: Place) -> None:
    api = client(newcomer(place), ccxt.binanceusdm)
    api.load_markets()
    for part in (hedge, isolate, refuse, batch, page):
        part(api)
    asyncio.run(everywhere(place))
