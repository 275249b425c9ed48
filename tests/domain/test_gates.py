"""The gates: limits, hysteresis, cooldown, and what a trade is expected to be worth."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from domain.config import ScoringConfig
from domain.factors import MarketContext
from domain.factors.context import DepthSummary
from domain.scoring import GateState, ScoringPolicy
from domain.scoring.gates import GateReport, Measured, data_quality, economics, judge, nearest_stop
from domain.scoring.maturity import CLASSES
from domain.scoring.prices import Levels

POLICY = ScoringPolicy()
MINUTE = 60_000
NOW = 1_700_006_400_000
LEVELS = Levels(99.9, 100.1, 100.0, 98.0, 102.0, 105.0, 1.0, 1)
BOOK = DepthSummary(1.0, 1e6, 1e6, 5e3, 1.0, 1.0)
GOOD = Measured(1, 0.7, LEVELS, MarketContext(data_quality=1.0, depth=BOOK), CLASSES[-1])


def with_context(**changes: object) -> Measured:
    return replace(GOOD, context=replace(GOOD.context, **changes))


def at(minutes: float, seen: Measured, state: GateState) -> tuple[GateState, GateReport]:
    return judge(state, seen, POLICY, NOW + int(minutes * MINUTE))


def test_all_gates_open_on_a_good_market() -> None:
    state, report = at(0, GOOD, GateState())
    assert report.reasons == ()
    assert state == GateState(1, (True, True, True, True))


def test_data_quality_weighs_what_went_wrong() -> None:
    assert data_quality(0, 0, 0, 0) == 1.0
    assert data_quality(0.1, 0.2, 0.3, 0.05) == pytest.approx(1 - (0.035 + 0.03 + 0.06 + 0.015))


@pytest.mark.parametrize(
    ("opens", "holds", "code"),
    [
        (with_context(data_quality=0.90), with_context(data_quality=0.88), "DATA_QUALITY_LOW"),
        (
            with_context(depth=replace(BOOK, buy_impact_bps=7.0)),
            with_context(depth=replace(BOOK, buy_impact_bps=8.0)),
            "IMPACT_TOO_HIGH",
        ),
        (
            with_context(depth=replace(BOOK, spread_bps=35.0)),
            with_context(depth=replace(BOOK, spread_bps=38.0)),
            "SPREAD_TOO_WIDE",
        ),
        (
            with_context(depth=replace(BOOK, bid_notional=1.3e6, ask_notional=0.7e6)),
            with_context(depth=replace(BOOK, bid_notional=0.67e6, ask_notional=1.33e6)),
            "BOOK_IMBALANCED",
        ),
        (
            replace(GOOD, levels=replace(LEVELS, room_atr=0.60)),
            replace(GOOD, levels=replace(LEVELS, room_atr=0.54)),
            "NO_ROOM",
        ),
        (replace(GOOD, p=0.62), replace(GOOD, p=0.61), "PROBABILITY_TOO_LOW"),
    ],
)
def test_a_gate_opens_at_one_limit_and_holds_to_another(opens: Measured, holds: Measured, code: str) -> None:
    state, report = at(0, opens, GateState())
    assert report.reasons == ()
    _, held = at(5, holds, state)
    assert held.reasons == ()
    _, refused = at(5, holds, GateState(1))
    assert refused.reasons == (code,)


def test_a_closed_gate_stays_shut_for_the_cooldown() -> None:
    open_state, _ = at(0, GOOD, GateState())
    closed, report = at(5, with_context(data_quality=0.5), open_state)
    assert report.reasons == ("DATA_QUALITY_LOW",)
    cooling, report = at(10, GOOD, closed)
    assert report.reasons == ("GATE_COOLDOWN",)
    again, report = at(15, GOOD, cooling)
    assert report.reasons == ()
    assert again.opened == (True, True, True, True)


def test_the_gates_of_the_other_side_begin_shut_and_without_a_cooldown() -> None:
    held = replace(GOOD, p=0.61)
    state, _ = at(0, GOOD, GateState())
    _, report = at(5, replace(held, side=-1), state)
    assert report.reasons == ("PROBABILITY_TOO_LOW",)
    closed, _ = at(5, replace(GOOD, p=0.5), state)
    _, report = at(6, replace(GOOD, side=-1), closed)
    assert report.reasons == ()


def test_expected_value_is_net_of_fees_slippage_and_funding() -> None:
    cost, value = economics(GOOD, POLICY)
    risk, first, second = math.log(100 / 98), math.log(1.02), math.log(1.05)
    assert cost == pytest.approx(0.0014)
    assert value == pytest.approx(0.7 * (first / 2 + 0.7 * second / 2) - 0.3 * risk - 0.0014)
    paying, _ = economics(with_context(funding_rate=0.001), POLICY)
    assert paying == pytest.approx(0.0014 + 0.001 * 2 / 8)  # two hours of an eight-hour funding
    earning, _ = economics(replace(with_context(funding_rate=0.001), side=-1), POLICY)
    assert earning == pytest.approx(0.0014 - 0.001 * 2 / 8)


def test_a_stop_must_be_four_round_trips_away() -> None:
    near = replace(GOOD, levels=replace(LEVELS, stop=100 * math.exp(-0.00559)))
    far = replace(GOOD, levels=replace(LEVELS, stop=100 * math.exp(-0.00561)))
    assert "STOP_TOO_CLOSE" in at(0, near, GateState())[1].reasons
    assert "STOP_TOO_CLOSE" not in at(0, far, GateState())[1].reasons


@pytest.mark.parametrize("entry", [1e-6, 0.37, 60_000.1])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("rate", [None, 0.001, -0.001])
def test_a_stop_at_the_nearest_distance_is_far_enough_for_either_side(
    entry: float, side: int, rate: float | None
) -> None:
    """Funding counts against both sides, so that a mirrored market keeps the mirrored stop."""
    context = replace(GOOD.context, funding_rate=rate)
    distance = nearest_stop(context, POLICY)
    assert distance == nearest_stop(replace(context, funding_rate=-rate if rate else rate), POLICY)

    def told(risk: float) -> tuple[str, ...]:
        levels = replace(LEVELS, entry=entry, stop=entry * math.exp(-side * risk))
        seen = replace(GOOD, side=side, context=context, levels=levels)
        return at(0, seen, GateState())[1].reasons

    assert "STOP_TOO_CLOSE" not in told(distance)
    assert "STOP_TOO_CLOSE" in told(0.8 * distance)


def test_without_a_book_only_the_spread_of_the_quotes_is_judged() -> None:
    assert at(0, with_context(depth=None), GateState())[1].reasons == ()
    wide = with_context(depth=None, bid=100.0, ask=100.5)
    assert at(0, wide, GateState())[1].reasons == ("SPREAD_TOO_WIDE",)
    required = ScoringPolicy(ScoringConfig(require_depth=True))
    assert judge(GateState(), with_context(depth=None), required, NOW)[1].reasons == ("NO_DEPTH",)


def test_a_book_too_thin_for_the_sweep_is_too_much_impact() -> None:
    thin = with_context(depth=replace(BOOK, sell_impact_bps=None))
    assert at(0, thin, GateState())[1].reasons == ("IMPACT_TOO_HIGH",)
