"""Prices: the guards hold in every market, and shorts are mirror images of longs."""

from __future__ import annotations

import math

import pytest
from walks import hours_fed, mirrored, scaled, walk

from domain.factors import FactorState
from domain.scoring.prices import REACH_ATR, Levels, levels_of


def trending(seed: int, drift: float) -> FactorState:
    return hours_fed(scaled([candle], math.exp(drift * at))[0] for at, candle in enumerate(walk(seed, 120)))


def of(state: FactorState, side: int, last: float | None = None) -> Levels:
    levels = levels_of(state.hour, side, 1, last)
    assert levels is not None
    return levels


@pytest.mark.parametrize("drift", [-0.02, -0.002, 0.0, 0.002, 0.02])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("seed", range(5))
def test_the_guards_hold_in_any_trend(seed: int, side: int, drift: float) -> None:
    """V41: price 326.8, entry 312.7, TP1 319.8; TP2 below TP1; R ≤ 0."""
    state = trending(seed, drift)
    levels, atr, close = of(state, side), state.hour.atr, state.hour.close[-1]
    stop, low, entry, high, tp1, tp2 = (
        side * math.log(price)
        for price in (
            levels.stop, levels.entry_low, levels.entry, levels.entry_high, levels.tp1, levels.tp2
        )
    )  # fmt: skip
    if side < 0:
        low, high = high, low
    market = side * close
    assert stop < low < entry < high < tp1 < tp2
    assert 0.5 - 1e-9 <= (entry - stop) / atr <= 1.8 + 1e-9
    assert tp1 - entry == pytest.approx(entry - stop)
    assert low <= market + 1e-12
    assert market <= high + REACH_ATR * atr + 1e-12
    assert tp1 > market


@pytest.mark.parametrize("seed", range(3))
def test_shorts_mirror_longs(seed: int) -> None:
    candles = walk(seed, 120)
    long, short = of(hours_fed(candles), 1), of(hours_fed(mirrored(candles)), -1)
    for one, other in (("entry", "entry"), ("stop", "stop"), ("tp1", "tp1"), ("entry_low", "entry_high")):
        assert getattr(short, other) == pytest.approx(1e4 / getattr(long, one))
    assert short.tp2 == pytest.approx(1e4 / long.tp2)
    assert short.room_atr == pytest.approx(long.room_atr)
    assert short.risk == pytest.approx(long.risk)
    assert short.reward == pytest.approx(long.reward)


def test_the_zone_follows_a_newer_price() -> None:
    state = hours_fed(walk(7, 120))
    close, atr = state.hour.close[-1], state.hour.atr
    up = of(state, 1, close + 3 * atr)
    assert math.log(up.entry_high) == pytest.approx(close + 2.75 * atr)
    down = of(state, 1, close - 3 * atr)
    assert math.log(down.entry_low) == pytest.approx(close - 3 * atr)


def test_no_levels_where_prices_stand_still() -> None:
    assert levels_of(hours_fed(walk(7, 5)).hour, 1, 1) is None
    assert levels_of(hours_fed(walk(7, 50)).hour, 0, 1) is None
