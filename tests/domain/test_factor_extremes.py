"""Factors and the whole chain on markets that nobody likes: flat, empty, one candle, gaps, jumps (hypothesis)."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from walks import HOUR, START, hours_fed, view_of, walk

from domain.calibration.shipped import SHIPPED
from domain.factors import FactorState, MarketContext, depth_summary, score_all, trade_flow
from domain.market import Candle
from domain.scoring import GateState, ScoringPolicy, assess

steps = st.tuples(
    st.floats(-3.0, 3.0),  # jump of ln(close)
    st.floats(0.0, 0.5),  # wick
    st.sampled_from([0.0, 1e-9, 1.0, 1e12]),  # volume
    st.one_of(st.none(), st.floats(0.0, 1.0)),  # taker share
    st.integers(1, 30),  # hours to the next bar
    st.booleans(),  # is the quote volume known
)


def market(rows: list[tuple[float, float, float, float | None, int, bool]]) -> list[Candle]:
    level, time_ms, out = 4.0, START, list[Candle]()
    for jump, wick, volume, share, hours, known in rows:
        opened, level = level, min(12.0, max(-8.0, level + jump))
        high, low = math.exp(max(opened, level) + wick), math.exp(min(opened, level) - wick)
        close = math.exp(level)
        taker = None if share is None else volume * share
        quote = volume * close if known else None
        out.append(Candle(time_ms, math.exp(opened), high, low, close, volume, quote, None, taker, None))
        time_ms += hours * HOUR
    return out


def assert_finite(state: FactorState, context: MarketContext) -> None:
    view = view_of(state, context)
    for name, score in score_all(view).items():
        numbers = [value for _, value in score.inputs] + [score.quality, score.value or 0.0]
        assert all(map(math.isfinite, numbers)), (name, score)
        assert score.value is None or abs(score.value) <= 100.0, (name, score)
    verdict, _ = assess(view, ScoringPolicy(), GateState(), SHIPPED["factors"])
    strength, p = verdict.strength.value, verdict.probability
    assert 0.0 <= strength <= 100.0
    assert 0.0 <= p.p_long <= 1.0
    assert p.p_long + p.p_short == 1.0
    levels = verdict.levels
    if levels is not None:
        prices = (levels.stop, levels.entry, levels.tp1, levels.tp2)
        assert sorted(prices, reverse=verdict.side < 0) == list(prices)
        assert all(0.0 < price < math.inf for price in prices)


@settings(max_examples=60)
@given(st.lists(steps, min_size=1, max_size=60), st.floats(-50.0, 50.0), st.floats(-0.02, 0.02))
def test_any_sound_candles_give_finite_numbers(
    rows: list[tuple[float, float, float, float | None, int, bool]], market_trend: float, funding: float
) -> None:
    state = hours_fed(market(rows))
    for candle in market(rows):
        state.close("4h", candle)
        state.close("15m", candle)
        state.close("5m", candle)
    thin = depth_summary([(1.0, 1e-9)], [(1.1, 1e-9)])
    context = MarketContext(
        mark=1.0, index=1.5, funding_rate=funding, depth=thin, market_trend=market_trend,
        flow=trade_flow([(0, 0.0, True)] * 12),
    )  # fmt: skip
    assert_finite(state, context)
    assert_finite(FactorState.thaw(state.freeze()), MarketContext())


def test_flat_prices_and_no_volume_are_neutral() -> None:
    flat = [Candle(START + at * HOUR, 7.0, 7.0, 7.0, 7.0, 0.0, 0.0, 0, 0.0, 0.0) for at in range(120)]
    scores = score_all(view_of(hours_fed(flat)))
    assert [scores[name].value for name in ("T", "M", "C", "V")] == [0.0, 0.0, 0.0, 0.0]
    assert_finite(hours_fed(flat), MarketContext())


def test_one_candle_is_not_enough_and_no_error() -> None:
    assert_finite(hours_fed(walk(1, 1)), MarketContext())


def test_a_jump_by_a_million_passes() -> None:
    candles = walk(3, 100)
    jumped = [replace(c, **{k: getattr(c, k) * 1e6 for k in ("open", "high", "low", "close")}) for c in candles[60:]]
    assert_finite(hours_fed([*candles[:60], *jumped]), MarketContext())
