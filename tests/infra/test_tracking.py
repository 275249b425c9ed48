"""Which order over there is which of ours: each fact told once, in order, and none before what came ahead of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import OrderSide
from domain.venue import OrderType, PlaceOrder, VenueAccepted, VenueCanceled, VenueFilled, VenueRejected
from infra.binance.tracking import KEPT, Tracking, Unsettled
from infra.binance.wire.order_bodies import AlgoOrder, Order, UserTrade
from infra.binance.wire.user_frames import AlgoOrderState, OrderState

ENTRY = "position:main/BTCUSDT-1@2"
STOP = "position:main/BTCUSDT-1@5"
D = Decimal


def in_usdt(amount: Decimal, asset: str) -> Decimal:
    return amount * {"USDT": D(1), "BNB": D(600)}[asset]


def tracking() -> Tracking:
    made = Tracking("e", in_usdt)
    made.track(PlaceOrder("main", ENTRY, "BTCUSDT", OrderSide.BUY, OrderType.MARKET, D(3)))
    stop = PlaceOrder("main", STOP, "BTCUSDT", OrderSide.SELL, OrderType.STOP_MARKET, D(3), D(90), close_position=True)
    made.track(stop)
    return made


def event(made: Tracking, of: str = ENTRY, **more: Any) -> OrderState:
    tracked = made.get(of)
    assert tracked is not None
    values: dict[str, Any] = {
        "symbol": "BTCUSDT", "client_id": tracked.client_id, "side": "BUY", "order_type": "MARKET", "execution": "NEW",
        "status": "NEW", "order_id": 7, "quantity": D(3), "last_quantity": D(0), "filled_quantity": D(0),
        "last_price": D(0), "trade_time_ms": 5, **more,
    }  # fmt: skip
    return OrderState(**values)


def fill(made: Tracking, number: int, of: str = ENTRY, **more: Any) -> OrderState:
    """Give the fill of one unit, the `number`-th of three."""
    status = "FILLED" if number == 3 else "PARTIALLY_FILLED"
    values: dict[str, Any] = {
        "execution": "TRADE", "status": status, "last_quantity": D(1), "filled_quantity": D(number),
        "last_price": D(100), "trade_id": 70 + number, "fee": D("0.05"), "fee_asset": "USDT", **more,
    }  # fmt: skip
    return event(made, of, **values)


def algo(made: Tracking, status: str, **more: Any) -> AlgoOrderState:
    tracked = made.get(STOP)
    assert tracked is not None
    values: dict[str, Any] = {
        "client_id": tracked.client_id, "algo_id": 9, "order_type": "STOP_MARKET", "symbol": "BTCUSDT", "side": "SELL",
        "status": status, "quantity": D(0), **more,
    }  # fmt: skip
    return AlgoOrderState(**values)


def body(status: str, executed: int) -> Order:
    return Order(
        symbol="BTCUSDT", order_id=7, status=status, side=OrderSide.BUY, quantity=D(3), executed=D(executed)
    )  # fmt: skip


def trades(*numbers: int) -> list[UserTrade]:
    return [
        UserTrade(
            symbol="BTCUSDT", trade_id=70 + number, order_id=7, side=OrderSide.BUY, price=D(100), quantity=D(1),
            realised=D(0), fee=D("0.05"), fee_asset="USDT", time_ms=number,
        )
        for number in numbers
    ]  # fmt: skip


def test_an_order_is_accepted_once_and_filled_piece_by_piece() -> None:
    made = tracking()
    assert made.on_order(event(made)) == (VenueAccepted(ENTRY, 5),)
    assert made.on_order(event(made)) == ()
    told = [answer for number in (1, 2, 3) for answer in made.on_order(fill(made, number)) or ()]
    assert [answer.complete for answer in told if isinstance(answer, VenueFilled)] == [False, False, True]
    assert made.open() == (made.get(STOP),)


def test_a_fill_that_follows_a_missed_one_waits_until_the_exchange_was_asked() -> None:
    made = tracking()
    assert made.on_order(fill(made, 2)) == (Unsettled(ENTRY),)
    tracked = made.get(ENTRY)
    assert tracked is not None
    told = made.on_body(tracked, body("PARTIALLY_FILLED", 2), trades(2, 1), 9)
    assert [answer.trade_id for answer in told if isinstance(answer, VenueFilled)] == ["BTCUSDT:71", "BTCUSDT:72"]


def test_fills_that_are_not_listed_yet_are_asked_for_again() -> None:
    made = tracking()
    tracked = made.get(ENTRY)
    assert tracked is not None
    assert made.on_body(tracked, body("FILLED", 3), trades(1), 9) == (VenueAccepted(ENTRY, 9), Unsettled(ENTRY))
    assert len(made.on_body(tracked, body("FILLED", 3), trades(1, 2, 3), 9)) == 3
    assert made.on_body(tracked, body("FILLED", 3), trades(1, 2, 3), 9) == ()


@given(st.lists(st.sampled_from(["1", "2", "3", "ask"]), max_size=12))
def test_whatever_is_heard_and_asked_in_whatever_order_every_fill_is_told_once(heard: list[str]) -> None:
    made = tracking()
    tracked = made.get(ENTRY)
    assert tracked is not None
    told: list[Any] = []
    for what in [*heard, "ask"]:
        if what == "ask":
            told += made.on_body(tracked, body("FILLED", 3), trades(3, 1, 2), 9)
        else:
            told += made.on_order(fill(made, int(what))) or ()
    fills = [answer for answer in told if isinstance(answer, VenueFilled)]
    assert sorted(answer.trade_id for answer in fills) == ["BTCUSDT:71", "BTCUSDT:72", "BTCUSDT:73"]
    assert [answer.complete for answer in fills] == [answer.trade_id == "BTCUSDT:73" for answer in fills]
    assert fills[-1].complete, "nobody listens after the last one"


def test_an_order_that_ends_with_fills_unknown_is_not_gone_yet() -> None:
    made = tracking()
    made.on_order(fill(made, 1))
    ended = event(made, execution="EXPIRED", status="EXPIRED", filled_quantity=D(2))
    assert made.on_order(ended) == (Unsettled(ENTRY),)
    ended = event(made, execution="EXPIRED", status="EXPIRED", filled_quantity=D(1))
    assert made.on_order(ended) == (VenueCanceled(ENTRY, 5, "EXPIRED"),)


def test_a_conditional_order_is_followed_into_the_plain_one_that_it_becomes() -> None:
    made = tracking()
    assert made.on_algo(algo(made, "NEW"), 4) == (VenueAccepted(STOP, 4),)
    plain = fill(made, 3, STOP, client_id="x", order_id=55, filled_quantity=D(1), side="SELL")
    assert made.on_order(plain) is None, "nobody knows yet whose that is"
    made.keep_stray(plain)
    (filled,) = made.on_algo(algo(made, "TRIGGERED", order_id="55"), 6) or ()
    assert isinstance(filled, VenueFilled)
    assert filled.order_id == STOP
    assert made.owns("BTCUSDT", 55)


@pytest.mark.parametrize(("status", "kind"), [("CANCELED", VenueCanceled), ("EXPIRED", VenueCanceled),
                                              ("REJECTED", VenueRejected)])  # fmt: skip
def test_a_conditional_order_that_ends_before_its_trigger_is_told_once(status: str, kind: type) -> None:
    made = tracking()
    (told,) = made.on_algo(algo(made, status), 6) or ()
    assert isinstance(told, kind)
    assert made.on_algo(algo(made, status), 6) == ()


def test_a_conditional_order_that_was_asked_for_tells_how_it_ended() -> None:
    made = tracking()
    tracked = made.get(STOP)
    assert tracked is not None
    found = AlgoOrder(algo_id=9, symbol="BTCUSDT", side=OrderSide.SELL, status="EXPIRED")
    assert made.on_algo_body(tracked, found, 8) == (VenueAccepted(STOP, 8), VenueCanceled(STOP, 8, "EXPIRED"))
    assert made.taken(tracked, 9) == ()


def test_fees_in_another_coin_are_told_in_usdt_and_rebates_are_none() -> None:
    made = tracking()
    (first,) = made.on_order(fill(made, 1, fee=D("0.0001"), fee_asset="BNB")) or ()
    (second,) = made.on_order(fill(made, 2, fee=D("-0.01"))) or ()
    assert isinstance(first, VenueFilled)
    assert isinstance(second, VenueFilled)
    assert (first.fee, second.fee) == (D("0.06"), D(0))


def test_fills_that_history_knows_are_not_told_again() -> None:
    made = Tracking("e", in_usdt)
    entry = PlaceOrder("main", ENTRY, "BTCUSDT", OrderSide.BUY, OrderType.MARKET, D(3))
    tracked = made.track(entry, accepted=True, trade_ids=("BTCUSDT:71",))
    told = made.on_body(tracked, body("FILLED", 3), trades(1, 2, 3), 9)
    assert [answer.trade_id for answer in told if isinstance(answer, VenueFilled)] == ["BTCUSDT:72", "BTCUSDT:73"]


def test_only_so_many_finished_orders_are_remembered() -> None:
    made = Tracking("e", in_usdt)
    for number in range(KEPT + 50):
        order_id = f"position:main/X-{number}@2"
        tracked = made.track(PlaceOrder("main", order_id, "X", OrderSide.BUY, OrderType.MARKET, D(1)))
        made.never_was(tracked, 1, "UNKNOWN")
    assert made.get("position:main/X-0@2") is None
    assert made.get(f"position:main/X-{KEPT + 49}@2") is not None
