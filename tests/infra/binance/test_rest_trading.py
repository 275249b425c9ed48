"""Orders and account settings over REST: both position modes, both endpoints of conditional orders, done is done."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from aiohttp import web
from toy_exchange import ORDER, PLACED, Seen, Toy, refuses, rest_of, says, with_toy

from domain.errors import ExchangeRejected, InvalidInput
from domain.values import OrderSide
from infra.binance.new_order import NewOrder
from infra.binance.wire.bodies import Refusal
from infra.binance.wire.order_bodies import Order

ALGO = "/fapi/v1/algoOrder"
WAITING = {"symbol": "BTCUSDT", "algoId": 9, "clientAlgoId": "hs-2", "algoStatus": "NEW", "side": "SELL"}
WRONG_SIDE = refuses(-4061, "Order's position side does not match user's setting.")


def wish(**changes: Any) -> NewOrder:
    given = {
        "symbol": "BTCUSDT",
        "side": OrderSide.BUY,
        "order_type": "MARKET",
        "client_order_id": "hs-1",
        "quantity": Decimal("0.001"),
    }
    return NewOrder(**{**given, **changes})


STOP = wish(
    side=OrderSide.SELL,
    order_type="STOP_MARKET",
    client_order_id="hs-2",
    trigger=Decimal("60000.50"),
    close_position=True,
    working_type="MARK_PRICE",
    price_protect=True,
)


# ── position modes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("side", "reduce_only", "leg"),
    [
        (OrderSide.BUY, False, "LONG"), (OrderSide.SELL, False, "SHORT"),
        (OrderSide.SELL, True, "LONG"), (OrderSide.BUY, True, "SHORT"),
    ],
)  # fmt: skip
def test_an_order_knows_its_leg_and_says_reduce_only_in_one_way_mode_alone(
    side: OrderSide, *, reduce_only: bool, leg: str
) -> None:
    order = wish(side=side, reduce_only=reduce_only)
    hedged, plain = order.plain(hedge=True), order.plain(hedge=False)
    assert (hedged["positionSide"], hedged["reduceOnly"]) == (leg, None)
    assert (plain["positionSide"], plain["reduceOnly"]) == (None, reduce_only or None)


def test_an_order_for_the_other_position_mode_is_sent_once_more_and_the_mode_remembered() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", WRONG_SIDE, says(PLACED))
        async with rest_of(toy) as rest:
            await rest.place(wish(reduce_only=True, side=OrderSide.SELL))
            assert rest.hedge is True
            await rest.place(wish())
        first, second, third = (seen.params for seen in toy.calls(f"POST {ORDER}"))
        assert (first.get("positionSide"), first.get("reduceOnly")) == (None, "true")
        assert (second.get("positionSide"), second.get("reduceOnly")) == ("LONG", None)
        assert third["positionSide"] == "LONG"

    with_toy(test)


def test_orders_that_find_out_at_once_that_the_mode_is_another_one_all_arrive_and_agree_on_it() -> None:
    async def test(toy: Toy) -> None:
        both_refused, refused = asyncio.Event(), list[Seen]()

        async def hedged(seen: Seen) -> web.StreamResponse:
            if seen.params.get("positionSide"):
                return await says(PLACED)(seen)
            refused.append(seen)
            if len(refused) == 2:
                both_refused.set()
            await both_refused.wait()
            return await WRONG_SIDE(seen)

        toy.on(f"POST {ORDER}", hedged)
        async with rest_of(toy) as rest:
            await asyncio.gather(rest.place(wish()), rest.place(wish(client_order_id="hs-2")))
            assert rest.hedge is True
        assert len(toy.calls(f"POST {ORDER}")) == 4

    with_toy(test)


def test_an_order_that_fits_neither_mode_is_refused_and_nothing_is_remembered() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ORDER}", WRONG_SIDE)
        async with rest_of(toy) as rest:
            with pytest.raises(ExchangeRejected, match="position side"):
                await rest.place(wish())
            assert not rest.hedge
        assert len(toy.calls(f"POST {ORDER}")) == 2

    with_toy(test)


def test_the_position_mode_is_asked_for_and_set() -> None:
    async def test(toy: Toy) -> None:
        toy.on("GET /fapi/v1/positionSide/dual", says({"dualSidePosition": True}))
        toy.on("POST /fapi/v1/positionSide/dual", says({"code": 200, "msg": "success"}))
        async with rest_of(toy) as rest:
            assert await rest.position_mode() is True
            await rest.set_position_mode(hedge=False)
            assert rest.hedge is False
        assert toy.calls("POST /fapi/v1/positionSide/dual")[0].params["dualSidePosition"] == "false"

    with_toy(test)


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_need_to_change_counts_as_done_and_any_other_no_does_not() -> None:
    async def test(toy: Toy) -> None:
        toy.on("POST /fapi/v1/marginType", refuses(-4046, "No need to change margin type."), refuses(-4048, "held"))
        toy.on("POST /fapi/v1/positionSide/dual", refuses(-4059, "No need to change position side."))
        toy.on("POST /fapi/v1/multiAssetsMargin", refuses(-4171, "does not need to be adjusted repeatedly."))
        async with rest_of(toy) as rest:
            await rest.set_margin_type("BTCUSDT", isolated=True)
            await rest.set_position_mode(hedge=True)
            await rest.set_multi_assets(on=False)
            with pytest.raises(ExchangeRejected, match="held"):
                await rest.set_margin_type("BTCUSDT", isolated=False)
        types = [seen.params["marginType"] for seen in toy.calls("POST /fapi/v1/marginType")]
        assert types == ["ISOLATED", "CROSSED"]

    with_toy(test)


def test_leverage_and_what_it_allows() -> None:
    async def test(toy: Toy) -> None:
        answer = {"leverage": 21, "maxNotionalValue": "1000000", "symbol": "BTCUSDT"}
        toy.on("POST /fapi/v1/leverage", says(answer))
        async with rest_of(toy) as rest:
            assert (await rest.set_leverage("BTCUSDT", 21)).max_notional == Decimal(1_000_000)

    with_toy(test)


def test_a_listen_key_is_opened_renewed_and_closed_with_the_key_alone() -> None:
    async def test(toy: Toy) -> None:
        for method, body in (("POST", {"listenKey": "x" * 64}), ("PUT", {}), ("DELETE", {})):
            toy.on(f"{method} /fapi/v1/listenKey", says(body))
        async with rest_of(toy) as rest:
            assert await rest.open_listen_key() == "x" * 64
            await rest.renew_listen_key()
            await rest.close_listen_key()
        assert [seen.method for seen in toy.seen] == ["POST", "PUT", "DELETE"]
        for seen in toy.seen:
            assert "x-mbx-apikey" in seen.headers
            assert (seen.query, seen.body) == ("", "")

    with_toy(test)


# ── plain orders ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_cancelling_what_is_not_open_any_more_gives_how_it_ended() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"DELETE {ORDER}", refuses(-2011, "Unknown order sent."))
        toy.on(f"GET {ORDER}", says({**PLACED, "status": "FILLED"}), refuses(-2013, "Order does not exist."))
        async with rest_of(toy) as rest:
            assert (await rest.cancel("BTCUSDT", "hs-1")).status == "FILLED"
            with pytest.raises(ExchangeRejected, match="Unknown order sent"):
                await rest.cancel("BTCUSDT", "hs-1")

    with_toy(test)


def test_a_batch_is_one_json_list_of_texts() -> None:
    async def test(toy: Toy) -> None:
        toy.on("POST /fapi/v1/batchOrders", toy.signed([PLACED, {"code": -2022, "msg": "no"}]))
        async with rest_of(toy) as rest:
            answers = await rest.place_batch([wish(), wish(client_order_id="hs-3", reduce_only=True)])
            with pytest.raises(InvalidInput, match="1 to 5 orders"):
                await rest.place_batch([wish()] * 6)
            with pytest.raises(InvalidInput, match="1 to 10 orders"):
                await rest.cancel_batch("BTCUSDT", [])
        assert isinstance(answers[0], Order)
        assert answers[1] == Refusal(code=-2022, text="no")
        (sent,) = toy.calls("POST /fapi/v1/batchOrders")
        listed = msgspec.json.decode(unquote(sent.params["batchOrders"]))
        assert listed[1] == {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "MARKET",
            "quantity": "0.001",
            "reduceOnly": "true",
            "newClientOrderId": "hs-3",
            "newOrderRespType": "RESULT",
        }

    with_toy(test)


def test_amending_names_the_order_by_its_client_id() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"PUT {ORDER}", toy.signed(PLACED))
        async with rest_of(toy) as rest:
            await rest.amend("BTCUSDT", "hs-1", OrderSide.BUY, Decimal("1E-3"), Decimal(65000))
        sent = toy.calls(f"PUT {ORDER}")[0].params
        assert (sent["origClientOrderId"], sent["quantity"], sent["price"]) == ("hs-1", "0.001", "65000")

    with_toy(test)


def test_an_amendment_to_what_is_so_already_is_done() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"PUT {ORDER}", refuses(-5027, "No need to modify the order."), refuses(-5024, "not open"))
        toy.on(f"GET {ORDER}", says(PLACED))
        async with rest_of(toy) as rest:
            assert (await rest.amend("BTCUSDT", "hs-1", OrderSide.BUY, Decimal(1), Decimal(2))).order_id == 7
            with pytest.raises(ExchangeRejected, match="not open"):
                await rest.amend("BTCUSDT", "hs-1", OrderSide.BUY, Decimal(1), Decimal(2))

    with_toy(test)


# ── conditional orders ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_goes_to_the_algo_endpoint() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"POST {ALGO}", toy.signed(WAITING))
        toy.on(f"GET {ALGO}", toy.signed(WAITING))
        toy.on(f"DELETE {ALGO}", toy.signed({"algoId": 9, "clientAlgoId": "hs-2", "code": "200", "msg": "success"}))
        toy.on("GET /fapi/v1/openAlgoOrders", toy.signed([WAITING]))
        async with rest_of(toy) as rest:
            placed = await rest.algo_place(STOP)
            assert placed.open
            assert await rest.algo_query("BTCUSDT", "hs-2") == placed
            assert await rest.algo_open_orders("BTCUSDT") == [placed]
            assert await rest.algo_cancel("BTCUSDT", "hs-2") is None
        sent = toy.calls(f"POST {ALGO}")[0].params
        expected = {
            "algoType": "CONDITIONAL",
            "clientAlgoId": "hs-2",
            "type": "STOP_MARKET",
            "triggerPrice": "60000.50",
            "closePosition": "true",
            "workingType": "MARK_PRICE",
            "priceProtect": "true",
        }
        assert {name: sent[name] for name in expected} == expected
        assert not {"quantity", "reduceOnly", "newClientOrderId", "stopPrice"} & set(sent)

    with_toy(test)


def test_the_same_stop_goes_to_the_old_endpoint_where_the_settings_say_so() -> None:
    async def test(toy: Toy) -> None:
        resting = {
            **PLACED,
            "clientOrderId": "hs-2",
            "side": "SELL",
            "type": "STOP_MARKET",
            "stopPrice": "60000.50",
            "closePosition": True,
        }
        limit = {**PLACED, "type": "LIMIT"}
        toy.on(f"POST {ORDER}", toy.signed(resting))
        toy.on(f"GET {ORDER}", toy.signed(resting))
        toy.on(f"DELETE {ORDER}", toy.signed({**resting, "status": "CANCELED"}))
        toy.on("GET /fapi/v1/openOrders", toy.signed([limit, resting]))
        async with rest_of(toy, conditional_orders="order") as rest:
            placed = await rest.algo_place(STOP)
            assert (placed.algo_id, placed.client_algo_id, placed.trigger_price) == (7, "hs-2", Decimal("60000.5"))
            assert await rest.algo_query("BTCUSDT", "hs-2") == placed
            assert await rest.algo_open_orders("BTCUSDT") == [placed]
            canceled = await rest.algo_cancel("BTCUSDT", "hs-2")
            assert canceled is not None
            assert canceled.status == "CANCELED"
        sent = toy.calls(f"POST {ORDER}")[0].params
        assert (sent["stopPrice"], sent["newClientOrderId"], sent["closePosition"]) == ("60000.50", "hs-2", "true")
        assert "algoType" not in sent

    with_toy(test)


def test_cancelling_a_stop_that_has_triggered_gives_how_it_ended() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"DELETE {ALGO}", refuses(-2011, "Unknown order sent."))
        toy.on(f"GET {ALGO}", says({**WAITING, "algoStatus": "FINISHED"}), refuses(-2013, "Order does not exist."))
        async with rest_of(toy) as rest:
            ended = await rest.algo_cancel("BTCUSDT", "hs-2")
            assert ended is not None
            assert (ended.status, ended.open) == ("FINISHED", False)
            with pytest.raises(ExchangeRejected):
                await rest.algo_cancel("BTCUSDT", "hs-2")

    with_toy(test)


def test_a_stop_of_doubtful_outcome_is_looked_up_too() -> None:
    async def test(toy: Toy) -> None:
        toy.on(f"GET {ALGO}", refuses(-2013, "Order does not exist."), says(WAITING))
        async with rest_of(toy) as rest:
            found = await rest.algo_look_up("BTCUSDT", "hs-2", rest.server_ms() + 50)
            assert found is not None
            assert found.algo_id == 9

    with_toy(test)
