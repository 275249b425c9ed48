"""Coherence of the time frames, and confirmation by the last quarter-hours."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace
from walks import fed, hours_fed, mirrored, scaled, walk

from domain.analysis.market_trend import NEUTRAL_COHERENCE, coherence, confirm, frame_reading, net_flow
from domain.factors import FactorState
from domain.factors.bars import Bars
from domain.market import Candle


def drifting(drift: float, bars: int = 96 * 32, seed: int = 3) -> list[Candle]:
    quarters = walk(seed, bars, interval="15m", sigma=0.001)
    return [scaled([candle], math.exp(drift * at))[0] for at, candle in enumerate(quarters)]


def filled(candles: list[Candle]) -> Bars:
    bars = Bars(40)
    for candle in candles:
        bars.add(candle)
    return bars


def test_frames_that_all_rise_agree_more_than_frames_of_a_random_walk() -> None:
    up, down = fed(FactorState(), drifting(0.001)), fed(FactorState(), drifting(-0.001))
    assert up.day.seen >= 30
    aimless = [coherence(fed(FactorState(), walk(seed, 96 * 31, interval="15m"))) for seed in range(4)]
    assert coherence(up) >= 60.0
    assert coherence(down) >= 60.0
    assert sum(aimless) / 4 < coherence(up)
    assert min(aimless) >= 100 / 3


def test_one_frame_alone_is_neutral() -> None:
    assert coherence(hours_fed(walk(1, 60))) == NEUTRAL_COHERENCE


def test_a_frame_reads_the_same_at_any_price_level() -> None:
    """V41 took trend and momentum in units of price."""
    candles = walk(2, 60)
    assert frame_reading(filled(scaled(candles, 1e5))) == pytest.approx(frame_reading(filled(candles)))
    trend, momentum, flow = frame_reading(filled(mirrored(candles)))
    assert (-trend, -momentum, -flow) == pytest.approx(frame_reading(filled(candles)), abs=1e-6)
    assert frame_reading(filled([replace(candles[0], open_time_ms=at) for at in range(5)])) == (0.0, 0.0, 0.0)


def test_without_takers_the_tick_rule_stands_in() -> None:
    candles = [replace(c, taker_buy_volume=None, taker_buy_quote_volume=None) for c in drifting(0.01, 40)]
    assert net_flow(filled(candles), 12) == 100.0
    assert net_flow(filled(mirrored(candles)), 12) == -100.0
    assert net_flow(filled([replace(c, volume=0.0, quote_volume=0.0) for c in candles]), 12) == 0.0


def test_a_calm_rise_confirms_a_long_and_not_a_short() -> None:
    quarters = drifting(0.002, 96)
    hour = hours_fed(walk(5, 60)).hour
    long, short = confirm(filled(quarters), hour, 1), confirm(filled(quarters), hour, -1)
    assert long is not None
    assert short is not None
    assert "ABOVE_EMA10" in long.passed
    assert "BELOW_EMA10" not in short.passed
    assert long.ok


def test_a_spike_of_turnover_or_range_vetoes() -> None:
    quarters = drifting(0.0005, 96)
    hour = hours_fed(walk(5, 60)).hour
    loud = [*quarters[:-1], replace(quarters[-1], quote_volume=1e9)]
    wild = [replace(c, high=c.high * 1.2, low=c.low / 1.2) for c in quarters]
    spike, storm = confirm(filled(loud), hour, 1), confirm(filled(wild), hour, 1)
    assert spike is not None
    assert storm is not None
    assert (spike.veto, storm.veto) == ("TURNOVER_SPIKE", "QUARTER_TOO_WILD")
    assert not spike.ok
    assert not storm.ok


def test_nothing_is_confirmed_without_history() -> None:
    hour = hours_fed(walk(5, 60)).hour
    assert confirm(filled(drifting(0.0, 29)), hour, 1) is None
    assert confirm(filled(drifting(0.0, 60)), Bars(40), 1) is None
