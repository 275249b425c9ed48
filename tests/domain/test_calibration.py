"""Confidence tables, and the Prime strength that lets the wanted share through."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace
from walks import joined

from domain.calibration.shipped import SHIPPED
from domain.calibration.table import (
    Calibration,
    HitRate,
    Sample,
    brier,
    knots_of,
    prime_strength_of,
    rebuild,
    strengths,
)
from domain.errors import InvalidInput
from domain.factors import FactorState, FactorView, MarketContext
from domain.market import Candle
from domain.scoring import GateState, ScoringPolicy, assess

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data")) / "market"
TABLE = Calibration("toy", "1", ((10.0, 0.0), (20.0, 0.5), (40.0, 1.0)), 50.0)


def samples(count: int, seed: int = 1) -> list[Sample]:
    dice = random.Random(seed)
    raws = [abs(dice.gauss(0.0, 20.0)) for _ in range(count)]
    return [Sample(raw, 0.6, dice.random() < raw / 100) for raw in raws]


def test_a_table_is_linear_between_its_knots_and_flat_beyond() -> None:
    raws = (0, 10, 15, 20, 30, 40, 100)
    assert [TABLE.confidence(raw) for raw in raws] == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]


def test_confidence_is_the_rank_among_the_recorded_scores() -> None:
    recorded = samples(2_000)
    table = rebuild("toy", "2", recorded)
    below = sum(sample.raw < 25.0 for sample in recorded) / len(recorded)
    assert table.confidence(25.0) == pytest.approx(below, abs=0.02)
    assert (table.strategy, table.version, table.samples) == ("toy", "2", 2_000)
    xs, ys = zip(*table.knots, strict=True)
    assert list(xs) == sorted(set(xs))
    assert list(ys) == sorted(set(ys))


@pytest.mark.parametrize("share", [0.01, 0.02, 0.03])
def test_the_prime_strength_lets_the_wanted_share_through(share: float) -> None:
    recorded = [replace(s, p=0.7, barred=at % 10 == 0) for at, s in enumerate(samples(5_000))]
    table = rebuild("toy", "2", recorded, sideless=500, prime_share=share)
    through = sum(strength >= table.prime_strength for strength in strengths(table, recorded)) / 5_500
    assert through == pytest.approx(share, abs=0.004)


def test_outcomes_are_counted_a_tenth_of_confidence_each() -> None:
    recorded = [Sample(5.0, 0.5, won=True)] * 10 + [Sample(50.0, 0.9, won=False)] * 10 + [Sample(30.0)] * 200
    table = rebuild("toy", "2", recorded)
    assert table.hit_rates[0] == HitRate(0.0, 10, 1.0)
    assert sum(rate.samples for rate in table.hit_rates) == 20
    assert table.brier == pytest.approx((0.25 + 0.81) / 2)
    assert brier([Sample(1.0)]) is None


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 200 recorded analyses"):
        rebuild("toy", "2", samples(199))


def test_equal_scores_share_one_knot() -> None:
    assert knots_of([7.0] * 300) == ((7.0, 1.0),)
    assert Calibration("toy", "2", knots_of([7.0] * 300), 1.0).confidence(3.0) == 1.0


def test_where_too_few_may_be_prime_all_of_them_are_and_nothing_more() -> None:
    assert prime_strength_of([0.0] * 995 + [40.0] * 5, 0.02) == 40.0
    assert prime_strength_of([0.0] * 900 + [40.0] * 80 + [90.0] * 20, 0.01) == 90.0
    assert prime_strength_of([0.0] * 900, 0.02) == 100.0
    assert prime_strength_of([], 0.02) == 100.0


def test_every_strategy_ships_a_table() -> None:
    assert set(SHIPPED) == {"factors", "ict", "hybrid"}
    for name, table in SHIPPED.items():
        assert table.strategy == name
        assert table.confidence(0.0) == 0.0
        assert table.confidence(100.0) == 1.0
        assert list(table.knots) == sorted(table.knots)


def test_the_shipped_prime_strength_makes_1_to_3_percent_of_recorded_analyses_prime() -> None:
    path = DATA / "klines/15m/SOLUSDT_2024-04_2025-06.parquet"
    if not path.exists():
        pytest.skip(f"no recorded market at {DATA}: set HINDSIGHT_DATA to the folder that holds market/")
    columns = pq.read_table(path).to_pydict()
    names = ("open_time", "open", "high", "low", "close", "volume")
    quarters = [Candle(*row) for row in zip(*(columns[name] for name in names), strict=True)][-96 * 90 :]
    state, gates, tiers = FactorState(), GateState(), list[str]()
    for at, candle in enumerate(quarters, 1):
        state.close("15m", candle)
        for interval, count in (("1h", 4), ("4h", 16), ("1d", 96)):
            if at % count == 0:
                state.close(interval, joined(quarters[at - count : at], count, interval)[0])
        if state.four_hour.seen >= 50:
            view = FactorView("SOLUSDT", candle.open_time_ms + 900_000, state, MarketContext(data_quality=1.0))
            verdict, gates = assess(view, ScoringPolicy(), gates, SHIPPED["factors"])
            tiers.append(verdict.tier)
    assert 0.01 <= tiers.count("prime") / len(tiers) <= 0.03
