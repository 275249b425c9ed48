"""The venue inside, built again from what the actors remember: nothing that rested is lost, nothing is there twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.config import VenueConfig
from domain.desk import Desk
from domain.market import FundingArrived
from domain.operations import OperatorCommand, OperatorKind
from domain.orders import Role
from domain.values import Side
from domain.venue import OrderType
from infra.paper import PaperVenue
from infra.paper_restore import restore_paper
from tests.worlds import CONFIG, POSITION, SYMBOL, Told, World, buys, open_ms, proposal

GHOST = f"position:virtual/{SYMBOL}-1"


def rebuilt(world: World) -> PaperVenue:
    """Build a venue from the actors of a world that still lives."""
    venue = PaperVenue(VenueConfig(), {"main": CONFIG.account.initial_balance, "virtual": None})
    restore_paper(venue, world.kernel.population)
    return venue


def resting(desk: Desk, key: str = POSITION) -> dict[str, OrderType]:
    return {working.order.order_id: working.order.order_type for working in desk.slots[key].working}


def desks(world: World) -> tuple[Desk, Desk]:
    return world.runner.venue.desk("main"), rebuilt(world).desk("main")


@pytest.mark.parametrize("side", Side)
def test_a_protected_position_is_held_with_its_margin_its_liquidation_price_and_its_orders(side: Side) -> None:
    lived, again = desks(World(buys(side=side)).enter())
    assert again.slots[POSITION].holding == lived.slots[POSITION].holding
    assert resting(again) == resting(lived)
    assert sorted(resting(again).values()) == [OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET]
    assert again.wallet == lived.wallet


def test_funding_that_was_settled_is_in_the_margin_and_is_not_settled_again() -> None:
    world = World(buys()).enter()
    at_ms = open_ms(2)
    world.runner.feed(at_ms, FundingArrived(SYMBOL, at_ms, 0.001, 100.0))
    world.quote(at_ms + 1_000, BTCUSDT=100.0)
    lived, again = desks(world)
    assert again.slots[POSITION].holding == lived.slots[POSITION].holding
    venue = rebuilt(world)
    venue.on_funding(FundingArrived(SYMBOL, at_ms, 0.001, 100.0), at_ms + 5_000)
    assert venue.next_due_ms() is None


def test_an_accepted_entry_waits_for_the_next_price() -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    world.runner.settle(open_ms(1) + 60)
    assert resting(rebuilt(world).desk("main")) == {f"{POSITION}@2": OrderType.MARKET}


def test_an_order_that_was_never_answered_is_not_there_its_position_asks_again() -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    assert rebuilt(world).desk("main").slots == {}


def test_an_order_that_is_being_canceled_rests_until_the_venue_says_otherwise() -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    world.runner.settle(open_ms(1) + 60)
    world.runner.venue = None  # the cancellation never arrives
    world.runner.feed(open_ms(1) + 70, OperatorCommand(1, OperatorKind.CLOSE, SYMBOL, "ann"))
    assert resting(rebuilt(world).desk("main")) == {f"{POSITION}@2": OrderType.MARKET}


def test_a_position_on_its_way_out_has_its_exit_and_its_protection() -> None:
    world = World(buys()).enter()
    at_ms = world.kernel.head.at_ms
    world.runner.feed(at_ms, OperatorCommand(1, OperatorKind.CLOSE, SYMBOL, "ann"))
    world.runner.settle(at_ms + 60)
    lived, again = desks(world)
    assert resting(again) == resting(lived)
    roles = {world.state(POSITION).deal.role_of(order_id) for order_id in resting(again)}
    assert roles == {Role.EXIT, Role.STOP, Role.TARGET}


def test_a_closed_position_leaves_nothing() -> None:
    world = World(buys()).enter()
    for second in (10, 12, 14):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=97.0)
    lived, again = desks(world)
    assert again.slots == lived.slots == {}
    assert again.wallet == lived.wallet != CONFIG.account.initial_balance


def test_virtual_positions_are_held_without_money() -> None:
    told = Told({(SYMBOL, 1): proposal()})
    world = World(told)
    world.runner.feed(open_ms(0), OperatorCommand(1, OperatorKind.HALT, "", "ann"))
    world.close(0, BTCUSDT=100.0)
    world.enter(1)
    desk = rebuilt(world).desk("virtual")
    assert desk.wallet is None
    assert desk.slots[GHOST].holding == world.runner.venue.desk("virtual").slots[GHOST].holding
    assert len(resting(desk, GHOST)) == 2


def test_contracts_are_known_and_the_last_close_is_the_price_until_it_is_too_old() -> None:
    world = World(buys()).enter()
    venue = rebuilt(world)
    assert venue._prices[SYMBOL] == (100.0, open_ms(0))
    assert venue._terms[SYMBOL].instrument.symbol == SYMBOL


def test_without_history_the_wallet_is_what_the_settings_say() -> None:
    world = World()
    assert rebuilt(world).desk("main").wallet == Decimal(10_000)
