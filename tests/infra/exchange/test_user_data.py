"""User data frames: the order of the wire, the shapes and the values of the recordings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exchange_steps import BTC, BUY, GTX, LONG, NOW, SELL, Floor, d, of_kind
from msgspec.structs import replace

from domain.exchange.facts import Liquidated, OrderOpened
from domain.exchange.orders import Change, Kind, NewOrder, PriceMatch, SelfTrade, TimeInForce
from infra.exchange.user_data import Frame, force_order, frames, listen_key_expired, order_update

PAYLOADS = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[3] / "../shared/data")) / "payloads"


def recorded(name: str) -> Any:
    if not PAYLOADS.is_dir():
        pytest.skip(f"no recorded payloads at {PAYLOADS}: set HINDSIGHT_DATA to the folder that holds payloads/")
    payload = json.loads((PAYLOADS / name).read_text())["payload"]
    return json.loads(payload) if isinstance(payload, str) else payload


@pytest.fixture
def floor() -> Floor:
    return Floor()


def told(floor: Floor, account: str = "a") -> list[Any]:
    written = frames(floor.exchange.drain(), lambda symbol: floor.exchange.contract(symbol).listing)
    return [json.loads(msgspec.json.encode(f.payload)) for f in written if f.account == account]


def names(payloads: list[Any]) -> list[str]:
    return [f"{p['e']} {p['o']['x']}" if p["e"] == "ORDER_TRADE_UPDATE" else p["e"] for p in payloads]


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_takers_fill_comes_in_the_recorded_order(floor: Floor) -> None:
    floor.market(BUY, 1)
    assert names(told(floor)) == ["TRADE_LITE", "ORDER_TRADE_UPDATE NEW", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE TRADE"]


def test_each_fill_of_a_taker_has_one_trade_lite(floor: Floor) -> None:
    floor.market(BUY, 2)
    assert names(told(floor)) == [
        "TRADE_LITE", "TRADE_LITE", "ORDER_TRADE_UPDATE NEW", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE TRADE",
        "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE TRADE",
    ]  # fmt: skip


def test_a_makers_fill_comes_in_the_recorded_order(floor: Floor) -> None:
    floor.limit(SELL, 1, 1000)
    assert names(told(floor)) == ["ORDER_TRADE_UPDATE NEW"]
    floor.limit(BUY, 1, 1000, "b")
    assert names(told(floor)) == ["TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE TRADE"]


def test_cancelling_and_amending_change_no_account(floor: Floor) -> None:
    order = floor.limit(BUY, 1, 990)
    floor.exchange.amend("a", BTC, order.order_id, "", Change(quantity=d(2), price=d(990)), NOW)
    floor.exchange.cancel("a", BTC, order.order_id, "", NOW)
    assert names(told(floor)) == [f"ORDER_TRADE_UPDATE {x}" for x in ("NEW", "AMENDMENT", "CANCELED")]


def test_an_expired_rest_says_why(floor: Floor) -> None:
    floor.limit(BUY, 2, 1001, time_in_force=TimeInForce.IOC)
    last = told(floor)[-1]["o"]
    assert (last["x"], last["X"], last["er"], last["z"]) == ("EXPIRED", "EXPIRED", "2", "1")


def test_a_self_trade_expires_in_match(floor: Floor) -> None:
    floor.limit(SELL, 1, 1000)
    told(floor)
    floor.limit(BUY, 1, 1000)
    ended = next(p["o"] for p in told(floor) if p["o"]["x"] == "EXPIRED")
    assert (ended["X"], ended["er"]) == ("EXPIRED_IN_MATCH", "1")


# ── recorded values ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_recorded_opening_fill_is_told_in_the_same_words() -> None:
    ours_account, ours_order = recorded_flow()
    theirs = recorded("index-captures/ws/flow1_3.json")
    kept = {"s": "BTCUSDT", "pa": "0.002", "ep": "91739.9", "cr": "0", "up": "-0.03508665", "mt": "cross", "iw": "0",
            "ps": "BOTH", "ma": "USDT", "bep": "91785.76995"}  # fmt: skip
    assert theirs["a"]["P"] == ours_account["a"]["P"] == [kept]
    assert theirs["a"]["B"] == ours_account["a"]["B"]
    order = recorded("index-captures/ws/flow1_4.json")["o"]
    mine = {key: value for key, value in ours_order["o"].items() if key not in ("i", "t", "T", "er")}
    assert mine == {key: value for key, value in order.items() if key not in ("i", "t", "T")}


def recorded_flow() -> tuple[Any, Any]:
    """Buy what was bought on 2024-11-18: wallet before the fee, mark price as the recorded profit tells."""
    floor = Floor(deposit="642.8527106900")
    floor.mark("91722.356675")
    floor.book([("91739.8", 1)], [("91739.9", 1)])
    wish = NewOrder(
        symbol=BTC, side=BUY, kind=Kind.LIMIT, quantity=d("0.002"), client_id="android_MLA5BSDBdSD12WPlEyMh",
        price_match=PriceMatch.OPPONENT,
    )  # fmt: skip
    floor.exchange.place("a", replace(wish, self_trade=SelfTrade.NONE), NOW)
    payloads = told(floor)
    return payloads[2], payloads[3]


def test_a_closing_market_order_is_told_as_recorded() -> None:
    floor = Floor()
    floor.mark("91739.9")
    floor.book([("91739.8", 1)], [("91739.9", 1)])
    floor.market(BUY, "0.002")
    floor.book([("90853.20", 1)], [("90853.30", 1)])
    floor.exchange.drain()
    floor.market(SELL, "0.002", reduce_only=True)
    lite, _, _, order = told(floor)
    theirs = recorded("index-captures/ws/flow2_1.json")
    assert (lite["q"], lite["p"], lite["L"], lite["l"]) == (theirs["q"], theirs["p"], theirs["L"], theirs["l"])
    theirs = recorded("index-captures/ws/flow2_4.json")["o"]
    same = ("o", "f", "q", "p", "ap", "sp", "x", "X", "l", "z", "L", "n", "b", "a", "R", "rp", "ot", "gtd")
    assert {key: order["o"][key] for key in same} == {key: theirs[key] for key in same}


def test_funding_in_cross_mode_has_no_positions(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.exchange.drain()
    floor.exchange.settle_funding(BTC, NOW)
    (payload,) = told(floor)
    theirs = recorded("index-captures/ws/usdc_funding_fee.json")
    assert (payload["a"]["P"], payload["a"]["m"], payload["a"]["B"][0]["bc"]) == ([], theirs["a"]["m"], "-0.1")
    assert payload["a"]["S"] == BTC


# ── recorded shapes ───────────────────────────────────────────────────────────────────────────────────────────────


def shape(value: Any) -> Any:
    """Keys in their order, and the kinds of their values."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(inner) for inner in value[:1]]
        case bool() | int() | str():
            return type(value).__name__
        case _:
            raise AssertionError(value)


def without(payload: Any, *keys: str) -> Any:
    return {**payload, "o": {key: value for key, value in payload["o"].items() if key not in keys}}


def same_shape(ours: Any, name: str, *, order_matters: bool = True) -> None:
    theirs = recorded(name)
    assert shape(ours) == shape(theirs)
    if order_matters:
        assert json.dumps(shape(ours)) == json.dumps(shape(theirs))


def test_orders_have_the_recorded_shape(floor: Floor) -> None:
    floor.limit(BUY, 1, 990, time_in_force=GTX)
    order = floor.exchange.account("a").slot(BTC).orders
    (new,) = told(floor)
    same_shape(new, "index-captures/ws/ethusdc_hedge_short_new.json")
    same_shape(new, "index-captures/ws/usdc_order_new.json")
    same_shape(without(new, "er"), "index-captures/ws/testnet_order_new.json")
    floor.exchange.amend("a", BTC, next(iter(order)), "", Change(quantity=d(2), price=d(990)), NOW)
    (amended,) = told(floor)
    same_shape(amended, "index-captures/ws/usdc_order_amendment.json")
    floor.exchange.cancel_all("a", BTC, NOW)
    (canceled,) = told(floor)
    same_shape(without(canceled, "er"), "index-captures/ws/ada_gtx_canceled.json")


def test_fills_have_the_recorded_shape(floor: Floor) -> None:
    floor.market(BUY, 1)
    lite, _, account, trade = told(floor)
    same_shape(lite, "index-captures/ws/testnet_trade_lite.json")
    same_shape(account, "index-captures/ws/flow1_3.json")
    same_shape(without(trade, "er"), "index-captures/ws/flow2_4.json")


def test_a_stopped_order_names_its_stop_as_recorded(floor: Floor) -> None:
    floor.algo(Kind.STOP_MARKET, SELL, trigger=990, quantity=1)
    floor.exchange.drain()
    floor.exchange.on_mark(replace(floor.exchange.contract(BTC).mark, mark=d(990)))
    trade = next(p for p in told(floor) if p.get("o", {}).get("x") == "TRADE")
    same_shape(without(trade, "er"), "index-captures/ws/sei_stop_filled.json")
    assert (trade["o"]["o"], trade["o"]["ot"], trade["o"]["sp"]) == ("MARKET", "STOP_MARKET", "990.00")


def test_conditional_orders_have_the_recorded_shapes(floor: Floor) -> None:
    first = floor.algo(Kind.STOP_MARKET, SELL, trigger=990, quantity=1)
    (new,) = told(floor)
    assert not {"ap", "aq", "act"} & set(new["o"])
    floor.exchange.cancel_algo("a", first.algo_id, "", NOW)
    (canceled,) = told(floor)
    same_shape(canceled, "index-captures/ws/algo_canceled.json")
    floor.algo(Kind.STOP_MARKET, SELL, trigger=990, quantity=1)
    floor.exchange.drain()
    floor.exchange.on_mark(replace(floor.exchange.contract(BTC).mark, mark=d(990)))
    updates = [p for p in told(floor) if p["e"] == "ALGO_UPDATE"]
    assert [p["o"]["X"] for p in updates] == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    fixture = recorded("nautilus/ws/ws_futures_algo_update_finished_canceled.json")["data"]
    assert shape(without(updates[2], "ia")) == shape(fixture)
    fixture = recorded("nautilus/ws/ws_futures_algo_update_triggering.json")["data"]
    assert shape(without(updates[0], "ia")) == shape(fixture)


def test_a_refused_conditional_order_tells_its_reason(floor: Floor) -> None:
    floor.algo(Kind.STOP_MARKET, SELL, trigger=990, quantity=1, reduce_only=True)
    floor.exchange.on_mark(replace(floor.exchange.contract(BTC).mark, mark=d(990)))
    last = told(floor)[-1]["o"]
    assert (last["X"], last["rm"], last["ai"]) == ("REJECTED", "ReduceOnly Order is rejected.", "")


def test_only_trailing_orders_tell_activation_and_rate(floor: Floor) -> None:
    floor.algo(Kind.TRAILING_STOP_MARKET, SELL, quantity=1, callback_rate=1, activation=1010)
    for price in (1010, 999):
        floor.exchange.on_mark(replace(floor.exchange.contract(BTC).mark, mark=d(price)))
    opened = next(p["o"] for p in told(floor) if p.get("o", {}).get("x") == "NEW")
    assert (opened["AP"], opened["cr"]) == ("1010", "1")


def test_hedge_mode_lists_all_legs_of_the_contract(floor: Floor) -> None:
    floor.exchange.set_position_mode("a", NOW, hedge=True)
    floor.market(BUY, 1, position_side=LONG)
    change = told(floor)[2]
    assert [row["ps"] for row in change["a"]["P"]] == ["BOTH", "LONG", "SHORT"]
    theirs = recorded("index-captures/ws/slx_isolated_hedge.json")
    assert [row["ps"] for row in theirs["a"]["P"]] == ["BOTH", "LONG", "SHORT"]


def test_deposits_leverage_and_modes_are_told(floor: Floor) -> None:
    floor.exchange.deposit("a", d(10), NOW)
    floor.exchange.set_leverage("a", BTC, 25, NOW)
    floor.exchange.set_multi_assets("a", NOW, on=True)
    deposit, leverage, assets = told(floor)
    same_shape(deposit, "index-captures/ws/usdc_deposit.json")
    assert deposit["a"]["B"][0]["bc"] == "10"
    same_shape(leverage, "roq/ws/account_config_update__simple_1.json")
    assert assets["ai"] == {"j": True}


def test_a_change_of_margin_type_is_told_without_balances(floor: Floor) -> None:
    floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    (change,) = told(floor)
    assert (change["e"], change["a"]["m"], change["a"]["B"]) == ("ACCOUNT_UPDATE", "MARGIN_TYPE_CHANGE", [])
    assert [(row["s"], row["pa"], row["mt"], row["ps"]) for row in change["a"]["P"]] == [(BTC, "0", "isolated", "BOTH")]


def test_a_margin_call_has_the_documented_shape() -> None:
    floor = Floor(deposit=200)
    floor.market(BUY, 1)
    floor.exchange.drain()
    floor.exchange.on_mark(replace(floor.exchange.contract(BTC).mark, mark=d(805)))
    (call,) = told(floor)
    same_shape(call, "roq/ws/margin_call__online_example.json")


def test_a_liquidation_is_told_to_its_account_and_to_the_public() -> None:
    floor = Floor(deposit=200)
    floor.market(SELL, 1)
    floor.book([(999, 1)], [(1300, 1)])
    floor.exchange.on_mark(replace(floor.exchange.contract(BTC).mark, mark=d(1198)))
    facts = floor.exchange.drain()
    (public,) = of_kind(facts, Liquidated)
    listing = floor.exchange.contract(BTC).listing
    mine = [f.payload["o"] for f in frames(facts, lambda _: listing) if f.event == "ORDER_TRADE_UPDATE"]
    assert [(o["x"], o["X"]) for o in mine] == [("NEW", "NEW"), ("CALCULATED", "FILLED")]
    assert mine[1]["c"].startswith("autoclose-")
    row = json.loads(msgspec.json.encode(force_order(public, listing)))
    theirs = recorded("tardis-node/ws/12_btcusdt@forceOrder.json")
    theirs = theirs.get("data", theirs)
    assert shape(row) == shape(theirs) | {"ps": "str", "st": "int"}  # told since June 2026, the recording is older


def test_a_frame_names_its_account_and_event(floor: Floor) -> None:
    floor.limit(BUY, 1, 990)
    facts = floor.exchange.drain()
    (opened,) = of_kind(facts, OrderOpened)
    listing = floor.exchange.contract(BTC).listing
    assert frames(facts, lambda _: listing) == [Frame("a", "ORDER_TRADE_UPDATE", order_update(opened, listing))]
    assert listen_key_expired("k", 5) == {"e": "listenKeyExpired", "E": 5, "listenKey": "k"}
