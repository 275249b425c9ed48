"""What every venue answers when it is asked about an account: the one inside, and the exchange over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.values import OrderSide, Side
from domain.venue import OrderType, VenueAccepted, VenueCanceled, VenueFilled, VenueFunded, VenueRejected
from infra.account_questions import HeldPosition, OrderState
from tests.venue_worlds import SYMBOL, WALLET, PaperWorld, VenueWorld, WireWorld, order, stop


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


def state(world: VenueWorld, order_id: str) -> OrderState | None:
    return world.ask(world.questions().order(SYMBOL, order_id))


def test_before_anything_was_done_there_is_a_wallet_and_nothing_else(world: VenueWorld) -> None:
    asked = world.questions()
    funds = world.ask(asked.funds())
    assert (funds.wallet, funds.available) == (WALLET, WALLET)
    assert world.ask(asked.positions()) == ()
    assert world.ask(asked.bookings(0)) == ()
    assert state(world, order(2).order_id) is None


def test_an_order_is_known_by_our_own_id_from_its_acceptance_to_its_end(world: VenueWorld) -> None:
    filled = entered(world)
    assert state(world, filled.order_id) is OrderState.FILLED
    resting = stop(3, world.near(-300))
    world.hears(VenueAccepted, world.place(resting))
    assert state(world, resting.order_id) is OrderState.OPEN
    world.cancel(resting)
    world.hears(VenueCanceled, resting.order_id)
    assert state(world, resting.order_id) is OrderState.GONE


def test_an_order_that_was_refused_was_never_there(world: VenueWorld) -> None:
    refused = order(5, OrderSide.SELL, reduce_only=True)
    world.hears(VenueRejected, world.place(refused))
    assert state(world, refused.order_id) is None


def test_a_position_is_there_from_its_entry_to_its_exit(world: VenueWorld) -> None:
    filled = entered(world)
    asked = world.questions()
    (held,) = world.ask(asked.positions())
    assert replace(held, entry_price=filled.price) == HeldPosition(SYMBOL, Side.LONG, Decimal("0.01"), filled.price)
    assert held.entry_price == pytest.approx(filled.price, rel=Decimal("0.001"))
    assert world.ask(asked.leverage(SYMBOL)) == 5
    assert world.ask(asked.isolated(SYMBOL))
    world.hears(VenueFilled, world.place(order(5, OrderSide.SELL, reduce_only=True)))
    assert world.ask(asked.positions()) == ()


def test_an_entry_binds_margin_and_its_fee_leaves_the_wallet(world: VenueWorld) -> None:
    filled = entered(world)
    funds = world.ask(world.questions().funds())
    assert funds.wallet == WALLET - filled.fee
    margin = filled.price * filled.quantity / 5
    assert funds.wallet - funds.available == pytest.approx(margin, rel=Decimal("0.05"))


def test_fees_and_funding_are_booked_with_their_contract(world: VenueWorld) -> None:
    filled = entered(world)
    world.fund()
    funded = world.hears(VenueFunded)
    asked = world.questions()
    booked = world.ask(asked.bookings(filled.time_ms))
    assert [(each.kind, each.symbol) for each in booked] == [("COMMISSION", SYMBOL), ("FUNDING_FEE", SYMBOL)]
    assert [each.amount for each in booked] == [-filled.fee, funded.amount]
    assert world.ask(asked.bookings(booked[-1].time_ms + 1)) == ()
    settled = world.ask(asked.funding_rates(SYMBOL, filled.time_ms))
    assert [time_ms for time_ms, _ in settled] == [funded.time_ms - funded.time_ms % 3_600_000]


def test_the_brackets_of_a_contract_are_told_lowest_first(world: VenueWorld) -> None:
    tiers = world.ask(world.questions().tiers(SYMBOL))
    assert tiers[0].leverage == max(tier.leverage for tier in tiers) == 125
    assert all(0 < tier.maintenance_rate < 1 for tier in tiers)
    caps = [tier.cap for tier in tiers if tier.cap is not None]
    assert caps == sorted(caps)


def test_the_position_mode_is_told(world: VenueWorld) -> None:
    assert world.ask(world.questions().hedge_mode()) is isinstance(world, PaperWorld)


def test_a_conditional_order_that_closed_the_position_is_filled(world: VenueWorld) -> None:
    entered(world)
    protection, target = stop(3, world.near(-8)), stop(4, world.near(2_500), OrderType.TAKE_PROFIT_MARKET)
    world.hears(VenueAccepted, world.place(protection))
    world.hears(VenueAccepted, world.place(target))
    world.until_hit(protection.order_id, VenueFilled)
    assert state(world, protection.order_id) is OrderState.FILLED
    assert world.ask(world.questions().positions()) == ()
