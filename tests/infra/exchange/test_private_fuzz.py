"""Whatever a client sends, a private endpoint answers with JSON or with one of Binance's refusals, and never breaks."""

from __future__ import annotations

import msgspec
import pytest
from desk_client import Desk
from exchange_steps import BTC, NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.exchange.ports import ApiError, Call, Route
from infra.exchange.user_data import frames

NAMES = [
    "symbol", "side", "type", "timeInForce", "quantity", "price", "positionSide", "reduceOnly", "newClientOrderId",
    "priceMatch", "selfTradePreventionMode", "goodTillDate", "newOrderRespType", "orderId", "origClientOrderId",
    "batchOrders", "orderIdList", "origClientOrderIdList", "countdownTime", "limit", "startTime", "endTime", "fromId",
    "algoType", "triggerPrice", "workingType", "priceProtect", "closePosition", "activatePrice", "callbackRate",
    "clientAlgoId", "algoId", "leverage", "marginType", "amount", "dualSidePosition", "multiAssetsMargin", "feeBurn",
    "page", "incomeType",
]  # fmt: skip
VALUES = [
    BTC, "BUY", "SELL", "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TRAILING_STOP_MARKET", "GTC", "GTD", "FOK", "1",
    "0.01", "999", "1001", "99999999999999999999", "0.00000000000000000001", "99999999999999999999.999999999999999",
    "-1", "-1.5", "-", "1e5", "NaN", "Infinity", "true", "FALSE", "LONG", "BOTH", "OPPONENT", "QUEUE_5", "NONE",
    "CONDITIONAL", "MARK_PRICE", "ISOLATED", "RESULT", "[]", "[1]", '["x"]', "[{}]", '[{"symbol":"BTCUSDT"}]', "[[1]]",
    '[{"symbol":["BTCUSDT"],"side":null}]', "{", "", " ", "ä", "\x00", "1700000000000", "x" * 60, "8389000000001",
]  # fmt: skip
ORDER = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "999",
         "algoType": "CONDITIONAL", "triggerPrice": "990"}  # fmt: skip

sent = st.dictionaries(st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.text(max_size=8)), max_size=6)
calls = st.lists(st.tuples(st.integers(0, 10_000), sent, st.booleans()), max_size=25)


def answered(route: Route, parameters: dict[str, str]) -> object:
    """Give the answer, or the code and text of the refusal; anything else that is raised fails the test."""
    try:
        return route.handler(Call(route.method, route.path, parameters, "a", NOW))
    except ApiError as refused:
        return {"code": refused.code, "msg": refused.text}


@settings(max_examples=150)
@given(calls)
def test_every_call_is_answered_or_refused(requests: list[tuple[int, dict[str, str], bool]]) -> None:
    desk = Desk()
    table = list(desk.table.values())
    for index, parameters, plausible in requests:
        route = table[index % len(table)]
        given_parameters = {**ORDER, **parameters} if plausible else parameters
        assert msgspec.json.encode(answered(route, given_parameters))
        assert route.weight(given_parameters) >= 0
        assert route.orders(given_parameters) >= 0
        told = frames(desk.floor.exchange.drain(), lambda name: desk.floor.exchange.contract(name).listing)
        assert msgspec.json.encode([frame.payload for frame in told])


@pytest.mark.slow
def test_every_value_in_every_parameter_is_answered_or_refused() -> None:
    desk = Desk()
    for route in desk.table.values():
        for name in NAMES:
            for value in VALUES:
                parameters = {"orderId": "8389000000001", **ORDER, name: value}
                assert msgspec.json.encode(answered(route, parameters))
        desk.floor.exchange.drain()
