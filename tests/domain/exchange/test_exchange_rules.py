"""What the exchange refuses, with the exact codes and texts of specs/binance.md §4."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_steps import BOTH, BTC, BUY, LONG, NOW, SELL, SHORT, Floor, d

from domain.exchange.orders import Kind, NewOrder


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.mark.parametrize(
    ("quantity", "price", "code", "text"),
    [
        (1, 0, -4001, "Price less than 0."),
        (1, "999.955", -1111, "Precision is over the maximum defined for this asset."),
        (1, "999.95", -4014, "Price not increased by tick size."),
        (1, 2_000_000, -4002, "Price greater than max price."),
        (1, "0.05", -4013, "Price less than min price."),
        (0, 999, -4003, "Quantity less than or equal to zero."),
        ("0.0005", 999, -1111, "Precision is over the maximum defined for this asset."),
        (1001, 999, -4005, "Quantity greater than max quantity."),
        ("0.004", 999, -4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
        (1, "1050.1", -4016, "Limit price can't be higher than 1050.00."),
    ],
)
def test_a_filter_refuses_a_limit_order(floor: Floor, quantity: Any, price: Any, code: int, text: str) -> None:
    assert floor.refused(floor.limit, BUY, quantity, price) == (code, text)
    assert floor.exchange.drain() == []


def test_the_percent_price_text_names_the_unrounded_bound() -> None:
    floor = Floor()
    floor.mark("0.18840")
    assert floor.refused(floor.limit, BUY, 100, "0.2") == (-4016, "Limit price can't be higher than 0.1978200.")
    assert floor.refused(floor.limit, SELL, 100, "0.1") == (-4024, "Limit price can't be lower than 0.1789800.")


def test_quantity_filters_differ_for_market_orders() -> None:
    floor = Floor(step=d("0.01"), market_step=d("0.1"), min_quantity=d("0.01"), quantity_precision=3)
    assert floor.refused(floor.limit, BUY, "0.015", 999) == (-4023, "Qty not increased by step size.")
    assert floor.limit(BUY, "0.02", 999).quantity == d("0.02")
    assert floor.refused(floor.market, BUY, "0.02")[0] == -4023
    assert floor.refused(floor.limit, BUY, "0.001", 999) == (-4004, "Quantity less than min quantity.")
    assert floor.refused(floor.market, BUY, "120.01")[0] == -4005


def test_a_market_order_counts_at_the_mark_price(floor: Floor) -> None:
    assert floor.refused(floor.market, BUY, "0.004")[0] == -4164
    assert floor.market(BUY, "0.005").executed == d("0.005")


def test_a_market_order_far_from_the_mark_is_refused(floor: Floor) -> None:
    floor.book([(900, 1)], [(1051, 1)])
    text = "The counterparty's best price does not meet the PERCENT_PRICE filter limit"
    assert floor.refused(floor.market, BUY, 1) == (-4131, text)
    assert floor.refused(floor.market, SELL, 1) == (-4131, text)


def test_reduce_only_orders_may_be_small() -> None:
    floor = Floor()
    floor.market(BUY, "0.005")
    assert floor.limit(SELL, "0.001", 1010, reduce_only=True).reduce_only


def test_unknown_symbols_and_accounts_are_refused(floor: Floor) -> None:
    assert floor.refused(floor.limit, BUY, 1, 999, symbol="XYZ") == (-1121, "Invalid symbol.")
    assert floor.refused(floor.limit, BUY, 1, 999, "nobody")[0] == -4109


@pytest.mark.parametrize(("status", "code"), [("SETTLING", -4140), ("PENDING_TRADING", -4140), ("CLOSE", -4141)])
def test_a_contract_out_of_trade_takes_no_orders(status: str, code: int) -> None:
    floor = Floor(status=status)
    assert floor.refused(floor.limit, BUY, 1, 999)[0] == code


def test_client_ids_are_unique_among_open_orders_only(floor: Floor) -> None:
    floor.limit(BUY, 1, 999, client_id="mine")
    assert floor.refused(floor.limit, BUY, 1, 999, client_id="mine") == (-4116, "ClientOrderId is duplicated.")
    floor.exchange.cancel("a", BTC, 0, "mine", NOW)
    again = floor.limit(BUY, 1, 999, client_id="mine")
    assert floor.exchange.account("a").find(BTC, 0, "mine") is again
    assert floor.limit(BUY, 1, 999, "b", client_id="mine").client_id == "mine"


@pytest.mark.parametrize("name", ["x" * 37, "a b", "ä"])
def test_client_ids_have_allowed_characters(floor: Floor, name: str) -> None:
    assert floor.refused(floor.limit, BUY, 1, 999, client_id=name) == (-4015, "Client order id is not valid.")


def test_open_orders_of_a_contract_are_limited_conditional_ones_included() -> None:
    floor = Floor(max_orders=3)
    floor.limit(BUY, "0.01", 999)
    floor.limit(BUY, "0.01", 999)
    floor.algo(Kind.STOP_MARKET, SELL, trigger=900, quantity=1)
    assert floor.refused(floor.limit, BUY, "0.01", 999) == (-2025, "Reach max open order limit.")
    assert floor.limit(BUY, "0.01", 999, symbol="ETHUSDT").order_id


def test_the_margin_must_carry_the_order_and_its_open_loss(floor: Floor) -> None:
    floor.exchange.set_leverage("a", BTC, 10, NOW)
    assert floor.refused(floor.limit, BUY, "100.001", 1000) == (-2019, "Margin is insufficient.")
    assert floor.refused(floor.limit, BUY, 98, 1010)[0] == -2019  # 98.98 a unit and 10 of open loss
    assert floor.limit(BUY, 100, 1000).quantity == 100
    assert floor.exchange.margin("a").available == 0


def test_orders_of_both_sides_share_one_margin_in_one_way_mode(floor: Floor) -> None:
    floor.limit(BUY, 100, 990)
    floor.limit(SELL, 50, 1010)
    assert floor.exchange.margin("a").order_initial == 100 * 990 / 20


def test_a_position_may_not_outgrow_the_bracket_of_its_leverage() -> None:
    floor = Floor(deposit=1_000_000)
    floor.exchange.set_leverage("a", BTC, 125, NOW)
    text = "Exceeded the maximum allowable position at current leverage."
    assert floor.refused(floor.limit, BUY, "50.001", 1000) == (-2027, text)
    floor.limit(BUY, 50, 1000)
    assert floor.refused(floor.limit, BUY, 1, 1000)[0] == -2027
    assert floor.limit(SELL, 49, 1001).quantity == 49


# ── reduce-only and position modes ────────────────────────────────────────────────────────────────────────────────


def test_reduce_only_needs_something_to_reduce(floor: Floor) -> None:
    assert floor.refused(floor.market, SELL, 1, reduce_only=True) == (-2022, "ReduceOnly Order is rejected.")
    floor.market(BUY, 1)
    assert floor.refused(floor.market, BUY, 1, reduce_only=True)[0] == -2022
    floor.limit(SELL, 1, 1010, reduce_only=True)
    assert floor.refused(floor.limit, SELL, 1, 1010, reduce_only=True)[0] == -2022


def test_a_reduce_only_order_is_cut_to_what_others_leave_to_reduce(floor: Floor) -> None:
    floor.market(BUY, "0.5")
    first = floor.limit(SELL, "0.2", 1010, reduce_only=True)
    second = floor.limit(SELL, 1, 1011, reduce_only=True)
    assert (first.quantity, second.quantity) == (d("0.2"), d("0.3"))
    assert floor.refused(floor.limit, SELL, "0.1", 1012, reduce_only=True) == (-2022, "ReduceOnly Order is rejected.")


def test_a_triggered_reduce_only_order_is_cut_to_the_position(floor: Floor) -> None:
    floor.market(BUY, "0.5")
    floor.algo(Kind.STOP_MARKET, SELL, quantity=2, trigger=990, reduce_only=True)
    floor.printed(990, "0.1", sold=True)
    closed = list(floor.exchange.account("a").orders.values())[-1]
    assert (closed.status, closed.quantity, closed.executed) == ("FILLED", d("0.5"), d("0.5"))


def test_a_reduce_only_order_never_flips_and_knocks_out_the_others(floor: Floor) -> None:
    floor.market(BUY, "0.5")
    resting = floor.limit(SELL, "0.5", 1010, reduce_only=True)
    closing = floor.market(SELL, 1, reduce_only=True)
    assert floor.leg().amount == 0
    assert (closing.status, closing.quantity, closing.executed) == ("FILLED", d("0.5"), d("0.5"))
    assert (resting.status, resting.reason) == ("EXPIRED", "4")


def test_the_position_side_must_fit_the_mode(floor: Floor) -> None:
    text = "Order's position side does not match user's setting."
    assert floor.refused(floor.limit, BUY, 1, 999, position_side=LONG) == (-4061, text)
    floor.exchange.set_position_mode("a", NOW, hedge=True)
    assert floor.refused(floor.limit, BUY, 1, 999, position_side=BOTH) == (-4061, text)
    assert floor.refused(floor.limit, SELL, 1, 1005, position_side=LONG, reduce_only=True) == (
        -1106, "Parameter 'reduceonly' sent when not required.",
    )  # fmt: skip


def test_hedge_legs_are_independent(floor: Floor) -> None:
    floor.exchange.set_position_mode("a", NOW, hedge=True)
    floor.market(BUY, 1, position_side=LONG)
    floor.market(SELL, "0.5", position_side=SHORT)
    assert (floor.leg(side=LONG).amount, floor.leg(side=SHORT).amount) == (1, d("-0.5"))
    assert floor.refused(floor.market, BUY, "0.6", position_side=SHORT)[0] == -2022
    floor.market(SELL, "0.5", position_side=LONG)
    assert (floor.leg(side=LONG).amount, floor.leg(side=SHORT).amount) == (d("0.5"), d("-0.5"))


def test_closing_orders_of_one_leg_outlive_the_other_leg(floor: Floor) -> None:
    floor.exchange.set_position_mode("a", NOW, hedge=True)
    floor.market(BUY, 1, position_side=LONG)
    floor.market(SELL, "0.5", position_side=SHORT)
    closing = floor.limit(BUY, "0.5", 990, position_side=SHORT)
    floor.limit(SELL, 1, 1010, position_side=LONG)
    floor.market(SELL, "0.4", position_side=LONG)
    assert closing.status == "NEW"
    floor.printed(980, 5, sold=True)
    assert (closing.status, floor.leg(side=SHORT).amount) == ("FILLED", 0)


def test_an_order_test_changes_nothing(floor: Floor) -> None:
    wish = NewOrder(symbol=BTC, side=BUY, kind=Kind.MARKET, quantity=d(1))
    floor.exchange.check("a", wish, NOW)
    assert (floor.exchange.drain(), floor.leg().amount) == ([], 0)
    assert floor.refused(
        floor.exchange.check, "a", NewOrder(symbol=BTC, side=BUY, kind=Kind.MARKET, quantity=d(0)), NOW
    )


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_leverage_has_bounds_and_gives_the_largest_position(floor: Floor) -> None:
    assert floor.exchange.set_leverage("a", BTC, 50, NOW) == 500_000
    assert floor.refused(floor.exchange.set_leverage, "a", BTC, 126, NOW) == (-4028, "Leverage 126 is not valid")
    assert floor.refused(floor.exchange.set_leverage, "a", BTC, 0, NOW)[0] == -4028


def test_lower_leverage_needs_the_margin_for_what_is_open(floor: Floor) -> None:
    floor.limit(BUY, 100, 1000)
    assert floor.refused(floor.exchange.set_leverage, "a", BTC, 5, NOW)[0] == -2028
    assert floor.exchange.account("a").slot(BTC).leverage == 20
    assert floor.exchange.set_leverage("a", BTC, 10, NOW) == 10_000_000


def test_isolated_leverage_is_not_reduced_with_a_position(floor: Floor) -> None:
    floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    floor.market(BUY, 1)
    assert floor.refused(floor.exchange.set_leverage, "a", BTC, 10, NOW)[0] == -4161


def test_margin_type_changes_only_where_nothing_is_open(floor: Floor) -> None:
    exchange = floor.exchange
    assert floor.refused(exchange.set_margin_type, "a", BTC, NOW, isolated=False) == (
        -4046, "No need to change margin type.",
    )  # fmt: skip
    order = floor.limit(BUY, 1, 999)
    assert floor.refused(exchange.set_margin_type, "a", BTC, NOW, isolated=True)[0] == -4047
    exchange.cancel("a", BTC, order.order_id, "", NOW)
    floor.market(BUY, 1)
    assert floor.refused(exchange.set_margin_type, "a", BTC, NOW, isolated=True)[0] == -4048
    exchange.set_margin_type("a", "ETHUSDT", NOW, isolated=True)
    assert exchange.account("a").slot("ETHUSDT").isolated


def test_position_mode_changes_only_where_nothing_is_open(floor: Floor) -> None:
    exchange = floor.exchange
    assert floor.refused(exchange.set_position_mode, "a", NOW, hedge=False)[0] == -4059
    order = floor.limit(BUY, 1, 999)
    assert floor.refused(exchange.set_position_mode, "a", NOW, hedge=True)[0] == -4067
    exchange.cancel("a", BTC, order.order_id, "", NOW)
    floor.market(BUY, 1)
    assert floor.refused(exchange.set_position_mode, "a", NOW, hedge=True)[0] == -4068


def test_multi_assets_mode_excludes_isolated_margin(floor: Floor) -> None:
    exchange = floor.exchange
    assert floor.refused(exchange.set_multi_assets, "a", NOW, on=False)[0] == -4171
    exchange.set_multi_assets("a", NOW, on=True)
    assert floor.refused(exchange.set_margin_type, "a", BTC, NOW, isolated=True)[0] == -4168
    exchange.set_multi_assets("a", NOW, on=False)
    exchange.set_margin_type("a", BTC, NOW, isolated=True)
    assert floor.refused(exchange.set_multi_assets, "a", NOW, on=True)[0] == -4167


def test_margin_moves_only_into_isolated_positions(floor: Floor) -> None:
    exchange = floor.exchange
    assert floor.refused(exchange.move_margin, "a", BTC, BOTH, d(1), NOW)[0] == -4049
    exchange.set_margin_type("a", BTC, NOW, isolated=True)
    assert floor.refused(exchange.move_margin, "a", BTC, BOTH, d(1), NOW)[0] == -4054
    floor.market(BUY, 1)
    assert floor.refused(exchange.move_margin, "a", BTC, SHORT, d(1), NOW)[0] == -4061
    assert floor.refused(exchange.move_margin, "a", BTC, BOTH, d(10_000), NOW)[0] == -4050
    exchange.move_margin("a", BTC, BOTH, d(100), NOW)
    assert floor.leg().isolated_wallet == d("150.05")
    assert floor.refused(exchange.move_margin, "a", BTC, BOTH, d(-101), NOW)[0] == -4051
    exchange.move_margin("a", BTC, BOTH, d(-99), NOW)
    assert floor.leg().isolated_wallet == d("51.05")


def test_nobody_withdraws_what_is_in_use(floor: Floor) -> None:
    floor.limit(BUY, 100, 1000)
    assert floor.refused(floor.exchange.deposit, "a", d(-5001), NOW)[0] == -2018
    floor.exchange.deposit("a", d(-5000), NOW)
    assert floor.wallet() == 5000
