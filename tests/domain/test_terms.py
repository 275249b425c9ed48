"""Slippage, fees, and what an entry needs."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.config import VenueConfig
from domain.instrument import Instrument
from domain.terms import Terms
from domain.values import OrderSide

RATES = VenueConfig(taker_fee_bps=Decimal(5), slippage_bps=Decimal(2), liquidation_fee_bps=Decimal(50))
TERMS = Terms(Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001")), RATES)


def test_a_buy_pays_the_ask_and_more_rounded_up() -> None:
    assert TERMS.fill_price(OrderSide.BUY, bid=Decimal(10_000), ask=Decimal("10000.3")) == Decimal("10002.4")


def test_a_sell_gets_the_bid_and_less_rounded_down() -> None:
    assert TERMS.fill_price(OrderSide.SELL, bid=Decimal("10000.3"), ask=Decimal(10_001)) == Decimal("9998.2")


def test_a_sell_never_gets_nothing() -> None:
    assert TERMS.fill_price(OrderSide.SELL, bid=Decimal("0.1"), ask=Decimal("0.1")) == Decimal("0.1")


def test_a_forced_close_costs_both_fees() -> None:
    assert TERMS.fee(Decimal(10_000)) == 5
    assert TERMS.liquidation_fee(Decimal(10_000)) == 55


def test_an_entry_needs_its_margin_and_the_fee() -> None:
    assert TERMS.entry_cost(Decimal(10_000), leverage=5) == 2_005


@given(st.decimals(Decimal("0.1"), Decimal(10**6), places=3), st.sampled_from(OrderSide))
def test_a_fill_is_on_the_tick_and_never_better_than_the_price(price: Decimal, side: OrderSide) -> None:
    filled = TERMS.fill_price(side, price, price)
    assert filled % TERMS.instrument.tick == 0
    assert filled >= price if side is OrderSide.BUY else filled <= price
