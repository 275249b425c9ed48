"""Slots, available margin, memory of finished orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.desk import REMEMBERED, Desk, Working, level_of, quantity_closed_by
from domain.holding import hold
from domain.instrument import Instrument
from domain.path import Level
from domain.values import OrderSide, Side
from domain.venue import OrderType, PlaceOrder, VenueAccepted

KEY = "position:main/BTCUSDT-1"
BTC = Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"))
LONG = hold(BTC, Side.LONG, Decimal(1), Decimal(10_000), 10, 0)


def order(number: int, side: OrderSide, kind: OrderType = OrderType.MARKET, **more: object) -> PlaceOrder:
    return PlaceOrder("main", f"{KEY}@{number}", "BTCUSDT", side, kind, Decimal(1), **more)


def test_available_is_the_wallet_without_margins_and_reservations() -> None:
    desk = Desk("main", Decimal(5_000)).with_slot(KEY, "BTCUSDT", LONG, ())
    entry = Working(order(2, OrderSide.BUY), 0, reserved=Decimal(1_500))
    desk = desk.with_slot("position:main/ETHUSDT-1", "ETHUSDT", None, (entry,))
    assert desk.available == 2_500


def test_a_position_that_is_being_increased_binds_its_margin_and_the_reservation() -> None:
    more = Working(order(3, OrderSide.BUY), 0, reserved=Decimal(500))
    assert Desk("main", Decimal(5_000)).with_slot(KEY, "BTCUSDT", LONG, (more,)).available == 3_500


def test_a_desk_without_a_wallet_has_no_limit() -> None:
    assert Desk("virtual", None).with_slot(KEY, "BTCUSDT", LONG, ()).available is None
    assert Desk("virtual", None).credited(Decimal(5)).wallet is None


def test_a_slot_with_nothing_in_it_is_gone() -> None:
    desk = Desk("main", Decimal(0)).with_slot(KEY, "BTCUSDT", LONG, ())
    assert desk.with_slot(KEY, "BTCUSDT", None, ()).slots == {}


def test_a_slot_without_a_holding_has_the_side_of_its_entry() -> None:
    desk = Desk("main", Decimal(0)).with_slot(KEY, "BTCUSDT", None, (Working(order(2, OrderSide.SELL), 0),))
    assert desk.slots[KEY].side is Side.SHORT


def test_a_holding_waits_for_its_liquidation_before_anything_else() -> None:
    stop = order(3, OrderSide.SELL, OrderType.STOP_MARKET, trigger=Decimal(9_500), close_position=True)
    desk = Desk("main", Decimal(0)).with_slot(KEY, "BTCUSDT", LONG, (Working(stop, 7),))
    liquidation = Level(None, LONG.liquidation_price, falling=True, since_ms=0)
    assert desk.slots[KEY].levels == (liquidation, Level(f"{KEY}@3", Decimal(9_500), falling=True, since_ms=7))


@pytest.mark.parametrize(
    ("side", "kind", "falling"),
    [
        (OrderSide.SELL, OrderType.STOP_MARKET, True),
        (OrderSide.BUY, OrderType.STOP_MARKET, False),
        (OrderSide.SELL, OrderType.TAKE_PROFIT_MARKET, False),
        (OrderSide.BUY, OrderType.TAKE_PROFIT_MARKET, True),
    ],
)
def test_a_trigger_waits_for_its_own_direction(side: OrderSide, kind: OrderType, *, falling: bool) -> None:
    assert level_of(order(3, side, kind, trigger=Decimal(1)), 0).falling is falling


def test_a_market_order_waits_for_any_price() -> None:
    assert level_of(order(3, OrderSide.BUY), 5) == Level(f"{KEY}@3", None, falling=False, since_ms=5)


def test_an_order_closes_at_most_what_is_held_and_only_on_the_other_side() -> None:
    half = hold(BTC, Side.LONG, Decimal("0.5"), Decimal(10_000), 10, 0)
    assert quantity_closed_by(order(3, OrderSide.SELL), half) == Decimal("0.5")
    assert (
        quantity_closed_by(order(3, OrderSide.SELL, close_position=True), LONG.increased(Decimal(2), Decimal(9), 1))
        == 3
    )
    assert quantity_closed_by(order(3, OrderSide.BUY), half) == 0
    assert quantity_closed_by(order(3, OrderSide.SELL), None) == 0


def test_the_memory_of_finished_orders_is_bounded() -> None:
    desk = Desk("main", Decimal(0))
    for number in range(3 * REMEMBERED):
        desk = desk.remembering(VenueAccepted(f"{KEY}@{number}", 0))
    assert REMEMBERED <= len(desk.older) + len(desk.recent) < 2 * REMEMBERED
    assert desk.answer_to(f"{KEY}@1") is None
    assert all(desk.answer_to(f"{KEY}@{number}") for number in range(2 * REMEMBERED, 3 * REMEMBERED))
