"""The incremental factors against their slow twin: equal scores at every bar, also on recorded candles."""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from walks import HOUR, fed, joined, reference, some_context, view_of, walk

from domain.calibration.shipped import SHIPPED
from domain.config import ScoringConfig
from domain.factors import NAMES, FactorState, MarketContext, score_all
from domain.factors.whole import whole_scores
from domain.market import Candle
from domain.scoring import GateState, ScoringPolicy, assess
from domain.scoring.whole import assess_windows

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data")) / "market"


def recorded(symbol: str, count: int) -> list[Candle]:
    """1m candles of February 2026, with quote and taker volumes, joined to 15m."""
    path = DATA / f"klines/1m/{symbol}_2026-02.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market at {DATA}: set HINDSIGHT_DATA to the folder that holds market/")
    columns = pq.read_table(path).slice(0, count * 15).to_pydict()
    names = ("open_time", "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume",
             "taker_buy_quote_volume")  # fmt: skip
    minutes = [Candle(*row) for row in zip(*(columns[name] for name in names), strict=True)]
    return joined(minutes, 15, "15m")


def assert_twins(quarters: list[Candle], context_of: dict[int, MarketContext], seed: int, every: int = 7) -> None:
    state, dice = FactorState(), random.Random(seed)
    hours: list[Candle] = []
    interest: list[tuple[int, float]] = []

    def compare(at: int) -> None:
        if at % 4:
            return
        hours.append(joined(quarters[at - 4 : at], 4, "1h")[0])
        closed_ms = hours[-1].open_time_ms + HOUR
        before = interest[-1][1] if interest else 1e8
        interest.append((closed_ms, before * math.exp(dice.gauss(0.0, 0.02 if dice.random() < 0.05 else 0.004))))
        state.add_open_interest(*interest[-1])
        if len(hours) < 40 or len(hours) % every:
            return
        context = context_of.get(0) or some_context(len(hours), hours[-1].open_time_ms)
        fast = score_all(view_of(state, context))
        slow = whole_scores(hours, quarters[:at], interest[-200:], context)
        for name in NAMES:
            ours, theirs = fast[name], slow[name]
            assert (ours.value is None) == (theirs.value is None), (name, len(hours), ours, theirs)
            if ours.value is not None and theirs.value is not None:
                assert ours.value == pytest.approx(theirs.value, abs=1e-7), (name, len(hours), ours, theirs)
            assert ours.quality == pytest.approx(theirs.quality), (name, len(hours))

    fed(state, quarters, compare)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_incremental_scores_equal_those_of_whole_windows_on_random_walks(seed: int) -> None:
    assert_twins(walk(seed, 4 * 200, interval="15m", sigma=0.004), {}, seed)


def test_incremental_scores_equal_those_of_whole_windows_on_recorded_candles() -> None:
    assert_twins(recorded("AVAXUSDT", 4 * 420), {}, 7, every=29)


def test_the_slow_twin_needs_no_context() -> None:
    quarters = walk(5, 4 * 60, interval="15m")
    hours = joined(quarters, 4, "1h")
    scores = whole_scores(hours, quarters, [], MarketContext())
    assert [name for name in NAMES if scores[name].value is None] == ["O", "L", "B", "Q", "I"]
    with_leads = MarketContext(btc=reference(hours), eth=reference(walk(6, 60)))
    assert whole_scores(hours, quarters, [], with_leads)["I"].value is not None


def test_the_whole_chain_has_a_slow_twin() -> None:
    quarters = walk(8, 4 * 210, interval="15m", sigma=0.004)
    state = fed(FactorState(), quarters)
    windows = {"15m": quarters, **{name: joined(quarters, n, name) for name, n in (("1h", 4), ("4h", 16), ("1d", 96))}}
    interest = [(candle.open_time_ms + HOUR, 1e8 + at**2) for at, candle in enumerate(windows["1h"])]
    for sample in interest:
        state.add_open_interest(*sample)
    view = view_of(state, some_context(8, state.hour.last_open_ms))
    policy, gates, table = ScoringPolicy(ScoringConfig(min_score=0.0)), GateState(), SHIPPED["factors"]
    fast, _ = assess(view, policy, gates, table)
    slow, _ = assess_windows(windows, interest, view.context, policy, gates, table, view.time_ms)
    assert slow.probability.p_long == pytest.approx(fast.probability.p_long)
    assert slow.strength.value == pytest.approx(fast.strength.value)
    assert (slow.tier, slow.reasons, slow.levels, slow.coherence) == (
        fast.tier, fast.reasons, fast.levels, fast.coherence
    )  # fmt: skip
