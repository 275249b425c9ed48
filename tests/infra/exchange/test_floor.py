"""Where the market meets clients' orders: fills, stops, funding, liquidation, and what everybody sees of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from infra.exchange.stage import Rules
from infra.exchange.stream_names import StreamRoute
from tests.infra.exchange.staging import START_MS, Rig

HOUR_S = 3_600.0


def price(rig: Rig, symbol: str = "BTCUSDT") -> float:
    return float(rig.ask("GET", "/fapi/v1/ticker/price", symbol=symbol)[1]["price"])


def order(rig: Rig, **sent: object) -> Any:
    status, body = rig.signed("POST", "/fapi/v1/order", symbol="BTCUSDT", **sent)
    assert status == 200, body
    return body


def limit(rig: Rig, side: str, at: float) -> Any:
    sent = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": f"{at:.1f}"}
    return order(rig, side=side, **sent)


def told(rig: Rig) -> Any:
    _, body = rig.ask("POST", "/fapi/v1/listenKey", key=rig.key.key)
    return rig.listen(StreamRoute.PRIVATE, body["listenKey"])[1]


def test_a_resting_order_is_in_the_public_book_until_it_is_cancelled() -> None:
    rig = Rig()
    at = price(rig) * 0.999
    placed = limit(rig, "BUY", at)
    _, socket = rig.listen(StreamRoute.PUBLIC, "btcusdt@depth@100ms")
    rig.pass_(0.2)
    bids = dict(rig.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)[1]["bids"])
    shown = Decimal(bids[f"{at:.1f}"])
    assert shown >= Decimal("0.010")
    rig.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
    rig.pass_(0.2)
    after = dict(rig.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)[1]["bids"])
    left = Decimal(after.get(f"{at:.1f}", "0"))
    changed = [level for event in socket.texts() for level in event["b"] if level[0] == f"{at:.1f}"]
    assert left != shown
    assert Decimal(changed[-1][1]) == left


def test_resting_orders_fill_when_the_market_comes_to_them() -> None:
    rig = Rig(speed=60.0)
    user = told(rig)
    at = price(rig)
    limit(rig, "BUY", at * 0.9999)
    limit(rig, "SELL", at * 1.0001)
    rig.pass_(60, step_s=0.25)
    assert rig.signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")[1] == []
    trades = rig.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")[1]
    assert {trade["maker"] for trade in trades} == {True}
    events = [text["e"] for text in user.texts()]
    assert events.count("ORDER_TRADE_UPDATE") >= 4
    assert "ACCOUNT_UPDATE" in events


def test_a_clients_trade_is_on_the_tape_and_in_the_trade_stream() -> None:
    rig = Rig()
    _, socket = rig.listen(StreamRoute.PUBLIC, "btcusdt@trade")
    rig.pass_(0.2)
    socket.texts()
    filled = order(rig, side="BUY", type="MARKET", quantity="0.037", newOrderRespType="RESULT")
    rig.pass_(0.2)
    mine = [text for text in socket.texts() if text["q"] == "0.037"]
    assert [text["m"] for text in mine] == [False]
    assert float(mine[0]["p"]) == pytest.approx(float(filled["avgPrice"]))
    tape = rig.ask("GET", "/fapi/v1/trades", symbol="BTCUSDT", limit=50)[1]
    assert "0.037" in [row["qty"] for row in tape]


def test_a_stop_triggers_when_the_price_passes_it() -> None:
    rig = Rig(speed=60.0)
    order(rig, side="BUY", type="MARKET", quantity="0.010")
    sent = {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.010"}
    stop = f"{price(rig) * 0.9995:.1f}"
    status, body = rig.signed("POST", "/fapi/v1/algoOrder", symbol="BTCUSDT", triggerPrice=stop, **sent)
    assert status == 200, body
    for _ in range(100):
        rig.pass_(5, step_s=0.25)
        if not rig.signed("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT")[1]:
            break
    rows = rig.signed("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")[1]
    assert [row for row in rows if float(row["positionAmt"])] == []


def test_funding_is_paid_at_the_contracts_own_times() -> None:
    rig = Rig(speed=600.0)
    order(rig, side="BUY", type="MARKET", quantity="0.010")
    rig.pass_(60, step_s=1.0)
    income = rig.signed("GET", "/fapi/v1/income", symbol="BTCUSDT", incomeType="FUNDING_FEE")[1]
    step = 8 * 3_600_000
    due = list(range(START_MS // step * step + step, rig.stage.board.now_ms + 1, step))
    assert [row["time"] for row in income] == due
    rates = rig.ask("GET", "/fapi/v1/fundingRate", symbol="BTCUSDT", startTime=START_MS)[1]
    for row, rate in zip(income, rates, strict=True):
        expected = -0.010 * float(rate["markPrice"]) * float(rate["fundingRate"])
        assert float(row["income"]) == pytest.approx(expected, abs=1e-6)


def test_a_position_without_margin_left_is_liquidated_and_everybody_is_told() -> None:
    rig = Rig(Rules(balance=Decimal(200)), speed=600.0)
    rig.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)
    _, public = rig.listen(StreamRoute.MARKET, "!forceOrder@arr", "btcusdt@forceOrder", combined=True)
    quantity = f"{int(200 * 100 / price(rig) / 0.001) * 0.001:.3f}"
    order(rig, side="BUY", type="MARKET", quantity=quantity)
    for _ in range(400):
        rig.pass_(5, step_s=0.5)
        if not rig.stage.exchange.contract("BTCUSDT").holders:
            break
    rig.pass_(2)
    own = [frame for frame in public.texts() if frame["data"]["o"]["q"] == quantity]  # the market has others too
    assert {frame["stream"] for frame in own} == {"!forceOrder@arr", "btcusdt@forceOrder"}
    assert {(frame["data"]["o"]["s"], frame["data"]["o"]["S"]) for frame in own} == {("BTCUSDT", "SELL")}


def test_contracts_that_nobody_has_anything_in_sleep_again() -> None:
    rig = Rig()
    placed = limit(rig, "BUY", price(rig) * 0.98)
    assert list(rig.stage.floor.awake) == ["BTCUSDT"]
    rig.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
    rig.pass_(3)
    assert list(rig.stage.floor.awake) == []


def test_a_dead_listen_key_is_told_and_says_nothing_more() -> None:
    rig = Rig()
    user = told(rig)
    rig.wall.s += 3_601.0
    rig.pass_(2, step_s=1.0)
    assert [text["e"] for text in user.texts()] == ["listenKeyExpired"]
    assert rig.ask("PUT", "/fapi/v1/listenKey", key=rig.key.key)[1]["code"] == -1125
    order(rig, side="BUY", type="MARKET", quantity="0.010")
    assert user.texts() == []
