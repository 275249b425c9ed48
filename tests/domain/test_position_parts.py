"""A position whose entry or exit comes in parts, or is crossed by another wish: nothing is held without an owner."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.base import Command, Timer
from domain.commands import ClosePosition, RetryExit
from domain.deal import ExitReason
from domain.orders import OrderFilled, Role
from domain.position import Closed, Exiting, Open
from domain.position_events import ExitRequested, PositionClosed
from domain.venue import CancelOrder, PlaceOrder, VenueCanceled, VenueRejected
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


class Exchange:
    """A venue that fills in parts and keeps nothing back: what it holds must be what the position says, to the end."""

    def __init__(self) -> None:
        self.scenario = requested()
        self.held = Decimal(0)
        self.left = {ENTRY: Decimal(2)}
        self.trades = 0
        self.timer: Command | None = None

    def cancel(self, order_id: str) -> None:
        """Take a resting order back; an entry at the market is too fast for that."""
        if order_id != ENTRY and order_id in self.left:
            del self.left[order_id]
            self.tell(VenueCanceled(order_id, 5, "CANCELED"))
        else:
            self.tell(VenueRejected(order_id, 5, "-2011", "Unknown order sent."))

    def retry(self) -> None:
        """Let the timer fire, if one is armed."""
        if self.timer is not None:
            command, self.timer = self.timer, None
            self.tell(command)

    def tell(self, *messages: Any) -> None:
        for message in messages:
            for reaction in self.scenario.when(message).reactions:
                if isinstance(reaction, PlaceOrder):
                    self.left[reaction.order_id] = reaction.quantity
                elif isinstance(reaction, CancelOrder):
                    self.cancel(reaction.order_id)
                elif isinstance(reaction, Timer) and reaction.name == "retry-exit":
                    self.timer = reaction.command

    def roles(self) -> dict[Role, str]:
        deal = self.scenario.state.deal
        return {order.role: order.order_id for order in deal.orders if order.order_id in self.left}

    def fill(self, role: Role, part: Decimal) -> None:
        order_id = self.roles().get(role)
        if order_id is None:
            return
        wanted = self.left[order_id] if role in {Role.ENTRY, Role.EXIT} else self.held
        whole = min(wanted, self.held) if role is not Role.ENTRY else wanted
        quantity = min(part, whole)
        if not quantity:
            return
        self.held += quantity if role is Role.ENTRY else -quantity
        self.left[order_id] -= quantity
        complete = quantity == whole
        if complete:
            del self.left[order_id]
        self.trades += 1
        self.tell(fill(order_id, "100", str(quantity), trade=str(self.trades), complete=complete))

    def expire(self, role: Role) -> None:
        order_id = self.roles().get(role)
        if order_id is not None:
            del self.left[order_id]
            self.tell(VenueCanceled(order_id, 9, "EXPIRED"))


STEPS = st.lists(
    st.tuples(st.sampled_from(["fill", "expire"]), st.sampled_from(Role), st.sampled_from([Decimal("0.5"), Decimal(2)]))
    | st.just(("leave", Role.EXIT, Decimal(0)))
    | st.just(("retry", Role.EXIT, Decimal(0))),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_nothing_is_ever_held_without_an_owner(steps: list[tuple[str, Role, Decimal]]) -> None:
    venue = Exchange()
    ends: list[tuple[str, Role, Decimal]] = [("fill", Role.ENTRY, Decimal(2)), ("leave", Role.EXIT, Decimal(0))]
    ends += 3 * [("retry", Role.EXIT, Decimal(0)), ("fill", Role.EXIT, Decimal(2))]
    for what, role, part in [*steps, *ends]:
        if what == "fill":
            venue.fill(role, part)
        elif what == "expire":
            venue.expire(role)
        elif what == "retry":
            venue.retry()
        else:
            venue.tell(ClosePosition(ExitReason.OPERATOR))
        state = venue.scenario.state
        assert state.deal.quantity == venue.held
        assert not (isinstance(state, Closed) and venue.held)
    assert isinstance(venue.scenario.state, Closed)
