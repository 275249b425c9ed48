"""REST answers beside the documented and recorded ones: every key that they have, with the same kind of value."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk_client import Desk, algo, order
from exchange_steps import BTC, NOW, d

PAYLOADS = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[3] / "../shared/data")) / "payloads"

COIN_MARGINED = {"cumBase"}
"""Keys that only a COIN-M example has."""


def documented(name: str) -> Any:
    if not PAYLOADS.is_dir():
        pytest.skip(f"no recorded payloads at {PAYLOADS}: set HINDSIGHT_DATA to the folder that holds payloads/")
    payload = json.loads((PAYLOADS / name).read_text())["payload"]
    return json.loads(payload) if isinstance(payload, str) else payload


@pytest.fixture(scope="module")
def desk() -> Desk:
    """A client with a trailing order that became an ordinary one, a position, a resting order and a liquidation."""
    desk = Desk()
    desk.floor.exchange.open_account("d", d(1_000), NOW)
    desk("POST", "v1/algoOrder", **algo(type="TRAILING_STOP_MARKET", callbackRate="1", activatePrice="1010",
                                        triggerPrice=None, clientAlgoId="trail"))  # fmt: skip
    desk.floor.mark(1000)
    for price in (1010, 999):
        desk.floor.printed(price, "0.1", sold=True)
    desk.limit("BUY", 1, 980, newClientOrderId="rest")
    desk("PUT", "v1/order", symbol=BTC, side="BUY", origClientOrderId="rest", quantity=2, price=981)
    desk("POST", "v1/algoOrder", **algo(type="TAKE_PROFIT", side="BUY", price="980", triggerPrice="985",
                                        clientAlgoId="wait"))  # fmt: skip
    return desk


def compare(ours: Any, theirs: Any, where: str = "$") -> None:
    """Every key of theirs is ours; numbers may be whole or not, and None says nothing about the kind."""
    if theirs is None:
        return
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        for key, value in theirs.items():
            if key not in COIN_MARGINED:
                assert key in ours, f"{where}.{key} is missing"
                compare(ours[key], value, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), where
        for value in theirs[:1]:
            compare(ours[0], value, f"{where}[0]")
    elif isinstance(theirs, int | float) and not isinstance(theirs, bool):
        assert isinstance(ours, int | float), where
        assert not isinstance(ours, bool), where
    else:
        assert type(ours) is type(theirs), f"{where}: {ours!r} is not like {theirs!r}"


CASES: list[tuple[str, Callable[[Desk], Any]]] = [
    ("binance.net/rest/GetAccountInfoV3.json", lambda k: k("GET", "v3/account")),
    ("binance-docs/rest/account__rest-api__Account-Information-V2.json", lambda k: k("GET", "v2/account")),
    ("roq/rest/account_status_ack__usd_m.json", lambda k: k("GET", "v2/account")),
    ("binance.net/rest/GetBalances.json", lambda k: k("GET", "v3/balance")),
    ("nautilus/rest/balance.json", lambda k: k("GET", "v2/balance")),
    ("binance-docs/rest/trade__rest-api__Position-Information-V3_1.json", lambda k: k("GET", "v3/positionRisk")),
    ("binance-docs/rest/trade__rest-api__Position-Information-V2.json", lambda k: k("GET", "v2/positionRisk")),
    ("binance-docs/rest/account__rest-api__Symbol-Config.json", lambda k: k("GET", "v1/symbolConfig", symbol=BTC)),
    ("binance.net/rest/GetAccountConfiguration.json", lambda k: k("GET", "v1/accountConfig")),
    ("binance-docs/rest/account__rest-api__Notional-and-Leverage-Brackets.json",
     lambda k: k("GET", "v1/leverageBracket")),
    ("binance.net/rest/GetUserCommissionRate.json", lambda k: k("GET", "v1/commissionRate", symbol=BTC)),
    ("binance.net/rest/GetOrderRateLimit.json", lambda k: k("GET", "v1/rateLimit/order")),
    ("roq/rest/trades_ack__fapi.json", lambda k: k("GET", "v1/userTrades", symbol=BTC)),
    ("nautilus/rest/http_futures_account_trades.json", lambda k: k("GET", "v1/userTrades", symbol=BTC)),
    ("binance.net/rest/GetOrderEditHistory.json",
     lambda k: k("GET", "v1/orderAmendment", symbol=BTC, origClientOrderId="rest")),
    ("binance-docs/rest/trade__rest-api__All-Orders.json", lambda k: k("GET", "v1/allOrders", symbol=BTC)),
    ("roq/rest/open_orders_ack__json_open_orders_simple_1.json", lambda k: k("GET", "v1/openOrders")),
    ("binance.net/rest/GetOrder.json", lambda k: k("GET", "v1/order", symbol=BTC, origClientOrderId="trail")),
    ("roq/rest/order_place_ack__json_new_order_simple.json", lambda k: k.limit("BUY", 1, 970)),
    ("binance.net/rest/EditOrder.json", lambda k: k(
        "PUT", "v1/order", symbol=BTC, side="BUY", origClientOrderId="rest", quantity=1, price=980)),
    ("binance.net/rest/PlaceConditionalOrder.json", lambda k: k("POST", "v1/algoOrder", **algo(
        type="TAKE_PROFIT", side="BUY", price="980", triggerPrice="984"))),
    ("binance.net/rest/GetConditionalOrder.json", lambda k: k("GET", "v1/algoOrder", clientAlgoId="trail")),
    ("binance-docs/rest/trade__rest-api__Current-All-Algo-Open-Orders.json", lambda k: k("GET", "v1/openAlgoOrders")),
    ("binance.net/rest/GetConditionalOrders.json", lambda k: k("GET", "v1/allAlgoOrders", symbol=BTC)),
    ("binance.net/rest/ChangeInitialLeverage.json", lambda k: k("POST", "v1/leverage", symbol=BTC, leverage=21)),
    ("nautilus/rest/http_futures_account_position_side_dual.json", lambda k: k("GET", "v1/positionSide/dual")),
    ("roq/rest/countdown_cancel_all_ack__simple.json",
     lambda k: k("POST", "v1/countdownCancelAll", symbol=BTC, countdownTime=0)),
    ("roq/rest/listen_key_ack__simple.json", lambda k: k("POST", "v1/listenKey")),
    ("binance.net/rest/CancelAllOrders.json", lambda k: k("DELETE", "v1/allOpenOrders", symbol="ETHUSDT")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ask"), CASES, ids=[name.rpartition("/")[2] for name, _ in CASES])
def test_an_answer_has_all_that_the_documented_one_has(desk: Desk, name: str, ask: Callable[[Desk], Any]) -> None:
    compare(ask(desk), documented(name))


def test_a_tested_order_has_the_documented_keys(desk: Desk) -> None:
    theirs = documented("binance-docs/rest/trade__rest-api__New-Order-Test.json")
    ours = desk("POST", "v1/order/test", **order())
    compare(ours, {key: value for key, value in theirs.items() if key not in ("activatePrice", "priceRate")})


def test_the_comparison_finds_what_is_missing_or_of_another_kind() -> None:
    with pytest.raises(AssertionError, match=r"\$\.a is missing"):
        compare({}, {"a": 1})
    with pytest.raises(AssertionError, match="is not like"):
        compare({"a": 1}, {"a": "1"})
