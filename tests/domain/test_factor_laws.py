"""What must hold for every factor: mirror, scale, no saturation, nothing seen ahead, nothing lost in a checkpoint."""

from __future__ import annotations

import math
import random

import pytest
from msgspec.structs import replace
from walks import HOUR, fed, hours_fed, mirrored, reference, scaled, some_context, view_of, walk

from domain.analysis.market_trend import coherence, confirm, market_trend, trend_of
from domain.factors import DIRECTIONAL, NAMES, QUALITY, FactorState, FactorView, MarketContext, Scores, score_all
from domain.factors.bars import Bars
from domain.market import Candle

SIGNED = (*DIRECTIONAL, "F")


def leg_of(bars: Bars) -> float | None:
    """Give the trend of one reference contract from its bars."""
    return trend_of(bars.high, bars.low, bars.close)


def with_interest(state: FactorState, candles: list[Candle], seed: int) -> FactorState:
    dice, notional = random.Random(seed), 1e8
    for candle in candles:
        notional *= math.exp(dice.gauss(0.0, 0.006))
        state.add_open_interest(candle.open_time_ms + HOUR, notional)
    return state


def scored(quarters: list[Candle], seed: int, centre: float = 0.0) -> tuple[Scores, FactorState]:
    state = fed(FactorState(), quarters)
    hours = [candle for candle in quarters if (candle.open_time_ms + HOUR // 4) % HOUR == 0]
    with_interest(state, [replace(c, open_time_ms=c.open_time_ms - 3 * HOUR // 4) for c in hours], seed)
    return score_all(view_of(state, some_context(seed, state.hour.last_open_ms, centre))), state


@pytest.mark.parametrize("seed", range(4))
def test_a_mirrored_market_gives_mirrored_scores(seed: int) -> None:
    """Prices reflected around a constant in log space, taker sides swapped, quote volume kept.

    L is the exception in the eighth digit or so: its sweep is a mean price, which is no mirror image of itself.
    """
    quarters = walk(seed, 4 * 150, interval="15m")
    (ours, state), (theirs, mirror) = scored(quarters, seed), scored(mirrored(quarters), seed, 100.0)
    for name in NAMES:
        one, other = ours[name].value, theirs[name].value
        assert one is not None, name
        assert other is not None, name
        assert other == pytest.approx(-one if name in SIGNED else one, abs=1e-2 if name == "L" else 1e-6), name
        assert ours[name].quality == theirs[name].quality
    assert coherence(mirror) == pytest.approx(coherence(state))
    one, other = leg_of(state.hour), leg_of(mirror.hour)
    assert one is not None
    assert other == pytest.approx(-one, abs=1e-6)
    ours_15m, theirs_15m = confirm(state.quarter, state.hour, 1), confirm(mirror.quarter, mirror.hour, -1)
    assert ours_15m is not None
    assert theirs_15m is not None
    assert len(ours_15m.passed) == len(theirs_15m.passed)
    assert ours_15m.veto == theirs_15m.veto


@pytest.mark.parametrize("k", [1e-6, 0.37, 1e5])
def test_a_market_at_another_price_level_scores_the_same(k: float) -> None:
    quarters = walk(11, 4 * 120, interval="15m")
    (ours, _), (theirs, _) = scored(quarters, 11), scored(scaled(quarters, k), 11)
    for name in NAMES:
        assert theirs[name].value == pytest.approx(ours[name].value, abs=1e-6), name


@pytest.mark.parametrize("wicks", [True, False])
def test_a_driftless_random_walk_saturates_no_factor(wicks: bool) -> None:
    """V41 had |T| ≥ 95 in 69 % of samples, |F| in 83 %, |C| in 38 %, |M| in 29 %."""
    sampled: dict[str, list[float]] = {name: [] for name in NAMES}
    for seed in range(5):
        candles, leads = walk(seed, 280, wicks=wicks), [walk(seed + off, 280, wicks=wicks) for off in (50, 90)]
        state, dice, notional = FactorState(), random.Random(seed), 1e8
        for at, candle in enumerate(candles, 1):
            notional *= math.exp(dice.gauss(0.0, 0.006))
            state.add_open_interest(candle.open_time_ms + HOUR, notional)
            state.close("1h", candle)
            if at < 60 or at % 2:
                continue
            context = some_context(at, candle.open_time_ms) if at % 10 == 0 else MarketContext()
            context = replace(context, btc=reference(leads[0][:at]), eth=reference(leads[1][:at]))
            for name, score in score_all(view_of(state, context)).items():
                if score.value is not None:
                    sampled[name].append(score.value)
    for name, values in sampled.items():
        assert len(values) >= 100, name
        assert sum(abs(value) >= 95.0 for value in values) < 0.05 * len(values), name
        assert all(abs(value) <= 100.0 for value in values), name
        if name != "L":  # always the same book
            assert max(values) - min(values) > 20.0, f"{name} hardly moves"


def test_the_future_changes_nothing() -> None:
    """What was scored at a close is what a run that ends there scores."""
    quarters = walk(21, 4 * 90, interval="15m")
    then: dict[int, Scores] = {}
    state = FactorState()

    def note(at: int) -> None:
        if at % 4 == 0 and at >= 4 * 40:
            then[at] = score_all(view_of(state))

    fed(state, quarters, note)
    for at in (4 * 40, 4 * 55, 4 * 77):
        assert score_all(view_of(fed(FactorState(), quarters[:at]))) == then[at]


def test_a_state_out_of_a_checkpoint_goes_on_to_the_last_bit() -> None:
    candles = walk(31, 200)
    whole, state = FactorState(), FactorState()
    for at, candle in enumerate(candles):
        for each in (whole, state):
            each.close("1h", candle)
            each.close("5m", candle)
            each.add_open_interest(candle.open_time_ms + HOUR, 1e8 + at * 1e4)
        score_all(view_of(whole))
        if at % 23 == 0:
            state = FactorState.thaw(state.freeze())
        assert state.freeze() == whole.freeze()
        assert score_all(view_of(state)) == score_all(view_of(whole))
    assert len(whole.freeze()) < 60_000


def test_scores_are_kept_until_a_bar_closes_and_not_longer() -> None:
    candles = walk(41, 120)
    state = hours_fed(candles[:-1])
    first = score_all(view_of(state))
    assert score_all(view_of(state))["T"] is first["T"]
    state.close("1h", candles[-1])
    assert score_all(view_of(state))["T"] is not first["T"]
    state.close("1h", candles[-2])  # an older candle changes nothing
    assert state.hour.last_open_ms == candles[-1].open_time_ms


# ── missing is not zero ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_missing_has_no_value_and_says_why() -> None:
    state = hours_fed(replace(c, taker_buy_volume=None, taker_buy_quote_volume=None) for c in walk(51, 60))
    scores = score_all(view_of(state))
    codes = {name: score.explanation.partition(":")[0] for name, score in scores.items() if score.value is None}
    assert codes == {
        "C": "NO_TAKER_VOLUME", "O": "NO_OPEN_INTEREST", "L": "NO_DEPTH", "B": "NO_BASIS_NO_FUNDING", "Q": "NO_TRADES",
        "I": "NO_REFERENCE", "F": "NO_TAKER_FLOW",
    }  # fmt: skip
    assert all(scores[name].quality == 0.0 for name in codes)


def test_an_empty_state_scores_nothing_at_all() -> None:
    view = FactorView("BTCUSDT", 0, FactorState())
    assert all(score.value is None for score in score_all(view).values())


def test_a_hole_in_the_taker_volumes_makes_the_flow_wait() -> None:
    candles = walk(61, 80)
    state = hours_fed(candles[:60])
    assert score_all(view_of(state))["C"].value is not None
    state.close("1h", replace(candles[60], taker_buy_volume=None, taker_buy_quote_volume=None))
    assert score_all(view_of(state))["C"].explanation.startswith("NO_TAKER_VOLUME")
    state.close("1h", candles[61])
    assert score_all(view_of(state))["C"].explanation.startswith("HISTORY_TOO_SHORT")


def test_open_interest_that_is_old_or_has_a_hole_is_missing() -> None:
    candles = walk(71, 80)
    state = with_interest(hours_fed(candles), candles, 71)
    assert score_all(view_of(state))["O"].value is not None
    later = walk(71, 90)[80:83]
    for candle in later[:2]:
        state.close("1h", candle)
    assert score_all(view_of(state))["O"].value is not None  # two hours behind are borne
    state.close("1h", later[2])
    assert score_all(view_of(state))["O"].explanation.startswith("OPEN_INTEREST_STALE")
    state.add_open_interest(later[2].open_time_ms + 9 * HOUR, 1e8)
    assert len(state.interest.notional) == 1


def test_open_interest_comes_with_the_candle_too() -> None:
    state = hours_fed(replace(c, open_interest=1_000.0, mark=c.close) for c in walk(81, 40))
    assert len(state.interest.notional) == 40
    assert state.interest.notional[-1] == pytest.approx(1_000.0 * math.exp(state.hour.close[-1]))


def test_basis_or_funding_alone_is_worth_half() -> None:
    state = hours_fed(walk(91, 40))
    both = score_all(view_of(state, MarketContext(mark=101.0, index=100.0, funding_rate=0.001)))["B"]
    basis = score_all(view_of(state, MarketContext(mark=101.0, index=100.0)))["B"]
    funding = score_all(view_of(state, MarketContext(funding_rate=0.001)))["B"]
    assert (both.quality, basis.quality, funding.quality) == (1.0, 0.5, 0.5)
    assert funding.value == pytest.approx(33.0)
    four_hours = MarketContext(funding_rate=0.0005, funding_interval_ms=4 * HOUR)
    assert score_all(view_of(state, four_hours))["B"].value == pytest.approx(33.0)


def test_quality_factors_have_no_side() -> None:
    assert set(QUALITY).isdisjoint(DIRECTIONAL)


def test_the_market_trend_joins_both_legs() -> None:
    assert market_trend(50.0, -50.0) == pytest.approx(20.0)
    assert market_trend(None, 30.0) == market_trend(30.0, None) == 30.0
    assert market_trend(None, None) is None
    assert leg_of(hours_fed(walk(1, 20)).hour) is None
    rising = [scaled([candle], 1.01**at)[0] for at, candle in enumerate(walk(2, 60))]
    trend = leg_of(hours_fed(rising).hour)
    assert trend is not None
    assert 60.0 < trend <= 100.0
