"""What every venue promises, in process or over the wire: each wish carried out once, each answer in its place."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.values import OrderSide
from domain.venue import OrderAnswer, OrderType, VenueAccepted, VenueCanceled, VenueFilled, VenueFunded, VenueRejected
from tests.venue_worlds import DEAL, PaperWorld, VenueWorld, WireWorld, order, stop


@pytest.fixture(params=[PaperWorld, WireWorld])
def world(request: pytest.FixtureRequest) -> Iterator[VenueWorld]:
    made: VenueWorld = request.param()
    yield made
    made.close()


def entered(world: VenueWorld, quantity: str = "0.01") -> VenueFilled:
    """Hold something, and let the kernel's side know it."""
    filled = world.hears(VenueFilled, world.place(order(2, quantity=quantity, leverage=5)))
    if isinstance(world, WireWorld):
        world.beliefs.holds(quantity, filled.time_ms, trade_ids=(filled.trade_id,))
    return filled


def test_an_entry_is_accepted_and_filled_whole_near_the_mark_for_a_fee(world: VenueWorld) -> None:
    mark = world.mark()
    filled = entered(world)
    kinds = [type(answer) for answer in world.about(f"{DEAL}@2")]
    assert kinds == [VenueAccepted, VenueFilled]
    assert filled.complete
    assert filled.quantity == Decimal("0.01")
    assert abs(filled.price / mark - 1) < Decimal("0.005")
    assert filled.fee == pytest.approx(filled.price * filled.quantity * Decimal("0.0005"), rel=Decimal("0.001"))


def test_the_same_order_again_is_not_carried_out_again(world: VenueWorld) -> None:
    entered(world)
    world.place(order(2, leverage=5))
    world.hears(VenueAccepted, world.place(stop(3, world.near(-100))))
    assert len({answer.trade_id for answer in world.answers if isinstance(answer, VenueFilled)}) == 1


def test_protection_rests_until_it_is_taken_back(world: VenueWorld) -> None:
    entered(world)
    protection = stop(3, world.near(-300))
    world.hears(VenueAccepted, world.place(protection))
    world.cancel(protection)
    world.hears(VenueCanceled, protection.order_id)


def test_a_stop_on_the_wrong_side_of_the_price_is_refused(world: VenueWorld) -> None:
    entered(world)
    assert world.hears(VenueRejected, world.place(stop(3, world.near(100)))).code == "-2021"


def test_a_stop_closes_the_position_when_the_mark_reaches_it(world: VenueWorld) -> None:
    entered(world)
    protection, target = stop(3, world.near(-8)), stop(4, world.near(2_500), OrderType.TAKE_PROFIT_MARKET)
    world.hears(VenueAccepted, world.place(protection))
    world.hears(VenueAccepted, world.place(target))
    filled = world.until_hit(protection.order_id, VenueFilled)
    assert (filled.quantity, filled.complete) == (Decimal("0.01"), True)
    assert protection.trigger is not None
    assert filled.price < protection.trigger * Decimal("1.002")


def test_an_exit_closes_what_is_open(world: VenueWorld) -> None:
    entered(world)
    leave = order(5, OrderSide.SELL, reduce_only=True)
    filled = world.hears(VenueFilled, world.place(leave))
    assert filled.quantity == Decimal("0.01")


def test_an_exit_without_a_position_is_refused(world: VenueWorld) -> None:
    assert world.hears(VenueRejected, world.place(order(5, OrderSide.SELL, reduce_only=True))).code == "-2022"


def test_an_order_for_an_unknown_contract_is_refused(world: VenueWorld) -> None:
    assert world.hears(VenueRejected, world.place(replace(order(2), symbol="NOSUCHUSDT"))).code == "-1121"


def test_an_entry_without_the_margin_for_it_is_refused(world: VenueWorld) -> None:
    assert world.hears(VenueRejected, world.place(order(2, quantity="50", leverage=2))).code == "-2019"


def test_taking_back_an_order_that_nobody_knows_says_that_it_is_gone(world: VenueWorld) -> None:
    never = stop(7, world.near(-100))
    world.cancel(never)
    answer = world.hears(OrderAnswer, never.order_id)
    assert isinstance(answer, VenueCanceled) or (isinstance(answer, VenueRejected) and answer.code == "-2011")


def test_funding_is_booked_with_who_holds_the_contract(world: VenueWorld) -> None:
    entered(world)
    world.fund()
    funded = world.hears(VenueFunded)
    assert funded.position == DEAL
    assert funded.amount != 0
