"""Orders at the in-process exchange: given a desk, when an order comes, then these answers."""

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
from domain.instrument import Instrument
from domain.terms import Terms
from domain.values import ZERO, Side
from domain.venue import (
    CancelOrder,
    PlaceOrder,
    VenueAccepted,
    VenueCanceled,
    VenueFilled,
    VenueRejected,
)


def rejection(desk: Desk, wish: PlaceOrder, price: int | None = None, terms: Terms | None = FREE) -> str:
    after, (answer,) = matching.place(desk, wish, terms, None if price is None else Decimal(price), 5)
    assert isinstance(answer, VenueRejected)
    assert (answer.order_id, answer.time_ms) == (wish.order_id, 5)
    assert after.slots == desk.slots
    return answer.code


# ── entering ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_market_order_waits_for_the_next_price() -> None:
    desk = place(Desk("main", Decimal(10_000)), order(2, BUY), price=9_000)
    assert desk.slots[KEY].holding is None
    desk, answers = move(desk, 10_000, 10_010)
    assert answers == (VenueFilled(f"{KEY}@2", 1_000, f"{KEY}@2#1", Decimal(10_000), Decimal(1), ZERO),)
    assert desk.slots[KEY].holding == hold(BTC, Side.LONG, Decimal(1), Decimal(10_000), 10, 1_000)


def test_slippage_and_fee_are_against_us_on_both_sides() -> None:
    _, (bought,) = move(place(Desk("main", Decimal(10_000)), order(2, BUY)), 10_000, 10_000, REAL)
    _, (sold,) = move(place(Desk("main", Decimal(10_000)), order(2, SELL)), 10_000, 10_000, REAL)
    assert isinstance(bought, VenueFilled)
    assert isinstance(sold, VenueFilled)
    assert (bought.price, bought.fee) == (Decimal(10_002), Decimal("5.001"))
    assert (sold.price, sold.fee) == (Decimal(9_998), Decimal("4.999"))


def test_closing_a_long_above_entry_realises_a_profit() -> None:
    desk = place(held(), order(9, SELL, reduce_only=True))
    desk, (filled,) = move(desk, 10_500, 10_500, REAL)
    assert isinstance(filled, VenueFilled)
    assert desk.wallet == 10_000 + (filled.price - 10_000) - filled.fee
    assert desk.slots == {}


def test_a_reduce_only_order_fills_no_more_than_is_held() -> None:
    _, (filled,) = move(place(held(), order(9, SELL, quantity="3", reduce_only=True)), 10_500, 10_500)
    assert isinstance(filled, VenueFilled)
    assert filled.quantity == 1
    assert filled.complete


def test_a_part_can_be_closed() -> None:
    desk, _ = move(place(held(), order(9, SELL, quantity="0.4", reduce_only=True)), 10_100, 10_100)
    holding = desk.slots[KEY].holding
    assert holding is not None
    assert (holding.quantity, holding.margin, desk.wallet) == (Decimal("0.6"), Decimal(600), Decimal(10_040))


def test_an_opposite_order_that_is_larger_turns_the_position() -> None:
    desk, answers = move(place(held(), order(9, SELL, quantity="3")), 10_100, 10_100)
    holding = desk.slots[KEY].holding
    assert len(answers) == 1
    assert holding is not None
    assert (holding.side, holding.quantity, holding.entry_price, desk.wallet) == (Side.SHORT, 2, 10_100, 10_100)


def test_a_same_side_order_averages_the_entry() -> None:
    desk, _ = move(place(held(), order(9, BUY)), 11_000, 11_000)
    holding = desk.slots[KEY].holding
    assert holding is not None
    assert (holding.quantity, holding.entry_price) == (2, 10_500)


def test_positions_of_two_streams_on_one_symbol_do_not_net() -> None:
    desk = place(Desk("virtual", None), order(2, BUY), order(2, SELL, key=OTHER))
    desk, _ = move(desk, 10_000, 10_000)
    desk, _ = move(desk, 10_000, 10_000, key=OTHER)
    sides = {key: slot.holding and slot.holding.side for key, slot in desk.slots.items()}
    assert sides == {KEY: Side.LONG, OTHER: Side.SHORT}
    assert desk.wallet is None


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "wish"),
    [
        ("-1111", order(2, BUY, quantity="0.0015")),
        ("-1111", order(2, BUY, STOP, trigger=Decimal("10000.05"))),
        ("-1102", order(2, BUY, STOP)),
        ("-2022", order(2, SELL, reduce_only=True)),
        ("-2022", closing(2, SELL, STOP, 9_000)),
        ("-4003", order(2, BUY, quantity="0")),
        ("-4028", order(2, BUY, leverage=21)),
        ("-4028", order(2, BUY, leverage=0)),
        ("-4164", order(2, BUY, quantity="0.004")),
        ("-4164", order(2, BUY, STOP, quantity="0.004", trigger=Decimal(11_000))),
        ("-2021", order(2, BUY, STOP, trigger=Decimal(10_000))),
        ("-2021", order(2, SELL, TARGET, trigger=Decimal(10_000))),
        ("-2019", order(2, BUY, quantity="10.001")),
    ],
)
def test_an_order_that_breaks_a_rule_is_rejected_with_binance_s_code(code: str, wish: PlaceOrder) -> None:
    assert rejection(FLAT, wish, price=10_000) == code


def test_an_order_below_the_smallest_quantity_is_rejected() -> None:
    coarse = Terms(Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.01")), FREE.rates)
    assert rejection(FLAT, order(2, BUY, quantity="0.009"), terms=coarse) == "-4004"


def test_a_symbol_without_an_instrument_is_unknown() -> None:
    assert rejection(FLAT, order(2, BUY), terms=None) == "-1121"


def test_a_reduce_only_order_on_the_position_s_own_side_is_rejected() -> None:
    assert rejection(held(), order(9, BUY, reduce_only=True)) == "-2022"


def test_a_reduce_only_order_may_be_smaller_than_the_smallest_notional() -> None:
    place(held(), order(9, SELL, quantity="0.001", reduce_only=True), price=10_000)


def test_a_stop_behind_the_market_is_rejected_only_where_the_price_is_known() -> None:
    assert rejection(held(), closing(9, SELL, STOP, 10_100), price=10_000) == "-2021"
    place(held(), closing(9, SELL, STOP, 10_100), price=None)


def test_margins_of_positions_and_of_entries_on_their_way_are_not_available() -> None:
    desk = place(held(wallet=Decimal(2_500)), order(2, BUY, key=OTHER), price=10_000)
    assert desk.available == 500
    assert rejection(desk, order(3, BUY, key=OTHER), price=10_000) == "-2019"


def test_an_entry_may_use_the_margin_that_is_kept_free_for_it() -> None:
    desk = place(FLAT, order(2, BUY, quantity="6"), price=10_000)
    assert desk.available == 4_000
    desk, (filled,) = move(desk, 10_000, 10_000)
    assert isinstance(filled, VenueFilled)
    assert desk.available == 4_000


def test_a_conditional_entry_needs_no_margin_before_its_trigger() -> None:
    desk = place(Desk("main", ZERO), order(2, BUY, STOP, trigger=Decimal(11_000)), price=10_000)
    desk, answers = move(desk, 10_000, 12_000)
    assert answers == (VenueCanceled(f"{KEY}@2", 1_500, "MARGIN_INSUFFICIENT"),)
    assert desk.slots == {}


def test_a_desk_without_a_wallet_never_lacks_margin() -> None:
    desk, (filled,) = move(place(Desk("virtual", None), order(2, BUY, quantity="1000"), price=10_000), 10_000, 10_000)
    assert isinstance(filled, VenueFilled)
    assert desk.available is None


# ── cancel, repeat ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_order_can_be_taken_back_once() -> None:
    request = CancelOrder("main", f"{KEY}@4", "BTCUSDT")
    desk, answers = matching.cancel(protected(), request, 9)
    assert answers == (VenueCanceled(f"{KEY}@4", 9, "ASKED_FOR"),)
    desk, (answer,) = matching.cancel(desk, request, 10)
    assert isinstance(answer, VenueRejected)
    assert (answer.code, answer.text) == ("-2011", "Unknown order sent.")
    assert move(desk, 10_000, 9_700)[1] == ()


def test_canceling_an_entry_frees_its_margin() -> None:
    desk = place(FLAT, order(2, BUY), price=10_000)
    assert desk.available == 9_000
    desk, _ = matching.cancel(desk, CancelOrder("main", f"{KEY}@2", "BTCUSDT"), 1)
    assert (desk.available, desk.slots) == (10_000, {})


def test_a_repeated_order_is_answered_with_what_became_of_it() -> None:
    wish = order(2, BUY)
    waiting = place(FLAT, wish)
    assert matching.place(waiting, wish, FREE, None, 3) == (waiting, (VenueAccepted(wish.order_id, 3),))
    filled, answers = move(waiting, 10_000, 10_000)
    assert matching.place(filled, wish, FREE, None, 4) == (filled, answers)
    refused, answers = matching.place(FLAT, order(2, BUY, quantity="0"), FREE, None, 1)
    assert matching.place(refused, order(2, BUY, quantity="0"), FREE, None, 5) == (refused, answers)
    canceled, answers = matching.cancel(waiting, CancelOrder("main", wish.order_id, "BTCUSDT"), 1)
    assert matching.place(canceled, wish, FREE, None, 6) == (canceled, answers)
