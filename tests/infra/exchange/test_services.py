"""What clients ask for beside trading: answered as to an account that has none of it, never as an unknown path."""

from __future__ import annotations

import csv
from urllib.parse import unquote

import pytest
from desk_client import Desk, algo
from exchange_steps import BTC, NOW

from domain.values import OrderSide
from tests.infra.exchange.staging import START_MS, Rig
from tests.infra.exchange.test_documented_shapes import compare, documented

YEAR = {"startTime": NOW - 1_000, "endTime": NOW + 1_000}
FILES = {"income": "Transaction", "order": "Order", "trade": "Trade"}


@pytest.mark.parametrize("kind", FILES)
def test_a_history_can_be_had_as_a_file(kind: str) -> None:
    desk = Desk()
    desk.floor.limit(OrderSide.SELL, 1, 1000, account="b")
    desk.market("BUY", "0.5")
    ordered = desk("GET", f"v1/{kind}/asyn", **YEAR)
    compare(ordered, documented(f"binance.net/rest/GetDownloadIdFor{FILES[kind]}History.json"))
    found = desk("GET", f"v1/{kind}/asyn/id", downloadId=ordered["downloadId"])
    compare(found, documented(f"binance.net/rest/GetDownloadLinkFor{FILES[kind]}History.json"))
    assert found["status"] == "completed"
    lines = unquote(found["url"].partition(",")[2]).splitlines()
    assert len(lines) >= 2
    assert "symbol" in lines[0].split(",")
    assert BTC in lines[-1].split(",")


def test_a_file_holds_orders_that_have_more_to_tell_than_the_first() -> None:
    desk = Desk()
    desk.limit("BUY", 1, 980)
    desk("POST", "v1/algoOrder", **algo(type="TRAILING_STOP_MARKET", callbackRate="1", activatePrice="1010",
                                        triggerPrice=None))  # fmt: skip
    desk.floor.mark(1000)
    for price in (1010, 999):
        desk.floor.printed(price, "0.1", sold=True)
    ordered = desk("GET", "v1/order/asyn", **YEAR)
    url = desk("GET", "v1/order/asyn/id", downloadId=ordered["downloadId"])["url"]
    plain, trailing = csv.DictReader(unquote(url.partition(",")[2]).splitlines())
    assert (plain["price"], plain["priceRate"]) == ("980.00", "")
    assert (trailing["origType"], trailing["priceRate"]) == ("TRAILING_STOP_MARKET", "1")


def test_a_file_is_its_owners_and_of_its_kind() -> None:
    desk = Desk()
    file_id = desk("GET", "v1/order/asyn", **YEAR)["downloadId"]
    refused = (-1130, "Data sent for parameter 'downloadId' is not valid.")
    assert desk.refused("GET", "v1/trade/asyn/id", downloadId=file_id) == refused
    assert desk.refused("GET", "v1/order/asyn/id", downloadId="1") == refused
    assert desk.refused("GET", "v1/order/asyn", startTime=NOW)[0] == -1102
    assert desk.refused("GET", "v1/order/asyn", startTime=NOW, endTime=NOW - 1)[0] == -1023
    assert desk.refused("GET", "v1/order/asyn", startTime=0, endTime=NOW)[0] == -4165


@pytest.mark.parametrize(
    ("method", "path", "sent", "code"),
    [
        ("POST", "convert/getQuote", {"fromAsset": "USDT", "toAsset": "BTC"}, -1102),
        ("POST", "convert/getQuote", {"fromAsset": "USDT", "toAsset": "BTC", "fromAmount": 10}, -1108),
        ("POST", "convert/getQuote", {"fromAsset": "USDT", "toAsset": "BTC", "fromAmount": 1, "toAmount": 1}, -1128),
        ("POST", "convert/acceptQuote", {}, -1102),
        ("POST", "convert/acceptQuote", {"quoteId": "7"}, -1130),
        ("GET", "convert/orderStatus", {}, -1102),
        ("GET", "convert/orderStatus", {"quoteId": "7"}, -2013),
        ("GET", "pmAccountInfo", {}, -1102),
        ("GET", "pmAccountInfo", {"asset": "USDT"}, -1109),
        ("GET", "apiReferral/overview", {}, -1002),
    ],
)
def test_what_an_account_does_not_have_is_refused_by_code(
    method: str, path: str, sent: dict[str, object], code: int
) -> None:
    status, body = Rig().signed(method, f"/fapi/v1/{path}", **sent)
    assert (body["code"], status) == (code, 401 if code == -1002 else 400)


def test_what_nobody_has_is_an_empty_list_or_done() -> None:
    rig = Rig()
    assert rig.ask("GET", "/fapi/v1/convert/exchangeInfo", fromAsset="USDT") == (200, [])
    assert rig.signed("POST", "/fapi/v1/stock/contract") == (200, {"code": 200, "msg": "success"})
    assert rig.signed("GET", "/sapi/v1/capital/deposit/hisrec") == (200, [])
    assert rig.signed("GET", "/sapi/v1/asset/transfer") == (200, {"total": 0, "rows": []})


def test_the_wallet_refuses_a_key_that_is_for_futures() -> None:
    rig = Rig()
    assert rig.ask("GET", "/sapi/v1/margin/loan")[1]["code"] == -2014
    assert rig.signed("GET", "/sapi/v1/margin/loan")[0] == 401
    assert rig.signed("GET", "/sapi/v1/margin/loan")[1]["code"] == -2015
    assert rig.signed("GET", "/fapi/v1/nowhere") == (
        404, {"code": -5000, "msg": "Path /fapi/v1/nowhere, Method GET is invalid"},
    )  # fmt: skip


def test_the_first_addresses_of_account_balance_and_positions_still_answer() -> None:
    rig = Rig()
    for name in ("account", "balance", "positionRisk"):
        assert rig.signed("GET", f"/fapi/v1/{name}") == rig.signed("GET", f"/fapi/v2/{name}")


def test_orders_of_all_contracts_are_listed_where_no_symbol_is_asked_for() -> None:
    rig = Rig()
    for symbol, quantity in (("BTCUSDT", "0.002"), ("ETHUSDT", "0.1")):
        assert (
            rig.signed("POST", "/fapi/v1/order", symbol=symbol, side="BUY", type="MARKET", quantity=quantity)[0] == 200
        )
    found = rig.signed("GET", "/fapi/v1/allOrders")[1]
    assert [row["symbol"] for row in found] == ["BTCUSDT", "ETHUSDT"]
    assert rig.signed("GET", "/fapi/v1/allOrders", symbol="NONEUSDT")[1]["code"] == -1121
    assert found[0]["time"] >= START_MS
