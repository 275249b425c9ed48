"""A position whose entry or exit comes in parts, or is crossed by another wish: nothing is held without an owner."""

from __future__ import annotations

from decimal import Decimal

from domain.base import Timer
from domain.commands import ClosePosition, RetryExit
from domain.deal import ExitReason
from domain.orders import OrderFilled, Role
from domain.position import Exiting, Open
from domain.position_events import ExitRequested, PositionClosed
from domain.venue import VenueCanceled
from tests.domain.test_position import ENTRY, STOP, STREAM, fill, protected, requested


def test_an_entry_that_ends_in_part_gets_its_target_for_what_was_bought() -> None:
    scenario = requested().when(fill(ENTRY, "100", "0.5", complete=False), VenueCanceled(ENTRY, 2, "EXPIRED"))
    assert [order.role for order in scenario.state.deal.orders] == [Role.STOP, Role.TARGET]
    assert isinstance(scenario.state, Open)


def test_what_an_exit_left_over_is_sold_too() -> None:
    scenario = requested().when(
        fill(ENTRY, "100", "0.5", complete=False),
        ClosePosition(ExitReason.OPERATOR),
        fill(ENTRY, "100", "1.5", trade="u"),
    )
    assert isinstance(scenario.state, Exiting)
    (first,) = [order for order in scenario.state.deal.orders if order.role is Role.EXIT]
    scenario.when(fill(first.order_id, "101", "0.5"))
    (second,) = [order for order in scenario.state.deal.orders if order.role is Role.EXIT]
    assert second.quantity == Decimal("1.5")
    scenario.when(fill(second.order_id, "101", "1.5"))
    assert scenario.one(PositionClosed).reason is ExitReason.OPERATOR


def test_nobody_asks_for_a_target_while_leaving() -> None:
    scenario = requested().when(
        fill(ENTRY, "100", "0.5", complete=False),
        ClosePosition(ExitReason.OPERATOR),
        fill(ENTRY, "100", "1.5", trade="u"),
    )
    assert Role.TARGET not in [order.role for order in scenario.state.deal.orders]


def test_an_exit_that_the_venue_took_away_is_asked_for_again_after_a_pause() -> None:
    scenario = protected().when(ClosePosition(ExitReason.OPERATOR), VenueCanceled(f"{STREAM}@10", 9_000, "EXPIRED"))
    assert Timer("retry-exit", 14_000, RetryExit()) in scenario.reactions
    scenario.when(RetryExit())
    assert [order.quantity for order in scenario.state.deal.orders if order.role is Role.EXIT] == [Decimal(2)]


def test_a_stop_that_left_something_unprotected_is_followed_by_an_exit() -> None:
    scenario = requested().when(
        fill(ENTRY, "100", "0.5", complete=False),
        fill(STOP, "90", "0.5", trade="s"),
        fill(ENTRY, "89", "1.5", trade="u"),
    )
    assert scenario.kinds().count("PositionClosed") == 0, "the entry is still under way"
    assert isinstance(scenario.state, Exiting)


def test_an_entry_that_fills_although_it_was_to_be_taken_back_is_left_again() -> None:
    scenario = requested().when(ClosePosition(ExitReason.OPERATOR), fill(ENTRY, "100"))
    assert isinstance(scenario.state, Exiting)
    assert scenario.one(ExitRequested).reason is ExitReason.OPERATOR


def test_a_position_whose_entry_came_to_no_more_ends_with_its_last_exit() -> None:
    scenario = requested().when(fill(ENTRY, "100", "0.5", complete=False), fill(STOP, "90", "0.5", trade="s"))
    assert scenario.one(ExitRequested).reason is ExitReason.STOP
    assert scenario.when(RetryExit()).events == [], "nothing is held"
    scenario.when(VenueCanceled(ENTRY, 3, "CANCELED"))
    assert scenario.one(PositionClosed).reason is ExitReason.STOP
    assert scenario.reactions


def test_an_exit_between_two_parts_of_an_entry_is_booked_at_what_it_had_cost() -> None:
    scenario = requested().when(
        fill(ENTRY, "100", "1", complete=False), fill(STOP, "110", "1", trade="s"), fill(ENTRY, "120", "1", trade="u")
    )
    booked = [event.realised for event in scenario.events if isinstance(event, OrderFilled)]
    exit_id = next(order.order_id for order in scenario.state.deal.orders if order.role is Role.EXIT)
    scenario.when(fill(exit_id, "115", "1"))
    booked += [event.realised for event in scenario.events if isinstance(event, OrderFilled)]
    assert booked == [Decimal(0), Decimal(10), Decimal(0), Decimal(-5)]
    assert scenario.one(PositionClosed).gross == sum(booked)
