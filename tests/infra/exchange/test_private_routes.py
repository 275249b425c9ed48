"""The private endpoints: what they read, what they refuse, what they answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from desk_client import Desk, algo, order
from exchange_steps import BTC, ETH, NOW

from infra.exchange.ports import ApiError, Call, Security
from infra.exchange.user_data import frames

DAY_MS = 86_400_000


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_order_is_acknowledged_as_it_was_taken(desk: Desk) -> None:
    answer = desk.limit("BUY", "0.5", "1001.0", newClientOrderId="mine")
    assert answer == {
        "orderId": answer["orderId"], "symbol": BTC, "status": "NEW", "clientOrderId": "mine", "price": "1001.00",
        "avgPrice": "0.00", "origQty": "0.500", "executedQty": "0.000", "cumQty": "0.000", "cumQuote": "0.00000",
        "timeInForce": "GTC", "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": "BUY",
        "positionSide": "BOTH", "stopPrice": "0.00", "workingType": "CONTRACT_PRICE", "priceProtect": False,
        "origType": "LIMIT", "priceMatch": "NONE", "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0,
        "updateTime": NOW,
    }  # fmt: skip
    assert desk("GET", "v1/order", symbol=BTC, orderId=answer["orderId"])["status"] == "FILLED"


def test_result_shows_what_became_of_a_market_order(desk: Desk) -> None:
    answer = desk.market("BUY", "1.5", newOrderRespType="RESULT")
    assert (answer["status"], answer["executedQty"], answer["avgPrice"], answer["cumQuote"]) == (
        "FILLED", "1.500", "1001.33333", "1502.00000",
    )  # fmt: skip
    resting = desk.limit("BUY", 1, 1002, newOrderRespType="RESULT")
    assert resting["status"] == "NEW"


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"symbol": None}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ({"side": None}, -1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed."),
        ({"quantity": None}, -1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."),
        ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        ({"timeInForce": None}, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "ICEBERG"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTE"}, -1115, "Invalid timeInForce."),
        ({"positionSide": "UP"}, -4060, "Invalid position side."),
        ({"newOrderRespType": "FULL"}, -1136, "Invalid newOrderRespType."),
        ({"selfTradePreventionMode": "X"}, -5039, "Invalid self trade prevention mode"),
        ({"priceMatch": "MID"}, -5037, "Invalid price match"),
        ({"priceMatch": "QUEUE"}, -1106, "Parameter 'price' sent when not required."),
        ({"quantity": "1e-3"}, -1100, None),
        ({"quantity": "abc"}, -1100, None),
        ({"quantity": "-1"}, -4003, "Quantity less than or equal to zero."),
        ({"price": "-1"}, -4001, "Price less than 0."),
        ({"quantity": "0.0001"}, -1111, "Precision is over the maximum defined for this asset."),
        ({"reduceOnly": "maybe"}, -1130, "Data sent for parameter 'reduceOnly' is not valid."),
        ({"timeInForce": "GTD"}, -1102, None),
        ({"newClientOrderId": "a b"}, -4015, "Client order id is not valid."),
        ({"type": "MARKET"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "MARKET", "timeInForce": None}, -1106, "Parameter 'price' sent when not required."),
        ({"stopPrice": "900"}, -1106, "Parameter 'stopprice' sent when not required."),
        ({"closePosition": "true"}, -4136, "Target strategy invalid for orderType LIMIT,closePosition true"),
        ({"type": "MARKET", "timeInForce": None, "price": None, "priceMatch": "QUEUE"}, -5038, None),
        ({"quantity": "10000"}, -4005, "Quantity greater than max quantity."),
        ({"quantity": "900"}, -2019, "Margin is insufficient."),
        ({"reduceOnly": "True"}, -2022, "ReduceOnly Order is rejected."),
    ],
)  # fmt: skip
def test_an_order_is_refused(desk: Desk, changes: dict[str, Any], code: int, text: str | None) -> None:
    found = desk.refused("POST", "v1/order", **order(**changes))
    assert found[0] == code
    assert text is None or found[1] == text


@pytest.mark.parametrize("kind", ["STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"])
def test_conditional_types_belong_to_the_algo_endpoint(desk: Desk, kind: str) -> None:
    text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
    assert desk.refused("POST", "v1/order", **order(type=kind, stopPrice="900")) == (-4120, text)
    (row,) = desk("POST", "v1/batchOrders", batchOrders=json.dumps([order(type=kind)]))
    assert row == {"code": -4120, "msg": text}


def test_extra_parameters_are_ignored_and_words_come_in_any_case(desk: Desk) -> None:
    answer = desk.limit("buy", 1, 999, reduceOnly="False", recvWindow=10000, foo="bar", newOrderRespType="ack")
    assert answer["side"] == "BUY"


def test_an_order_test_answers_and_places_nothing(desk: Desk) -> None:
    assert desk("POST", "v1/order/test", **order())["status"] == "NEW"
    assert desk("GET", "v1/openOrders") == []
    assert desk.refused("POST", "v1/order/test", **order(quantity="900"))[0] == -2019


def test_orders_are_found_by_either_id_and_open_ones_listed(desk: Desk) -> None:
    first = desk.limit("BUY", 1, 990, newClientOrderId="one")
    desk("POST", "v1/order", **order(symbol=ETH, newClientOrderId="two"))
    by_name = desk("GET", "v1/openOrder", symbol=BTC, origClientOrderId="one")
    assert by_name == desk("GET", "v1/order", symbol=BTC, orderId=first["orderId"])
    assert by_name["time"] == NOW
    assert [row["clientOrderId"] for row in desk("GET", "v1/openOrders")] == ["one", "two"]
    assert [row["clientOrderId"] for row in desk("GET", "v1/openOrders", symbol=ETH)] == ["two"]
    assert desk.refused("GET", "v1/order", symbol=BTC, orderId=1) == (-2013, "Order does not exist.")
    text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
    assert desk.refused("GET", "v1/order", symbol=BTC) == (-1102, text)


def test_a_cancelled_order_is_answered_and_then_vanishes_after_three_days(desk: Desk) -> None:
    placed = desk.limit("BUY", 1, 990)
    answer = desk("DELETE", "v1/order", symbol=BTC, orderId=placed["orderId"])
    assert (answer["status"], "cumQty" in answer, "time" in answer) == ("CANCELED", True, False)
    assert desk.refused("DELETE", "v1/order", symbol=BTC, orderId=placed["orderId"]) == (-2011, "Unknown order sent.")
    assert desk.refused("GET", "v1/openOrder", symbol=BTC, orderId=placed["orderId"])[0] == -2013
    assert len(desk("GET", "v1/allOrders", symbol=BTC)) == 1
    desk.now += 3 * DAY_MS + 1
    assert desk("GET", "v1/allOrders", symbol=BTC) == []
    assert desk.refused("GET", "v1/order", symbol=BTC, orderId=placed["orderId"])[0] == -2013


def test_all_orders_pages_by_id_and_by_time(desk: Desk) -> None:
    ids = [desk.limit("BUY", "0.1", 990 - n)["orderId"] for n in range(4)]
    assert [row["orderId"] for row in desk("GET", "v1/allOrders", symbol=BTC, orderId=ids[1], limit=2)] == ids[1:3]
    assert [row["orderId"] for row in desk("GET", "v1/allOrders", symbol=BTC, limit=2)] == ids[2:]
    assert [r["orderId"] for r in desk("GET", "v1/allOrders", symbol=BTC, startTime=NOW, limit=2)] == ids[:2]
    assert desk.refused("GET", "v1/allOrders", symbol=BTC, startTime=NOW, endTime=NOW + 8 * DAY_MS)[0] == -4165
    assert desk.refused("GET", "v1/allOrders", symbol=BTC, startTime=NOW, endTime=NOW - 1)[0] == -1023


def test_an_order_is_amended_and_its_history_kept(desk: Desk) -> None:
    placed = desk.limit("BUY", 1, 990)
    changed = desk("PUT", "v1/order", symbol=BTC, side="BUY", orderId=placed["orderId"], quantity=2, price="991")
    assert (changed["price"], changed["origQty"], changed["pair"]) == ("991.00", "2.000", BTC)
    (row,) = desk("GET", "v1/orderAmendment", symbol=BTC, orderId=placed["orderId"])
    assert row["amendment"] == {
        "price": {"before": "990", "after": "991"}, "origQty": {"before": "1", "after": "2"}, "count": 1,
    }  # fmt: skip
    same = {"symbol": BTC, "side": "BUY", "orderId": placed["orderId"], "quantity": 2, "price": "991"}
    assert desk.refused("PUT", "v1/order", **same) == (-5027, "No need to modify the order.")
    assert desk.refused("PUT", "v1/order", **{**same, "orderId": 5})[0] == -2013


def test_a_change_keeps_the_name_that_its_owner_gave_it(desk: Desk) -> None:
    placed = desk.limit("BUY", 1, 990)
    change = {"symbol": BTC, "side": "BUY", "orderId": placed["orderId"], "quantity": 2}
    assert "modifyId" not in desk("PUT", "v1/order", **change, price="991")
    desk.floor.exchange.drain()
    assert desk("PUT", "v1/order", **change, price="992", modifyId=77)["modifyId"] == 77
    named, plain = desk("GET", "v1/orderAmendment", symbol=BTC, orderId=placed["orderId"])
    assert (named["amendment"].get("modifyId"), plain["amendment"].get("modifyId")) == (77, None)
    facts = desk.floor.exchange.drain()
    (told,) = frames(facts, lambda symbol: desk.floor.exchange.contract(symbol).listing)
    assert (told.payload["o"]["x"], told.payload["o"]["M"]) == ("AMENDMENT", 77)


def test_a_batch_answers_each_order_on_its_own(desk: Desk) -> None:
    batch = [order(quantity=0.5, price=999.0), order(side="NO"), order(quantity="900")]
    rows = desk("POST", "v1/batchOrders", batchOrders=json.dumps(batch))
    assert [row.get("code", row.get("status")) for row in rows] == ["NEW", -1117, -2019]
    change = {"symbol": BTC, "side": "BUY", "orderId": rows[0]["orderId"], "quantity": "0.6", "price": "998"}
    assert desk("PUT", "v1/batchOrders", batchOrders=json.dumps([change]))[0]["origQty"] == "0.600"
    ids = json.dumps([rows[0]["orderId"], 17])
    gone = desk("DELETE", "v1/batchOrders", symbol=BTC, orderIdList=ids)
    assert [row.get("code", row.get("status")) for row in gone] == ["CANCELED", -2011]
    assert desk.refused("POST", "v1/batchOrders", batchOrders=json.dumps([order()] * 6))[0] == -4082
    assert desk.refused("POST", "v1/batchOrders", batchOrders="[1")[0] == -1130
    assert desk.refused("POST", "v1/batchOrders", batchOrders="[" * 2_000 + "]" * 2_000)[0] == -1130
    assert desk.refused("POST", "v1/batchOrders")[0] == -1102
    route = desk.table["POST", "/fapi/v1/batchOrders"]
    assert (route.weight({}), route.orders({"batchOrders": json.dumps(batch)})) == (5, 5)


def test_names_come_in_any_case(desk: Desk) -> None:
    """As ccxt (`cancel_orders`) and python-binance (`futures_cancel_orders`) write them."""
    ids = [desk.limit("BUY", 1, 990 - n)["orderId"] for n in range(2)]
    gone = desk("DELETE", "v1/batchOrders", symbol=BTC, orderidlist=json.dumps(ids))
    assert [row["status"] for row in gone] == ["CANCELED", "CANCELED"]
    gone = desk("DELETE", "v1/batchOrders", symbol=BTC, origclientorderidlist='["nobody"]')
    assert [row["code"] for row in gone] == [-2011]
    assert desk.refused("POST", "v1/order", **order(), reduceonly="true") == (-2022, "ReduceOnly Order is rejected.")


def test_cancel_all_and_countdown(desk: Desk) -> None:
    desk.limit("BUY", 1, 990)
    done = {"code": 200, "msg": "The operation of cancel all open order is done."}
    assert desk("DELETE", "v1/allOpenOrders", symbol=BTC) == done
    assert desk("GET", "v1/openOrders") == []
    answer = desk("POST", "v1/countdownCancelAll", symbol=BTC, countdownTime=30000)
    assert answer == {"symbol": BTC, "countdownTime": "30000"}
    assert desk.refused("POST", "v1/countdownCancelAll", symbol=BTC)[0] == -1102
    assert desk.refused("POST", "v1/countdownCancelAll", symbol=BTC, countdownTime=-1)[0] == -1100


# ── conditional orders ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conditional_order_lives_from_placing_to_its_order(desk: Desk) -> None:
    placed = desk("POST", "v1/algoOrder", **algo(clientAlgoId="stop", workingType="MARK_PRICE"))
    assert (placed["algoStatus"], placed["triggerPrice"], placed["quantity"]) == ("NEW", "990.00", "1.000")
    assert desk("GET", "v1/openAlgoOrders")[0]["algoId"] == placed["algoId"]
    assert desk("GET", "v1/openAlgoOrders", symbol=ETH) == []
    assert desk.refused("GET", "v1/openAlgoOrders", symbol="NOPE") == (-1121, "Invalid symbol.")
    desk.floor.mark(990)
    done = desk("GET", "v1/algoOrder", clientAlgoId="stop")
    assert (done["algoStatus"], done["actualQty"], done["actualType"]) == ("FINISHED", "1.000", "MARKET")
    real = desk("GET", "v1/order", symbol=BTC, orderId=done["actualOrderId"])
    assert (real["type"], real["origType"], real["stopPrice"]) == ("MARKET", "STOP_MARKET", "990.00")
    assert desk("GET", "v1/openAlgoOrders") == []
    assert len(desk("GET", "v1/allAlgoOrders", symbol=BTC)) == 1


def test_conditional_orders_are_cancelled_one_and_all(desk: Desk) -> None:
    placed = desk("POST", "v1/algoOrder", **algo())
    assert desk("DELETE", "v1/algoOrder", algoId=placed["algoId"]) == {
        "algoId": placed["algoId"], "clientAlgoId": placed["clientAlgoId"], "code": "200", "msg": "success",
    }  # fmt: skip
    assert desk.refused("DELETE", "v1/algoOrder", algoId=placed["algoId"])[0] == -2011
    desk("POST", "v1/algoOrder", **algo(closePosition="true", quantity=None))
    assert desk("DELETE", "v1/algoOpenOrders", symbol=BTC)["code"] == 200
    assert desk("GET", "v1/openAlgoOrders") == []
    assert desk.refused("GET", "v1/algoOrder", algoId=4)[0] == -2013
    assert desk.refused("GET", "v1/algoOrder")[0] == -1102


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algoType": None}, -1102),
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": None}, -1102),
        ({"triggerPrice": "1001"}, -2021),
        ({"type": "STOP"}, -1102),
        ({"workingType": "INDEX"}, -4031),
        ({"closePosition": "true"}, -4137),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "20"}, -2007),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "closePosition": "true", "quantity": None}, -4136),
        ({"timeInForce": "XXX"}, -1115),
    ],
)
def test_a_conditional_order_is_refused_by_the_endpoint(desk: Desk, changes: dict[str, Any], code: int) -> None:
    assert desk.refused("POST", "v1/algoOrder", **algo(**changes))[0] == code


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "sent", "weight", "orders"),
    [
        ("POST", "v1/order", {}, 0, 1),
        ("PUT", "v1/order", {}, 0, 1),
        ("DELETE", "v1/order", {}, 1, 0),
        ("POST", "v1/algoOrder", {}, 0, 1),
        ("GET", "v1/openOrders", {}, 40, 0),
        ("GET", "v1/openOrders", {"symbol": BTC}, 1, 0),
        ("GET", "v1/allOrders", {}, 5, 0),
        ("GET", "v3/account", {}, 5, 0),
        ("GET", "v2/positionRisk", {}, 5, 0),
        ("GET", "v1/income", {}, 30, 0),
        ("GET", "v1/commissionRate", {}, 20, 0),
        ("GET", "v1/forceOrders", {}, 50, 0),
        ("GET", "v1/forceOrders", {"symbol": BTC}, 20, 0),
        ("POST", "v1/countdownCancelAll", {}, 10, 0),
        ("POST", "v1/listenKey", {}, 1, 0),
    ],
)
def test_weights_are_those_of_binance(
    desk: Desk, method: str, path: str, sent: dict[str, str], weight: int, orders: int
) -> None:
    route = desk.table[method, "/fapi/" + path]
    assert (route.weight(sent), route.orders(sent)) == (weight, orders)


def test_only_listen_keys_need_no_signature(desk: Desk) -> None:
    for (_, path), route in desk.table.items():
        assert (route.security is Security.KEY) == path.endswith("listenKey")


def test_an_account_that_does_not_exist_is_inactive(desk: Desk) -> None:
    call = Call("GET", "/fapi/v3/account", {}, "nobody", NOW)
    with pytest.raises(ApiError, match="-4109"):
        desk.table["GET", "/fapi/v3/account"].handler(call)


def test_small_numbers_in_a_batch_are_numbers(desk: Desk) -> None:
    rows = desk(
        "POST", "v1/batchOrders", batchOrders=json.dumps([order(price=999.0, quantity=0.5), order(price=1e-05)])
    )
    assert (rows[0]["status"], rows[0]["origQty"]) == ("NEW", "0.500")
    assert rows[1]["code"] == -1111
