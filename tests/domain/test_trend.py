"""The sample strategy: given a market, when a candle closes, then it proposes or says why not."""

from __future__ import annotations

import math
import random

import pytest

from domain.candles import Frames
from domain.market import INTERVALS_MS, Candle
from domain.strategies import Pass, Proposal, View
from domain.strategies.trend import MIN_ADX, STOP_ATR, confidence_of, propose
from domain.values import Side

STEP_MS = INTERVALS_MS["5m"]


def given_closes(closes: list[float], reach: float = 0.5) -> list[Candle]:
    """Give 5m candles with these closes, each opening at the last close."""
    opens = [closes[0], *closes[:-1]]
    return [
        Candle(i * STEP_MS, o, max(o, c) + reach, min(o, c) - reach, c, 1.0)
        for i, (o, c) in enumerate(zip(opens, closes, strict=True))
    ]


def mirrored(candles: list[Candle], around: float = 1000.0) -> list[Candle]:
    flip = 2 * around
    return [Candle(c.open_time_ms, flip - c.open, flip - c.low, flip - c.high, flip - c.close, 1.0) for c in candles]


def when_closed(candles: list[Candle]) -> list[Proposal | Pass]:
    """Give what the strategy says at each close."""
    frames, said = Frames("5m"), []
    for candle in candles:
        frames.push(candle)
        said.append(propose(View("BTCUSDT", candle.open_time_ms + STEP_MS, "5m", frames)))
    return said


def rising(size: int = 80) -> list[Candle]:
    return given_closes([1000.0 + i for i in range(size)])


def wandering(seed: int = 5, size: int = 600) -> list[Candle]:
    draw, closes = random.Random(seed), [1000.0]
    for i in range(size - 1):
        closes.append(closes[-1] + draw.gauss(0.4 if i // 100 % 2 else -0.4, 1.0))
    return given_closes(closes)


def test_a_rising_market_is_bought_with_a_stop_two_ranges_below_and_a_target_three_above():
    said = when_closed(rising())[-1]
    assert isinstance(said, Proposal)
    atr = dict(said.facts)["atr14"]
    assert (said.side, said.entry) == (Side.LONG, 1079.0)
    assert said.stop == pytest.approx(1079.0 - 2 * atr)
    assert said.target == pytest.approx(1079.0 + 3 * atr)
    assert (said.confidence, said.win) == (1.0, pytest.approx(0.4))


def test_a_falling_market_is_sold_short():
    said = when_closed(mirrored(rising()))[-1]
    assert isinstance(said, Proposal)
    assert said.side is Side.SHORT
    assert said.target < said.entry < said.stop


def test_it_proposes_as_long_as_the_trend_holds():
    assert all(isinstance(said, Proposal) for said in when_closed(rising(200))[49:])


def test_before_the_slow_average_is_known_it_passes():
    assert when_closed(rising(50))[:49] == [Pass("WARMING_UP")] * 49


def test_a_flat_market_has_no_trend():
    assert when_closed(given_closes([1000.0] * 80, reach=0.0))[-1].reason == "NO_TREND"


def test_a_market_that_swings_has_too_low_an_adx():
    said = when_closed(given_closes([1000.0 + 5 * math.sin(1.3 * i) for i in range(120)]))[-1]
    assert said.reason == "ADX_TOO_LOW"
    assert dict(said.facts)["adx14"] < MIN_ADX


@pytest.mark.parametrize("mirror", [list, mirrored])
def test_a_close_on_the_wrong_side_of_the_fast_average_is_against_the_trend(mirror):
    closes = [1000.0 + i for i in range(80)]
    assert when_closed(mirror(given_closes([*closes, 1060.0])))[-1].reason == "PRICE_AGAINST_TREND"


def test_a_range_too_wide_for_positive_prices_is_no_trade():
    candles = [Candle(c.open_time_ms, c.open, c.high + 400, c.low - 400, c.close, 1.0) for c in rising()]
    assert when_closed(candles)[-1].reason == "ATR_OUT_OF_RANGE"


def test_a_market_that_stands_still_after_a_trend_gets_no_stop_at_its_entry():
    still = [Candle((80 + i) * STEP_MS, 1079.0, 1079.0, 1079.0, 1079.0, 0.0) for i in range(800)]
    said = when_closed([*rising(), *still])
    assert said[-1].reason == "ATR_OUT_OF_RANGE"
    assert all(one.stop < one.entry < one.target for one in said if isinstance(one, Proposal))


def test_a_mirrored_market_gets_the_mirrored_answer():
    proposals = 0
    for said, other in zip(when_closed(wandering()), when_closed(mirrored(wandering())), strict=True):
        if isinstance(said, Pass):
            assert isinstance(other, Pass)
            assert said.reason == other.reason
            continue
        proposals += 1
        assert isinstance(other, Proposal)
        assert other.side is said.side.opposite
        assert other.confidence == pytest.approx(said.confidence, rel=1e-9)
        for level in ("entry", "stop", "target"):
            assert getattr(other, level) == pytest.approx(2000.0 - getattr(said, level), rel=1e-9)
    assert proposals > 50


def test_every_proposal_has_its_levels_in_order_and_at_the_promised_distance():
    for said in when_closed(wandering()):
        if isinstance(said, Proposal):
            risk = (said.entry - said.stop) * said.side.sign
            assert risk == pytest.approx(STOP_ATR * dict(said.facts)["atr14"])
            assert (said.target - said.entry) * said.side.sign == pytest.approx(1.5 * risk)
            assert 0.5 <= said.confidence <= 1.0


def test_the_future_changes_nothing():
    candles = wandering()
    whole = when_closed(candles)
    other_future = given_closes([5000.0 - i for i in range(600)])
    for cut in (60, 150, 399):
        assert when_closed(candles[:cut] + other_future[cut:])[:cut] == whole[:cut]


def test_the_stronger_the_trend_the_higher_the_confidence():
    assert [confidence_of(adx) for adx in (20.0, 35.0, 50.0, 80.0)] == [0.5, 0.75, 1.0, 1.0]
