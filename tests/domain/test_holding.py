"""Margin, liquidation, funding of one isolated position."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.holding import Holding, hold, liquidation_price
from domain.instrument import Instrument
from domain.values import Side

BTC = Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), maintenance_rate=Decimal("0.004"))


def long(quantity: str = "1", price: str = "10000", leverage: int = 10) -> Holding:
    return hold(BTC, Side.LONG, Decimal(quantity), Decimal(price), leverage, settled_ms=0)


def short(quantity: str = "1", price: str = "10000", leverage: int = 10) -> Holding:
    return hold(BTC, Side.SHORT, Decimal(quantity), Decimal(price), leverage, settled_ms=0)


def test_the_margin_of_a_new_position_is_its_value_by_leverage() -> None:
    assert long("0.5").margin == Decimal(500)


def test_a_long_is_liquidated_below_its_entry() -> None:
    # margin 1000: equity 1000 + (p - 10000) equals 0.004 p at p = 9000 / 0.996
    assert long().liquidation_price.quantize(Decimal("0.01")) == Decimal("9036.14")


def test_a_short_is_liquidated_above_its_entry() -> None:
    assert short().liquidation_price.quantize(Decimal("0.01")) == Decimal("10956.18")


def test_a_long_without_leverage_is_never_liquidated() -> None:
    assert long(leverage=1).liquidation_price <= 0


@pytest.mark.parametrize("side", list(Side))
@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 125))
def test_at_the_liquidation_price_the_margin_is_the_maintenance_margin(
    side: Side, price: int, quantity: int, leverage: int
) -> None:
    holding = hold(BTC, side, Decimal(quantity) / 1000, Decimal(price), leverage, 0)
    at = holding.liquidation_price
    equity = holding.margin + side.sign * (at - holding.entry_price) * holding.quantity
    assert abs(equity - at * holding.quantity * holding.maintenance_rate) < Decimal("1e-12")


def test_at_the_bankruptcy_price_the_margin_is_lost() -> None:
    assert long().realised(long().bankruptcy_price, Decimal(1)) == -1000
    assert short().realised(short().bankruptcy_price, Decimal(1)) == -1000


def test_adding_averages_the_entry_price() -> None:
    more = long("1", "10000").increased(Decimal(1), Decimal(11_000), leverage=5)
    assert (more.quantity, more.entry_price, more.margin) == (Decimal(2), Decimal(10_500), Decimal(3_200))


def test_taking_a_part_releases_its_share_of_the_margin() -> None:
    rest = long().reduced(Decimal("0.25"))
    assert rest is not None
    assert (rest.quantity, rest.entry_price, rest.margin) == (Decimal("0.75"), Decimal(10_000), Decimal(750))
    assert rest.liquidation_price == long().liquidation_price


def test_taking_everything_leaves_nothing() -> None:
    assert long().reduced(Decimal(1)) is None


def test_a_long_pays_positive_funding_and_a_short_receives_it() -> None:
    assert long("2").funding(Decimal("0.0001"), Decimal(10_000)) == -2
    assert short("2").funding(Decimal("0.0001"), Decimal(10_000)) == 2


def test_paid_funding_brings_the_liquidation_price_nearer() -> None:
    after = long().funded(Decimal(-10), time_ms=8)
    assert (after.margin, after.settled_ms) == (Decimal(990), 8)
    assert after.liquidation_price == liquidation_price(
        Side.LONG, Decimal(1), Decimal(10_000), Decimal(990), Decimal("0.004")
    )
    assert after.liquidation_price > long().liquidation_price
