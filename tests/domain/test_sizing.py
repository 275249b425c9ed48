"""How large a position becomes, and what is refused before it costs money."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import matching, sizing
from domain.config import AccountConfig, Config, StrategyConfig, VenueConfig
from domain.deal import Plan
from domain.desk import Desk
from domain.errors import Refused
from domain.instrument import Instrument
from domain.sizing import LIQUIDATION_SHARE, MIN_NOTIONAL_RESERVE
from domain.strategies import Proposal
from domain.terms import Terms
from domain.values import BPS, ONE, ZERO, OrderSide, Side, money
from domain.venue import OrderType, PlaceOrder, VenueFilled
from tests.domain.scenario import proposal

PATIENT = settings(deadline=None)  # the machine may be busy

D = Decimal
CONTRACT = Instrument("BTCUSDT", tick=D("0.1"), step=D("0.001"), min_quantity=D("0.001"))
RICH = D(10_000)


def planned(
    wanted: Proposal | None = None,
    *,
    contract: Instrument = CONTRACT,
    equity: Decimal = RICH,
    available: Decimal | None = None,
    **account: Any,
) -> Plan:
    config = Config(account=AccountConfig(**account), strategy=StrategyConfig(time_stop_minutes=7))
    return sizing.plan(
        wanted or proposal(),
        contract,
        config,
        account="main",
        equity=equity,
        available=equity if available is None else available,
        signal_id="symbol:BTCUSDT@7",
        strategy="trend",
    )


def refusal(*args: Any, **how: Any) -> str:
    with pytest.raises(Refused) as refused:
        planned(*args, **how)
    return refused.value.code


def test_the_loss_at_the_stop_is_the_share_that_may_be_risked() -> None:
    plan = planned(proposal(risk=5.0), max_margin_per_trade=ONE)
    assert plan.quantity * (plan.reference_price - plan.stop) == RICH * D("0.01")


def test_one_position_reserves_at_most_its_share_of_the_equity() -> None:
    plan = planned(proposal(risk=0.2))
    assert plan.margin == RICH * D("0.10")
    assert plan.quantity == RICH * D("0.10") * 5 / 100


@pytest.mark.parametrize("leverage", [1, 5, 20])
def test_the_venue_can_take_what_uses_up_all_that_is_there(leverage: int) -> None:
    rates, free = VenueConfig(), D(300)
    plan = planned(proposal(risk=0.2), available=free, leverage=leverage, risk_per_trade=ONE, max_margin_per_trade=ONE)
    order = PlaceOrder("main", "position:main/BTCUSDT-1@2", "BTCUSDT", OrderSide.BUY, OrderType.MARKET, plan.quantity,
                       leverage=plan.leverage)  # fmt: skip
    terms, price = Terms(CONTRACT, rates), plan.reference_price
    desk, _ = matching.place(Desk("main", free), order, terms, price, 1_000)
    desk, (filled,) = matching.quote(desk, "position:main/BTCUSDT-1", terms, price, price, price, 2_000)
    assert isinstance(filled, VenueFilled)
    assert D(295) < plan.margin <= free - filled.fee


def test_the_contracts_own_limit_caps_the_leverage() -> None:
    capped = planned(leverage=50, contract=replace(CONTRACT, max_leverage=3))
    assert capped.leverage == 3
    assert capped.margin == money(capped.quantity * 100 / 3)


def test_stop_and_target_are_rounded_away_from_the_entry_so_that_neither_comes_too_soon() -> None:
    long = planned(replace(proposal(), stop=98.07, target=103.03))
    assert (long.stop, long.target) == (D("98.0"), D("103.1"))
    short = planned(replace(proposal(Side.SHORT), stop=102.03, target=96.97))
    assert (short.stop, short.target) == (D("102.1"), D("96.9"))


def test_the_quantity_is_rounded_down_to_the_step() -> None:
    assert planned(equity=D(777), contract=replace(CONTRACT, step=D("0.5"), min_quantity=D("0.5"))).quantity == D("3.5")


def test_the_plan_says_where_it_came_from_and_how_long_it_may_live() -> None:
    plan = planned()
    assert (plan.account, plan.symbol, plan.signal_id, plan.strategy) == (
        "main", "BTCUSDT", "symbol:BTCUSDT@7", "trend",
    )  # fmt: skip
    assert plan.time_stop_ms == 7 * 60_000
    assert (plan.confidence, plan.win, plan.reference_price) == (0.7, 0.4, D("100.0"))


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("away", [0.0, -1.0, -50.0])
def test_a_stop_on_the_wrong_side_is_refused(side: Side, away: float) -> None:
    wanted = replace(proposal(side), stop=100.0 - side.sign * away)
    assert refusal(wanted) == "STOP_ON_WRONG_SIDE"


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("away", [0.0, -1.0, -50.0])
def test_a_target_on_the_wrong_side_is_refused_because_it_would_fill_at_once(side: Side, away: float) -> None:
    wanted = replace(proposal(side), target=100.0 + side.sign * away)
    assert refusal(wanted) == "TARGET_ON_WRONG_SIDE"


def test_a_shorts_target_that_rounds_to_nothing_is_refused() -> None:
    wanted = Proposal(Side.SHORT, 0.15, 0.16, 0.04, 0.5, 0.5)
    assert refusal(wanted, leverage=2) == "TARGET_ON_WRONG_SIDE"


def test_a_longs_stop_that_rounds_to_nothing_is_refused() -> None:
    assert refusal(Proposal(Side.LONG, 0.15, 0.04, 0.3, 0.5, 0.5)) == "STOP_ON_WRONG_SIDE"


@pytest.mark.parametrize("field", ["entry", "stop", "target"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e13, 1e300])
def test_what_is_no_price_is_refused(field: str, value: float) -> None:
    assert refusal(replace(proposal(), **{field: value})) == "LEVEL_NOT_A_PRICE"


def test_a_stop_that_comes_after_the_liquidation_is_refused() -> None:
    assert planned(proposal(risk=13.0), leverage=5).stop == D("87.0")
    assert refusal(proposal(risk=14.0), leverage=5) == "STOP_BEYOND_LIQUIDATION"
    assert refusal(proposal(risk=1.0), leverage=125, contract=replace(CONTRACT, max_leverage=125)) == (
        "STOP_BEYOND_LIQUIDATION"
    )


def test_costs_count_as_a_part_of_the_way_to_the_liquidation() -> None:
    """0.7 of the way at leverage 5 and 0.5 % maintenance is 13.65, of which the costs are 0.07."""
    edge = D("13.65") - D("0.07")
    assert planned(proposal(risk=float(edge) - 0.08))
    assert refusal(proposal(risk=float(edge) + 0.08)) == "STOP_BEYOND_LIQUIDATION"


def test_what_the_exchange_would_refuse_is_refused_and_not_raised_to_its_minimum() -> None:
    assert refusal(equity=D(1)) == "BELOW_MIN_NOTIONAL"
    assert refusal(equity=D("0.1")) == "BELOW_MIN_QUANTITY"
    assert refusal(available=ZERO) == "BELOW_MIN_QUANTITY"
    assert refusal(equity=D(-5)) == "BELOW_MIN_QUANTITY"
    barely = replace(CONTRACT, min_notional=D(500))
    assert planned(contract=barely, max_margin_per_trade=D("0.0102")).quantity * 100 == D(510)
    assert refusal(contract=barely, max_margin_per_trade=D("0.0101")) == "BELOW_MIN_NOTIONAL"
    assert D(500) * MIN_NOTIONAL_RESERVE == D(510)


def test_a_refusal_says_the_numbers_that_it_rests_on() -> None:
    with pytest.raises(Refused) as refused:
        planned(available=ZERO)
    assert refused.value.facts == {"quantity": ZERO, "minimum": D("0.001")}


PRICES = st.floats(0.2, 1e6) | st.floats(allow_nan=True, allow_infinity=True)


@PATIENT
@given(PRICES, PRICES, PRICES, st.sampled_from(Side), st.decimals("0", "1e9", places=2), st.integers(1, 125))
def test_any_proposal_is_planned_within_all_limits_or_refused(
    entry: float, stop: float, target: float, side: Side, equity: Decimal, leverage: int
) -> None:
    config = Config(account=AccountConfig(leverage=leverage), venue=VenueConfig())
    contract = replace(CONTRACT, max_leverage=125)
    wanted = Proposal(side, entry, stop, target, 0.5, 0.5)
    try:
        plan = sizing.plan(
            wanted, contract, config, account="main", equity=equity, available=equity / 2, signal_id="x", strategy="x"
        )
    except Refused:
        return
    price, quantity = plan.reference_price, plan.quantity
    assert quantity % contract.step == 0
    assert quantity >= contract.min_quantity
    assert quantity * price >= contract.min_notional * MIN_NOTIONAL_RESERVE
    assert plan.stop % contract.tick == plan.target % contract.tick == 0
    assert side.sign * (price - plan.stop) > 0
    assert side.sign * (plan.target - price) > 0
    assert quantity * abs(price - plan.stop) <= equity * config.account.risk_per_trade
    assert quantity * price <= min(equity * config.account.max_margin_per_trade, equity / 2) * plan.leverage
    room = LIQUIDATION_SHARE * price * (ONE / plan.leverage - contract.maintenance_rate)
    assert abs(price - plan.stop) + price * (config.venue.taker_fee_bps + config.venue.slippage_bps) / BPS <= room
    assert min(plan.stop, plan.target) > 0


@PATIENT
@given(st.sampled_from([0.5, 1.0, 3.0, 9.0]), st.integers(2, 20))
def test_a_short_is_sized_as_its_mirror_image(risk: float, leverage: int) -> None:
    sizes = []
    for side in Side:
        try:
            sizes.append(planned(proposal(side, risk=risk), leverage=leverage).quantity)
        except Refused as no:
            sizes.append(no.code)
    assert sizes[0] == sizes[1]
