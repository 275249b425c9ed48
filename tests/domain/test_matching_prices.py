"""Prices at the in-process exchange: triggers, liquidation, funding."""

from __future__ import annotations

from decimal import Decimal

import pytest
from desk_steps import (
    BTC,
    BUY,
    FLAT,
    FREE,
    KEY,
    OTHER,
    REAL,
    SELL,
    STOP,
    TARGET,
    closing,
    held,
    move,
    order,
    place,
    protected,
)

from domain import matching
from domain.desk import Desk
from domain.holding import hold
from domain.values import ZERO, Side
from domain.venue import (
    VenueCanceled,
    VenueFilled,
    VenueFunded,
    VenueLiquidated,
)

# ── triggers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crossed_stop_fills_at_its_trigger_and_cancels_the_target() -> None:
    desk, answers = move(protected(), 10_000, 9_600)
    assert answers == (
        VenueFilled(f"{KEY}@4", 1_500, f"{KEY}@4#1", Decimal(9_800), Decimal(1), ZERO),
        VenueCanceled(f"{KEY}@5", 1_500, "POSITION_CLOSED"),
    )
    assert (desk.wallet, desk.slots) == (Decimal(9_800), {})


def test_a_gap_over_a_stop_fills_at_the_open_and_slips() -> None:
    _, (filled, _) = move(protected(), 9_700, 9_900, REAL)
    assert isinstance(filled, VenueFilled)
    assert (filled.order_id, filled.price) == (f"{KEY}@4", Decimal("9698.0"))


def test_a_short_s_target_fills_when_the_price_falls() -> None:
    desk, answers = move(protected(Side.SHORT, stop=10_200, target=9_800), 10_000, 9_600)
    assert isinstance(answers[0], VenueFilled)
    assert (answers[0].order_id, desk.wallet) == (f"{KEY}@5", 10_200)


def test_a_price_that_reaches_no_trigger_does_nothing() -> None:
    assert move(protected(), 10_199, 9_801) == (protected(), ())


def test_a_conditional_order_can_open_a_position() -> None:
    desk, (filled,) = move(place(FLAT, order(2, SELL, STOP, trigger=Decimal(9_900))), 10_000, 9_800)
    holding = desk.slots[KEY].holding
    assert isinstance(filled, VenueFilled)
    assert holding is not None
    assert (holding.side, holding.entry_price) == (Side.SHORT, Decimal(9_900))


def test_an_order_that_opens_outlives_the_position() -> None:
    desk = place(protected(), order(6, BUY, STOP, trigger=Decimal(11_000)))
    desk, _ = move(desk, 10_000, 9_600)
    assert [working.order.order_id for working in desk.slots[KEY].working] == [f"{KEY}@6"]


def test_a_stop_that_finds_the_position_turned_is_canceled() -> None:
    desk, _ = move(place(protected(), order(9, SELL, quantity="3")), 10_000, 10_000)
    desk, answers = move(desk, 10_000, 9_600)
    assert answers == (VenueCanceled(f"{KEY}@4", 1_500, "NOTHING_TO_REDUCE"),)


def test_a_quote_fills_market_orders_at_the_other_side_of_the_book() -> None:
    desk = place(Desk("virtual", None), order(2, BUY), order(2, SELL, key=OTHER))
    _, (bought,) = matching.quote(desk, KEY, FREE, Decimal(10_000), Decimal(9_999), Decimal(10_001), 7)
    _, (sold,) = matching.quote(desk, OTHER, FREE, Decimal(10_000), Decimal(9_999), Decimal(10_001), 7)
    assert isinstance(bought, VenueFilled)
    assert isinstance(sold, VenueFilled)
    assert (bought.price, bought.time_ms, sold.price) == (10_001, 7, 9_999)


def test_a_quote_is_not_seen_by_an_order_that_came_at_the_same_time() -> None:
    desk = place(FLAT, order(2, BUY), at_ms=7)
    assert matching.quote(desk, KEY, FREE, Decimal(10_000), Decimal(9_999), Decimal(10_001), 7) == (desk, ())


def test_triggers_look_at_the_mark_price_and_fills_at_the_book() -> None:
    quiet = matching.quote(protected(), KEY, FREE, mark=Decimal(9_801), bid=Decimal(9_700), ask=Decimal(9_702), at_ms=7)
    assert quiet == (protected(), ())
    _, (filled, _) = matching.quote(
        protected(), KEY, FREE, mark=Decimal(9_799), bid=Decimal(9_810), ask=Decimal(9_811), at_ms=7
    )
    assert isinstance(filled, VenueFilled)
    assert filled.price == 9_810


# ── liquidation, funding ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_without_a_stop_is_liquidated_on_the_way_down() -> None:
    desk, (answer,) = move(held(), 10_000, 8_000, REAL)
    assert isinstance(answer, VenueLiquidated)
    assert (answer.position, answer.quantity, answer.price) == (KEY, 1, Decimal("9034.3"))
    assert answer.fee == Decimal("34.3")  # not 49.7: the margin has no more
    assert (desk.wallet, desk.slots) == (9_000, {})


def test_a_stop_before_the_liquidation_price_saves_the_margin() -> None:
    _, (answer, _) = move(protected(), 10_000, 8_000)
    assert isinstance(answer, VenueFilled)
    _, (answer, _) = matching.quote(protected(), KEY, FREE, Decimal(8_000), Decimal(8_000), Decimal(8_000), 7)
    assert isinstance(answer, VenueFilled)


def test_a_stop_behind_the_liquidation_price_comes_too_late() -> None:
    _, answers = move(protected(stop=9_000), 10_000, 8_000)
    assert isinstance(answers[0], VenueLiquidated)
    assert [answer.order_id for answer in answers[1:] if isinstance(answer, VenueCanceled)] == [
        f"{KEY}@4",
        f"{KEY}@5",
    ]


@pytest.mark.parametrize(("side", "gap", "bankruptcy"), [(Side.LONG, 5_000, 9_000), (Side.SHORT, 15_000, 11_000)])
def test_a_gap_beyond_bankruptcy_is_paid_by_the_insurance_fund(side: Side, gap: int, bankruptcy: int) -> None:
    desk, (answer,) = move(held(side), gap, gap, REAL)
    assert isinstance(answer, VenueLiquidated)
    assert (answer.price, answer.fee, desk.wallet) == (bankruptcy, 0, 9_000)


def test_funding_is_paid_on_the_mark_value_once() -> None:
    desk, answers = matching.fund(held(), KEY, Decimal("0.0001"), Decimal(12_000), 8)
    assert answers == (VenueFunded(KEY, 8, Decimal("0.0001"), Decimal(12_000), Decimal("-1.2")),)
    assert (desk.wallet, desk.available) == (Decimal("9998.8"), 9_000)
    assert matching.fund(desk, KEY, Decimal("0.0001"), Decimal(12_000), 8) == (desk, ())


def test_funding_from_before_the_entry_is_not_paid() -> None:
    desk, _ = move(place(FLAT, order(2, BUY)), 10_000, 10_000)
    assert matching.fund(desk, KEY, Decimal("0.0001"), Decimal(12_000), 1_000) == (desk, ())


def test_an_entry_on_its_way_pays_no_funding() -> None:
    desk = place(FLAT, order(2, BUY))
    assert matching.fund(desk, KEY, Decimal("0.0001"), Decimal(12_000), 8) == (desk, ())


def test_a_restored_desk_goes_on_where_the_old_one_stopped() -> None:
    holding = hold(BTC, Side.LONG, Decimal(1), Decimal(10_000), 10, settled_ms=0)
    orders = [closing(4, SELL, STOP, 9_800), closing(5, SELL, TARGET, 10_200)]
    assert matching.restored("main", Decimal(10_000), {KEY: holding}, orders) == protected()
