"""Positions, margin, funding, margin calls and liquidation."""

from __future__ import annotations

import pytest
from exchange_steps import BOTH, BTC, BUY, ETH, LONG, NOW, SELL, SHORT, Floor, d, of_kind

from domain.exchange.facts import AccountChanged, Liquidated, MarginCalled, OrderEnded, OrderTraded
from domain.exchange.margin import liquidation_price


@pytest.fixture
def floor() -> Floor:
    return Floor()


def price_of(floor: Floor, symbol: str = BTC):
    account = floor.exchange.account("a")
    slot = account.slot(symbol)
    return liquidation_price(floor.exchange.world, account, slot, slot.leg(BOTH))


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_entry_is_the_mean_of_what_opened_the_position(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.market(BUY, 1)
    assert (floor.leg().amount, floor.leg().entry) == (2, d("1001.5"))


def test_closing_realises_against_the_entry(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.exchange.drain()
    floor.market(SELL, "0.5")
    (trade,) = floor.facts(OrderTraded)
    assert (trade.realized, floor.leg().amount, floor.leg().entry) == (-1, d("0.5"), 1001)


def test_an_order_larger_than_the_position_flips_it(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.market(SELL, "1.5", "b")
    floor.book([(1005, 5)], [(1006, 1)])
    floor.market(SELL, 3)
    leg = floor.leg()
    assert (leg.amount, leg.entry, leg.realized) == (-2, 1005, 4)
    assert leg.break_even == 1005 - d("0.5025")
    assert floor.wallet() == 10_000 + 4 - d("0.5005") - d("1.5075")


def test_the_break_even_price_counts_fees_and_what_was_realised(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.book([(1011, 5)], [(1012, 1)])
    floor.market(SELL, "0.5")
    left = floor.leg()
    gone_even = (left.break_even - left.entry) * left.amount
    assert gone_even == d("0.5005") + d("0.25275") - 5


def test_the_ledger_has_a_row_for_each_movement(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.market(SELL, 1)
    rows = [(row.kind, row.amount) for row in floor.exchange.account("a").income]
    assert rows == [
        ("TRANSFER", 10_000),
        ("COMMISSION", d("-0.5005")),
        ("REALIZED_PNL", -2),
        ("COMMISSION", d("-0.4995")),
    ]
    assert sum(amount for _, amount in rows) == floor.wallet()


# ── margin ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_available_is_what_neither_positions_nor_orders_hold(floor: Floor) -> None:
    floor.market(BUY, 1)
    floor.limit(BUY, 2, 990)
    margin = floor.exchange.margin("a")
    assert margin.position_initial == 50
    assert margin.order_initial == 99
    assert margin.available == 10_000 - d("0.5005") - 1 - 50 - 99


def test_maintenance_margin_comes_from_the_bracket_at_the_mark() -> None:
    floor = Floor()
    floor.book([(999, 1)], [(1000, 60)])
    floor.market(BUY, 60)
    assert floor.exchange.margin("a").maintenance == 60_000 * d("0.01") - 300


def test_an_isolated_position_sets_its_initial_margin_apart_and_gives_it_back(floor: Floor) -> None:
    floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    floor.market(BUY, 1)
    account = floor.exchange.account("a")
    assert floor.leg().isolated_wallet == d("50.05")
    assert account.cross_wallet == account.wallet - d("50.05")
    floor.market(SELL, "0.5")
    assert floor.leg().isolated_wallet == d("25.025")
    floor.market(SELL, "0.5")
    assert (floor.leg().isolated_wallet, account.cross_wallet) == (0, account.wallet)


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_at_the_liquidation_price_margin_equals_maintenance(side: str, isolated: bool) -> None:
    floor = Floor(deposit=200)
    if isolated:
        floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    floor.market(BUY if side == BUY else SELL, 1)
    level = price_of(floor)
    floor.exchange.world.contracts[BTC].mark = None
    contract = floor.exchange.contract(BTC)
    contract.last = level
    leg, margin = floor.leg(), floor.exchange.margin("a")
    balance = leg.isolated_wallet + leg.unrealized(level) if isolated else margin.cross_balance
    assert abs(balance - margin.maintenance) < d("1e-9")


def test_a_position_backed_by_enough_has_no_liquidation_price(floor: Floor) -> None:
    floor.market(BUY, 1)
    assert price_of(floor) == 0
    assert price_of(floor, ETH) == 0


# ── funding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_longs_pay_shorts_a_positive_rate(floor: Floor) -> None:
    floor.limit(SELL, 1, 1000, "b")
    floor.market(BUY, 1)
    floor.exchange.drain()
    before = floor.wallet("a"), floor.wallet("b")
    floor.exchange.settle_funding(BTC, NOW + 5)
    changes = floor.facts(AccountChanged)
    assert floor.wallet("a") - before[0] == d("-0.1")
    assert floor.wallet("b") - before[1] == d("0.1")
    assert [(c.reason, c.change, c.positions, c.time_ms) for c in changes if c.account == "a"] == [
        ("FUNDING_FEE", d("-0.1"), (), NOW + 5)
    ]
    assert floor.exchange.account("a").income[-1].kind == "FUNDING_FEE"


def test_funding_of_an_isolated_position_moves_its_own_wallet_and_is_shown(floor: Floor) -> None:
    floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    floor.market(BUY, 1)
    floor.exchange.drain()
    floor.exchange.settle_funding(BTC, NOW)
    (change,) = floor.facts(AccountChanged)
    assert floor.leg().isolated_wallet == d("49.95")
    assert [row.isolated_wallet for row in change.positions] == [d("49.95")]


# ── margin calls and liquidation ──────────────────────────────────────────────────────────────────────────────────


def test_a_margin_call_comes_once_before_the_liquidation() -> None:
    floor = Floor(deposit=200)
    floor.market(BUY, 1)
    floor.exchange.drain()
    assert of_kind(floor.mark(806), MarginCalled) == []
    calls = of_kind(floor.mark(805), MarginCalled)
    assert [(c.account, c.positions[0].amount) for c in calls] == [("a", 1)]
    assert of_kind(floor.mark("804.9"), MarginCalled) == []
    floor.mark(900)
    assert len(of_kind(floor.mark(805), MarginCalled)) == 1


def test_an_isolated_position_gets_a_margin_call_of_its_own(floor: Floor) -> None:
    floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    floor.market(BUY, 1)
    floor.exchange.drain()
    assert of_kind(floor.mark(956), MarginCalled) == []
    (call,) = of_kind(floor.mark(955), MarginCalled)
    assert [(row.amount, row.isolated_wallet) for row in call.positions] == [(1, d("50.05"))]
    assert of_kind(floor.mark(955), MarginCalled) == []


def test_a_cross_position_is_liquidated_into_the_book_and_charged_the_liquidation_fee() -> None:
    floor = Floor(deposit=200)
    floor.market(BUY, 1)
    resting = floor.limit(BUY, "0.5", 790)
    floor.book([(803, 5)], [(806, 1)])
    floor.exchange.drain()
    assert of_kind(floor.mark(806), Liquidated) == []
    facts = floor.mark(804)
    (forced,) = of_kind(facts, Liquidated)
    (ended,) = of_kind(facts, OrderEnded)
    assert (ended.order.order_id, ended.order.reason) == (resting.order_id, "5")
    order = forced.order
    assert order.client_id.startswith("autoclose-")
    assert (order.side, order.time_in_force, order.status, order.average) == (SELL, "IOC", "FILLED", 803)
    assert floor.leg().amount == 0
    # 200 - fee 0.5005 - loss 198 = 1.4995 is less than the liquidation fee of 10.0375: the fund gets what is there
    assert floor.wallet() == 0
    assert floor.exchange.world.insurance == d("1.4995")
    assert list(floor.exchange.account("a").forced) == [order]


def test_the_insurance_fund_takes_what_the_book_does_not() -> None:
    floor = Floor(deposit=200)
    floor.market(SELL, 1)
    floor.book([(999, 1)], [(1300, 1)])
    facts = floor.mark(1198)
    (trade,) = of_kind(facts, OrderTraded)
    assert trade.liquidation
    assert trade.price == d("1198.5")  # bankrupt at 999 + 199.5005, rounded to the tick that leaves nothing unpaid
    assert floor.leg().amount == 0
    assert floor.wallet() == 0
    assert floor.exchange.account("a").income[-1].kind == "INSURANCE_CLEAR"


def test_an_isolated_liquidation_costs_no_more_than_the_margin_set_apart(floor: Floor) -> None:
    floor.exchange.set_margin_type("a", BTC, NOW, isolated=True)
    floor.market(BUY, 1)
    floor.market(BUY, 1, symbol=ETH)
    margin, wallet = floor.leg().isolated_wallet, floor.wallet()
    floor.book([(900, 5)], [(960, 1)])
    floor.mark(954)
    assert floor.leg().amount == 0
    assert floor.leg(symbol=ETH).amount == 1
    assert floor.wallet() == wallet - margin


def test_hedge_legs_in_cross_carry_each_other() -> None:
    floor = Floor(deposit=300)
    floor.exchange.set_position_mode("a", NOW, hedge=True)
    floor.market(BUY, 1, position_side=LONG)
    floor.market(SELL, 1, position_side=SHORT)
    facts = floor.mark(600)
    assert of_kind(facts, Liquidated) == []
    assert (floor.leg(side=LONG).amount, floor.leg(side=SHORT).amount) == (1, -1)


def test_the_worst_position_goes_first_and_the_rest_stays_if_it_can() -> None:
    floor = Floor(deposit=300)
    floor.market(BUY, 1)
    floor.market(BUY, 1, symbol=ETH)
    floor.book([(790, 5)], [(791, 5)])
    floor.mark("708")
    assert (floor.leg().amount, floor.leg(symbol=ETH).amount) == (0, 1)
    assert floor.wallet() == 300 - d("1.001") - 211 - d("9.875")  # fees, loss at 790, liquidation fee of 1.25 %
    assert floor.exchange.world.insurance == d("9.875")


def test_who_holds_nothing_any_more_is_no_holder(floor: Floor) -> None:
    floor.market(BUY, 1)
    assert list(floor.exchange.contract(BTC).holders) == ["a"]
    floor.market(SELL, 1)
    floor.exchange.drain()
    floor.exchange.settle_funding(BTC, NOW)
    assert floor.facts(AccountChanged) == []


def test_open_interest_counts_the_long_side(floor: Floor) -> None:
    floor.limit(SELL, 1, 1000, "b")
    floor.market(BUY, 1)
    assert floor.exchange.open_interest_of_clients(BTC) == 1
