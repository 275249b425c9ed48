"""Every method of `Rest`, once, against the body that was recorded (or documented) for its endpoint."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from recorded_bodies import recordings
from toy_exchange import rest_of, says, toy_exchange

from domain.values import OrderSide
from infra.binance.new_order import NewOrder
from infra.binance.rest import Rest

BTC = "BTCUSDT"
WISH = NewOrder(symbol=BTC, side=OrderSide.BUY, order_type="MARKET", client_order_id="a", quantity=Decimal(1))
Call = Callable[[Rest], Awaitable[Any]]

CALLS: dict[str, tuple[str, Call]] = {
    "ping": ("GET /fapi/v1/ping", lambda rest: rest.ping()),
    "server_time_ms": ("GET /fapi/v1/time", lambda rest: rest.server_time_ms()),
    "exchange_info": ("GET /fapi/v1/exchangeInfo", lambda rest: rest.exchange_info()),
    "candles": ("GET /fapi/v1/klines", lambda rest: rest.candles(BTC, "1m")),
    "mark_candles": ("GET /fapi/v1/markPriceKlines", lambda rest: rest.mark_candles(BTC, "1m")),
    "depth": ("GET /fapi/v1/depth", lambda rest: rest.depth(BTC)),
    "trades": ("GET /fapi/v1/trades", lambda rest: rest.trades(BTC)),
    "aggregate_trades": ("GET /fapi/v1/aggTrades", lambda rest: rest.aggregate_trades(BTC)),
    "day_ticker": ("GET /fapi/v1/ticker/24hr", lambda rest: rest.day_ticker(BTC)),
    "price": ("GET /fapi/v1/ticker/price", lambda rest: rest.price(BTC)),
    "prices": ("GET /fapi/v1/ticker/price", lambda rest: rest.prices()),
    "book_ticker": ("GET /fapi/v1/ticker/bookTicker", lambda rest: rest.book_ticker(BTC)),
    "book_tickers": ("GET /fapi/v1/ticker/bookTicker", lambda rest: rest.book_tickers()),
    "mark_price": ("GET /fapi/v1/premiumIndex", lambda rest: rest.mark_price(BTC)),
    "mark_prices": ("GET /fapi/v1/premiumIndex", lambda rest: rest.mark_prices()),
    "funding_rates": ("GET /fapi/v1/fundingRate", lambda rest: rest.funding_rates(BTC)),
    "funding_info": ("GET /fapi/v1/fundingInfo", lambda rest: rest.funding_info()),
    "open_interest": ("GET /fapi/v1/openInterest", lambda rest: rest.open_interest(BTC)),
    "open_interest_history": (
        "GET /futures/data/openInterestHist",
        lambda rest: rest.open_interest_history(BTC, "1h"),
    ),
    "place": ("POST /fapi/v1/order", lambda rest: rest.place(WISH)),
    "test": ("POST /fapi/v1/order/test", lambda rest: rest.test(WISH)),
    "place_batch": ("POST /fapi/v1/batchOrders", lambda rest: rest.place_batch([WISH])),
    "amend": ("PUT /fapi/v1/order", lambda rest: rest.amend(BTC, "a", OrderSide.BUY, Decimal(1), Decimal(2))),
    "cancel": ("DELETE /fapi/v1/order", lambda rest: rest.cancel(BTC, "a")),
    "cancel_batch": ("DELETE /fapi/v1/batchOrders", lambda rest: rest.cancel_batch(BTC, ["a", "b"])),
    "cancel_all": ("DELETE /fapi/v1/allOpenOrders", lambda rest: rest.cancel_all(BTC)),
    "cancel_all_after": ("POST /fapi/v1/countdownCancelAll", lambda rest: rest.cancel_all_after(BTC, 30_000)),
    "query": ("GET /fapi/v1/order", lambda rest: rest.query(BTC, "a")),
    "find": ("GET /fapi/v1/order", lambda rest: rest.find(BTC, "a")),
    "look_up": ("GET /fapi/v1/order", lambda rest: rest.look_up(BTC, "a", 0)),
    "open_orders": ("GET /fapi/v1/openOrders", lambda rest: rest.open_orders()),
    "all_orders": ("GET /fapi/v1/allOrders", lambda rest: rest.all_orders(BTC)),
    "user_trades": ("GET /fapi/v1/userTrades", lambda rest: rest.user_trades(BTC)),
    "algo_place": ("POST /fapi/v1/algoOrder", lambda rest: rest.algo_place(WISH)),
    "algo_cancel": ("DELETE /fapi/v1/algoOrder", lambda rest: rest.algo_cancel(BTC, "a")),
    "algo_cancel_all": ("DELETE /fapi/v1/algoOpenOrders", lambda rest: rest.algo_cancel_all(BTC)),
    "algo_query": ("GET /fapi/v1/algoOrder", lambda rest: rest.algo_query(BTC, "a")),
    "algo_find": ("GET /fapi/v1/algoOrder", lambda rest: rest.algo_find(BTC, "a")),
    "algo_look_up": ("GET /fapi/v1/algoOrder", lambda rest: rest.algo_look_up(BTC, "a", 0)),
    "algo_open_orders": ("GET /fapi/v1/openAlgoOrders", lambda rest: rest.algo_open_orders()),
    "all_algo_orders": ("GET /fapi/v1/allAlgoOrders", lambda rest: rest.all_algo_orders(BTC)),
    "account": ("GET /fapi/v3/account", lambda rest: rest.account()),
    "account_with_permissions": ("GET /fapi/v2/account", lambda rest: rest.account_with_permissions()),
    "balances": ("GET /fapi/v3/balance", lambda rest: rest.balances()),
    "positions": ("GET /fapi/v3/positionRisk", lambda rest: rest.positions(urgent=True)),
    "positions_with_leverage": ("GET /fapi/v2/positionRisk", lambda rest: rest.positions_with_leverage()),
    "set_leverage": ("POST /fapi/v1/leverage", lambda rest: rest.set_leverage(BTC, 21)),
    "set_margin_type": ("POST /fapi/v1/marginType", lambda rest: rest.set_margin_type(BTC, isolated=True)),
    "position_mode": ("GET /fapi/v1/positionSide/dual", lambda rest: rest.position_mode()),
    "set_position_mode": ("POST /fapi/v1/positionSide/dual", lambda rest: rest.set_position_mode(hedge=True)),
    "multi_assets": ("GET /fapi/v1/multiAssetsMargin", lambda rest: rest.multi_assets()),
    "set_multi_assets": ("POST /fapi/v1/multiAssetsMargin", lambda rest: rest.set_multi_assets(on=False)),
    "brackets": ("GET /fapi/v1/leverageBracket", lambda rest: rest.brackets()),
    "commission_rate": ("GET /fapi/v1/commissionRate", lambda rest: rest.commission_rate(BTC)),
    "income": ("GET /fapi/v1/income", lambda rest: rest.income("FUNDING_FEE")),
    "symbol_configs": ("GET /fapi/v1/symbolConfig", lambda rest: rest.symbol_configs()),
    "account_config": ("GET /fapi/v1/accountConfig", lambda rest: rest.account_config()),
    "open_listen_key": ("POST /fapi/v1/listenKey", lambda rest: rest.open_listen_key()),
    "renew_listen_key": ("PUT /fapi/v1/listenKey", lambda rest: rest.renew_listen_key()),
    "close_listen_key": ("DELETE /fapi/v1/listenKey", lambda rest: rest.close_listen_key()),
}
NO_ENDPOINT = {"close", "synchronise", "in_mode", "day_tickers"}  # day_tickers: only one symbol was recorded
SILENT = {
    "ping", "test", "cancel_all", "algo_cancel", "algo_cancel_all", "set_margin_type", "set_position_mode",
    "set_multi_assets", "renew_listen_key", "close_listen_key",
}  # fmt: skip


def _body(name: str, endpoint: str) -> bytes:
    if endpoint == "GET /fapi/v1/ping":
        return b"{}"
    as_list = name in {"prices", "book_tickers", "mark_prices"}
    singular = name in {"price", "book_ticker", "mark_price"}
    for _, found in recordings("rest"):
        raw = bytes(found.payload).strip()
        if found.name == endpoint and not (as_list and raw[:1] == b"{") and not (singular and raw[:1] == b"["):
            return raw
    raise AssertionError(f"nothing recorded for {endpoint}")


@pytest.mark.parametrize("name", CALLS)
def test_a_method_reads_the_recorded_body_of_its_endpoint(name: str) -> None:
    endpoint, call = CALLS[name]
    raw = _body(name, endpoint)

    async def run() -> None:
        async with toy_exchange() as toy:
            toy.on(endpoint, says(raw))
            async with rest_of(toy) as rest:
                answer = await call(rest)
            assert answer is None if name in SILENT else answer is not None
            assert toy.calls(endpoint)

    asyncio.run(run())


def test_no_method_is_forgotten() -> None:
    public = {
        name for name, member in inspect.getmembers(Rest, inspect.iscoroutinefunction) if not name.startswith("_")
    }
    assert public == set(CALLS) | NO_ENDPOINT
