"""One position from request to end: every arrow of the diagram in `domain/position.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import position
from domain.base import Issued, Tell, Timer
from domain.commands import (
    AttachPosition,
    BookFill,
    ClosePosition,
    DetachPosition,
    FollowVirtually,
    ObservePrice,
    OpenPosition,
    ReleasePosition,
    RetryExit,
)
from domain.deal import VIRTUAL, ExitReason
from domain.orders import OrderFilled, OrderRequested, Role
from domain.position import Closed, Entering, Exiting, Flat, Open
from domain.position_events import (
    ExitRequested,
    PositionAbandoned,
    PositionClosed,
    PositionOpened,
)
from domain.strategies import Proposal
from domain.values import Side
from domain.venue import (
    CancelOrder,
    PlaceOrder,
    VenueAccepted,
    VenueCanceled,
    VenueFilled,
    VenueLiquidated,
    VenueRejected,
)
from tests.domain.scenario import Scenario, plan

STREAM = "position:main/BTCUSDT-1"
ENTRY, STOP, TARGET = f"{STREAM}@2", f"{STREAM}@5", f"{STREAM}@6"


def fill(order_id: str, price: str, quantity: str = "2", *, trade: str = "t", time_ms: int = 1_000, **more: Any):
    return VenueFilled(
        order_id, time_ms, f"{order_id}/{trade}", Decimal(price), Decimal(quantity), Decimal("0.1"), **more
    )


def requested(side: Side = Side.LONG, **changes: Any) -> Scenario:
    return Scenario(position.DECIDER, STREAM).when(OpenPosition(plan(side, **changes)))


def opened(side: Side = Side.LONG) -> Scenario:
    return requested(side).when(fill(ENTRY, "100"))


def protected(side: Side = Side.LONG) -> Scenario:
    return opened(side).when(VenueAccepted(STOP, 1), VenueAccepted(TARGET, 1))


def test_a_request_places_a_market_entry_whose_id_is_its_own_event() -> None:
    scenario = requested()
    assert scenario.kinds() == ["PositionRequested", "OrderRequested"]
    assert scenario.one(OrderRequested).order_id == ENTRY
    attach, place = scenario.reactions
    assert attach == Tell("symbol:BTCUSDT", AttachPosition(STREAM, plan()))
    assert isinstance(place, PlaceOrder)
    assert place.order_id == ENTRY
    assert isinstance(scenario.state, Entering)


def test_the_first_fill_opens_the_position_and_asks_for_stop_and_target() -> None:
    scenario = opened()
    assert scenario.kinds() == ["OrderFilled", "PositionOpened", "OrderRequested", "OrderRequested"]
    stop, target = [event for event in scenario.events if isinstance(event, OrderRequested)]
    assert (stop.order_id, stop.role, stop.trigger) == (STOP, Role.STOP, Decimal(95))
    assert (target.order_id, target.role, target.trigger) == (TARGET, Role.TARGET, Decimal(110))
    placed = [reaction for reaction in scenario.reactions if isinstance(reaction, PlaceOrder)]
    assert [order.close_position for order in placed] == [True, True]
    assert isinstance(scenario.state, Open)


def test_a_partial_entry_is_protected_at_once_and_gets_its_target_when_complete() -> None:
    scenario = requested().when(fill(ENTRY, "100", "0.5", complete=False))
    assert scenario.kinds() == ["OrderFilled", "PositionOpened", "OrderRequested"]
    scenario.when(fill(ENTRY, "102", "1.5", trade="u"))
    assert scenario.kinds() == ["OrderFilled", "OrderRequested"]
    assert scenario.one(OrderRequested).role is Role.TARGET
    assert scenario.state.deal.entry_price == Decimal("101.5")


def test_the_slippage_of_an_entry_is_positive_against_us_on_both_sides() -> None:
    assert requested(Side.LONG).when(fill(ENTRY, "101")).one(PositionOpened).slippage == Decimal("0.01")
    assert requested(Side.SHORT).when(fill(ENTRY, "99")).one(PositionOpened).slippage == Decimal("0.01")


def test_closing_a_long_above_entry_realises_a_profit() -> None:
    scenario = protected().when(fill(TARGET, "110", time_ms=61_000))
    closed = scenario.one(PositionClosed)
    assert closed.reason is ExitReason.TARGET
    assert closed.gross == Decimal(20)
    assert closed.fees == Decimal("0.2")
    assert closed.net == Decimal("19.8")
    assert closed.held_ms == 60_000


def test_closing_a_short_above_entry_realises_a_loss() -> None:
    closed = protected(Side.SHORT).when(fill(STOP, "105")).one(PositionClosed)
    assert closed.reason is ExitReason.STOP
    assert closed.gross == Decimal(-10)


def test_a_filled_stop_takes_the_target_back_and_the_stream_is_over_when_the_venue_agrees() -> None:
    scenario = protected().when(fill(STOP, "95"))
    assert scenario.kinds() == ["OrderFilled", "PositionClosed", "OrderCancelRequested"]
    assert CancelOrder("main", TARGET, "BTCUSDT") in scenario.reactions
    assert isinstance(scenario.state, Closed)
    assert not position.DECIDER.finished(scenario.state)
    scenario.when(VenueCanceled(TARGET, 2, "asked"))
    assert position.DECIDER.finished(scenario.state)


def test_an_end_frees_the_margin_and_tells_the_symbol() -> None:
    reactions = protected().when(fill(STOP, "95")).reactions
    assert Tell("account:main", ReleasePosition(STREAM)) in reactions
    assert Tell("symbol:BTCUSDT", DetachPosition(STREAM)) in reactions
    assert Tell("account:main", BookFill(STREAM, STOP, Decimal("0.1"), Decimal(-10))) in reactions


def test_a_virtual_position_books_with_no_account() -> None:
    scenario = requested(account="virtual").when(fill(ENTRY, "100"), fill(STOP, "95"))
    assert not any(isinstance(r, Tell) and r.stream.startswith("account:") for r in scenario.reactions)


@pytest.mark.parametrize("role", [STOP, TARGET])
def test_a_position_whose_protection_is_refused_is_closed_at_once(role: str) -> None:
    scenario = opened().when(VenueRejected(role, 2, "-2021", "Order would immediately trigger."))
    assert scenario.kinds() == ["OrderRejected", "ExitRequested", "OrderRequested"]
    order = scenario.one(OrderRequested)
    assert (order.role, order.quantity) == (Role.EXIT, Decimal(2))
    assert order.order_id == f"{STREAM}@{scenario.state.deal.version}"
    assert scenario.state.reason is ExitReason.UNPROTECTED


def test_a_refused_entry_ends_the_position_without_a_trade() -> None:
    scenario = requested().when(VenueRejected(ENTRY, 2, "-2019", "Margin is insufficient."))
    assert scenario.one(PositionAbandoned).reason == "-2019"
    assert position.DECIDER.finished(scenario.state)


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (VenueRejected(ENTRY, 2, "-2019", "Margin is insufficient."), "-2019"),
        (VenueCanceled(ENTRY, 2, "MARGIN_INSUFFICIENT"), "MARGIN_INSUFFICIENT"),
    ],
)
def test_a_signal_whose_entry_came_to_nothing_is_followed_virtually_once(end: Any, why: str) -> None:
    scenario = requested().when(end, end)
    followed = [told for told in scenario.reactions if isinstance(told, Tell) and told.stream == "symbol:BTCUSDT"]
    proposed = Proposal(Side.LONG, 100.0, 95.0, 110.0, 0.7, 0.4)
    assert followed == [
        Tell("symbol:BTCUSDT", DetachPosition(STREAM)),
        Tell("symbol:BTCUSDT", FollowVirtually("symbol:BTCUSDT@7", 1, proposed, why)),
    ]


def test_an_entry_that_is_outdated_is_not_followed_virtually_either() -> None:
    scenario = requested().when(VenueRejected(ENTRY, 2, "ENTRY_OUTDATED", "asked for before an interruption"))
    assert scenario.one(PositionAbandoned).reason == "ENTRY_OUTDATED"
    assert not [told for told in scenario.reactions if isinstance(told, Tell) and type(told.message) is FollowVirtually]


def test_a_virtual_position_that_came_to_nothing_is_not_followed_by_another() -> None:
    scenario = requested(account=VIRTUAL).when(VenueRejected(ENTRY, 2, "-1121", "Invalid symbol."))
    assert [type(told.message) for told in scenario.reactions if isinstance(told, Tell)] == [DetachPosition]


def test_a_refused_cancellation_of_the_entry_waits_for_the_fill_that_beat_it() -> None:
    scenario = requested().when(ClosePosition(ExitReason.OPERATOR), VenueRejected(ENTRY, 2, "-2011", "Unknown order."))
    assert isinstance(scenario.state, Entering)
    assert isinstance(scenario.when(fill(ENTRY, "100")).state, Exiting), "the wish to leave is not forgotten"


def test_the_time_stop_is_armed_at_the_entry_and_closes_at_the_market() -> None:
    scenario = opened()
    (timer,) = [reaction for reaction in scenario.reactions if isinstance(reaction, Timer)]
    assert timer == Timer("time-stop", 7_201_000, ClosePosition(ExitReason.TIME_STOP))
    scenario.when(timer.command)
    assert scenario.kinds() == ["ExitRequested", "OrderRequested"]
    exit_order = scenario.one(OrderRequested).order_id
    closed = scenario.when(fill(exit_order, "101", time_ms=7_202_000)).one(PositionClosed)
    assert closed.reason is ExitReason.TIME_STOP


def test_a_refused_exit_is_asked_for_again_after_a_pause() -> None:
    scenario = protected().when(ClosePosition(ExitReason.OPERATOR))
    order = scenario.one(OrderRequested).order_id
    scenario.when(VenueRejected(order, 9_000, "-1001", "Internal error."))
    assert scenario.reactions == [Timer("retry-exit", 14_000, RetryExit())]
    assert scenario.when(RetryExit()).one(OrderRequested).role is Role.EXIT
    assert scenario.when(RetryExit()).events == []


def test_a_stop_that_is_filled_while_an_exit_is_on_its_way_closes_as_a_stop() -> None:
    scenario = protected().when(ClosePosition(ExitReason.OPERATOR), fill(STOP, "95"))
    assert scenario.one(PositionClosed).reason is ExitReason.STOP


def test_a_liquidation_closes_the_position_and_takes_its_orders_back() -> None:
    liquidation = VenueLiquidated(STREAM, 5_000, Decimal(81), Decimal(2), Decimal("0.9"))
    scenario = protected().when(liquidation)
    closed = scenario.one(PositionClosed)
    assert (closed.reason, closed.gross, closed.fees) == (ExitReason.LIQUIDATION, Decimal(-38), Decimal("1.0"))
    assert scenario.kinds().count("OrderCancelRequested") == 2


def test_a_part_that_somebody_else_closed_leaves_the_rest_open() -> None:
    part = VenueLiquidated(STREAM, 5_000, Decimal(104), Decimal("0.5"), Decimal(0), "BTCUSDT:7", "EXTERNAL")
    scenario = protected().when(part)
    assert scenario.kinds() == ["OrderFilled"]
    assert scenario.when(part).events == [], "the same trade again"
    rest = VenueLiquidated(STREAM, 6_000, Decimal(104), Decimal("1.5"), Decimal(0), "BTCUSDT:8", "EXTERNAL")
    assert scenario.when(rest).one(PositionClosed).reason is ExitReason.EXTERNAL


def test_protection_that_somebody_else_took_away_closes_the_position() -> None:
    scenario = protected().when(VenueCanceled(STOP, 9_000, "CANCELED"))
    assert scenario.one(ExitRequested).reason is ExitReason.UNPROTECTED
    assert scenario.one(OrderRequested).role is Role.EXIT


def test_excursions_are_measured_from_the_entry_towards_the_side() -> None:
    long = opened().when(ObservePrice(108.0, 97.0), fill(TARGET, "110")).one(PositionClosed)
    short = opened(Side.SHORT).when(ObservePrice(108.0, 97.0), fill(TARGET, "90")).one(PositionClosed)
    assert (long.favourable_excursion, long.adverse_excursion) == (Decimal("0.08"), Decimal("0.03"))
    assert (short.favourable_excursion, short.adverse_excursion) == (Decimal("0.03"), Decimal("0.08"))


def test_a_price_inside_the_known_range_is_no_event() -> None:
    assert opened().when(ObservePrice(101.0, 99.0), ObservePrice(100.5, 99.5)).kinds() == ["PriceExtremeReached"]


@pytest.mark.parametrize(
    "answer",
    [fill(ENTRY, "100"), VenueAccepted(STOP, 1), VenueCanceled("unknown@1", 1, "x"), VenueRejected("u@1", 1, "", "")],
)
def test_a_repeated_or_foreign_answer_changes_nothing(answer: Any) -> None:
    scenario = protected()
    before = scenario.state
    assert scenario.when(answer).events == []
    assert scenario.state == before


def test_a_restore_asks_again_for_what_was_not_answered_and_arms_the_time_stop() -> None:
    waiting = position.DECIDER.resume(opened().state)
    assert [item.event_id for item in waiting if isinstance(item, Issued)] == [STOP, TARGET]
    assert [item.name for item in waiting if isinstance(item, Timer)] == ["time-stop"]
    answered = position.DECIDER.resume(protected().state)
    assert not any(isinstance(item, Issued) for item in answered)


def test_a_restore_asks_again_for_a_cancellation_under_its_own_event() -> None:
    scenario = protected().when(fill(STOP, "95"))
    (again,) = position.DECIDER.resume(scenario.state)
    assert again == Issued(f"{STREAM}@{scenario.state.deal.version}", CancelOrder("main", TARGET, "BTCUSDT"))


def test_a_flat_position_knows_only_how_to_open() -> None:
    scenario = Scenario(position.DECIDER, STREAM).when(RetryExit(), fill(ENTRY, "1"), ObservePrice(1.0, 1.0))
    assert (scenario.state, scenario.events) == (Flat(STREAM), [])


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────────────

PRICES = st.decimals("50", "150", places=2)


@st.composite
def answers(draw: st.DrawFn) -> list[Any]:
    """Whatever a venue, a clock and an operator may send, in any order, with repeats."""
    order_ids = st.sampled_from([f"{STREAM}@{version}" for version in range(2, 14)])
    quantity = st.sampled_from(["0.5", "1", "2"])
    one = st.one_of(
        st.builds(VenueAccepted, order_ids, st.just(1)),
        st.builds(VenueRejected, order_ids, st.just(1), st.just("-1"), st.just("no")),
        st.builds(VenueCanceled, order_ids, st.just(1), st.just("gone")),
        st.builds(
            lambda o, p, q, t, c: fill(o, str(p), q, trade=t, complete=c), order_ids, PRICES, quantity,
            st.sampled_from("abc"), st.booleans(),
        ),
        st.builds(ClosePosition, st.sampled_from(ExitReason)),
        st.just(RetryExit()),
        st.builds(lambda p: ObservePrice(float(p), float(p)), PRICES),
        st.just(OpenPosition(plan())),
    )  # fmt: skip
    return draw(st.lists(one, max_size=25))


@settings(max_examples=300)
@given(answers())
def test_the_state_is_the_fold_of_the_events_also_after_encoding(commands: list[Any]) -> None:
    scenario = Scenario(position.DECIDER, STREAM)
    history = []
    for command in [OpenPosition(plan()), *commands]:
        history.extend(scenario.when(command).events)
    assert scenario.refolded(history, STREAM) == scenario.state
    assert position.DECIDER.thaw(position.DECIDER.freeze(scenario.state)) == scenario.state
    assert isinstance(scenario.state, Entering | Open | Exiting | Closed)
    assert scenario.state.deal.version == len(history)
    assert [event.order_id for event in history if isinstance(event, OrderRequested)] == [
        f"{STREAM}@{version}" for version, event in enumerate(history, 1) if isinstance(event, OrderRequested)
    ]


@given(PRICES, PRICES)
def test_a_short_is_the_mirror_of_a_long(entry: Decimal, leave: Decimal) -> None:
    mirror = Decimal(200)
    long = requested().when(fill(ENTRY, str(entry)), fill(STOP, str(leave)))
    short = requested(Side.SHORT).when(fill(ENTRY, str(mirror - entry)), fill(STOP, str(mirror - leave)))
    assert long.one(PositionClosed).net == short.one(PositionClosed).net


@given(st.lists(st.tuples(st.sampled_from(["0.5", "1"]), PRICES), min_size=2, max_size=4), PRICES)
def test_fills_add_up_to_the_closed_result(parts: list[tuple[str, Decimal]], leave: Decimal) -> None:
    scenario = requested()
    history = []
    for number, (quantity, price) in enumerate(parts):
        last = number == len(parts) - 1
        scenario.when(fill(ENTRY, str(price), quantity, trade=str(number), complete=last))
        history += scenario.events
    entered = sum(Decimal(quantity) for quantity, _ in parts)
    history += scenario.when(fill(STOP, str(leave), str(entered))).events
    closed = scenario.one(PositionClosed)
    booked = sum(event.realised - event.fee for event in history if isinstance(event, OrderFilled))
    assert abs(closed.net - booked) < Decimal("0.00000002")


@pytest.mark.parametrize("price", [100.7, 100.9, 99.1, 99.3])
def test_an_extreme_is_told_once_although_a_float_is_never_quite_its_quote(price: float) -> None:
    assert opened().when(ObservePrice(price, price)).kinds() == ["PriceExtremeReached"]
    again = opened().when(ObservePrice(price, price)).when(ObservePrice(price, price))
    assert again.kinds() == []
