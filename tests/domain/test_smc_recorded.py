"""Structure, features and the `ict` strategy over recorded markets: they happen, and the mirror holds there."""

from __future__ import annotations

import math
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from domain.analysis.features import NAMES, Book, IctView, features
from domain.candles import FrameBuilder
from domain.market import Candle
from domain.smc import Structure
from domain.strategies import Pass, Proposal
from domain.strategies.ict import propose
from domain.values import Side
from tests.domain.bar_series import FRAMES_MS

DATA = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[2] / "../shared/data"))
FOLDER = DATA / "market" / "klines" / "1m"
SYMBOLS = ("SOLUSDT", "XRPUSDT")
MINUTES = 5 * 2_400


@cache
def recorded(symbol: str) -> tuple[Candle, ...]:
    """Give 2,400 recorded 5m candles with their volume in USDT."""
    files = sorted(FOLDER.glob(f"{symbol}_*.parquet"))
    if not files:
        pytest.skip(f"no recorded candles at {FOLDER}: set HINDSIGHT_DATA to the folder that holds market/")
    table = pytest.importorskip("pyarrow.parquet").read_table(files[0]).slice(0, MINUTES)
    columns = [table[name].to_pylist() for name in ("open_time", "open", "high", "low", "close", "volume")]
    builder = FrameBuilder(300_000, 60_000)
    minutes = (Candle(*row, quote_volume=row[4] * row[5]) for row in zip(*columns, strict=True))
    return tuple(candle for minute in minutes if (candle := builder.add(minute)))


def reflected(candle: Candle, around: float) -> Candle:
    """Reflect a candle's prices in log space; what was traded in USDT stays."""
    k = around * around
    return Candle(candle.open_time_ms, k / candle.open, k / candle.low, k / candle.high, k / candle.close,
                  candle.volume, candle.quote_volume)  # fmt: skip


def in_other_unit(candle: Candle, factor: float) -> Candle:
    prices = (factor * price for price in (candle.open, candle.high, candle.low, candle.close))
    return Candle(candle.open_time_ms, *prices, candle.volume / factor, candle.quote_volume)


def views(candles: tuple[Candle, ...], flow: float = 0.2) -> list[tuple[IctView, Proposal | Pass, tuple[float, ...]]]:
    """Give view, answer and the features of both sides at each 5m close."""
    frames = {name: Structure(interval_ms) for name, interval_ms in FRAMES_MS.items()}
    quarter, hour, out = FrameBuilder(900_000, 300_000), FrameBuilder(3_600_000, 900_000), []
    for candle in candles:
        frames["m5"].update(candle)
        if larger := quarter.add(candle):
            frames["m15"].update(larger)
            if largest := hour.add(larger):
                frames["h1"].update(largest)
        closed_ms = candle.open_time_ms + 300_000
        view = IctView("X", closed_ms, candle.close, **frames, order_flow=flow, book=Book(8_000.0, 3e-4))
        out.append((view, propose(view), features(view, Side.LONG).values + features(view, Side.SHORT).values))
    return out


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_reflected_market_gets_the_reflected_answer_at_every_close(symbol):
    candles = recorded(symbol)
    around, sides = candles[0].close, Counter()
    there = views(tuple(reflected(candle, around) for candle in candles), flow=-0.2)
    for (_, said, vector), (_, other, turned) in zip(views(candles), there, strict=True):
        assert turned[12:] + turned[:12] == pytest.approx(vector, rel=1e-7, abs=1e-7)
        if isinstance(said, Pass):
            assert isinstance(other, Pass)
            assert other.reason == said.reason
            continue
        assert isinstance(other, Proposal)
        assert (other.side, other.reasons) == (said.side.opposite, said.reasons)
        assert (other.confidence, other.win) == (pytest.approx(said.confidence), pytest.approx(said.win))
        for level in ("entry", "stop", "target"):
            assert getattr(other, level) == pytest.approx(around * around / getattr(said, level), rel=1e-9)
        sides[said.side] += 1
    assert min(sides[side] for side in Side) > 20


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_market_in_another_unit_gets_the_same_answer_at_every_close(symbol):
    candles = recorded(symbol)
    there = views(tuple(in_other_unit(candle, 1000.0) for candle in candles))
    for (_, said, vector), (_, other, scaled) in zip(views(candles), there, strict=True):
        assert scaled == pytest.approx(vector, rel=1e-7, abs=1e-7)
        if isinstance(said, Pass):
            assert isinstance(other, Pass)
            assert other.reason == said.reason
        else:
            assert isinstance(other, Proposal)
            assert (other.side, other.reasons) == (said.side, said.reasons)
            assert other.stop == pytest.approx(1000.0 * said.stop, rel=1e-9)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_feature_moves_over_a_recorded_market(symbol):
    seen = [vector[:12] for _, _, vector in views(recorded(symbol))]
    still = {name for place, name in enumerate(NAMES) if len({vector[place] for vector in seen}) == 1}
    assert still == {"order_flow"}  # which this test feeds with one number


def test_confidence_and_win_use_their_range():
    said = [answer for _, answer, _ in views(recorded("SOLUSDT")) if isinstance(answer, Proposal)]
    assert max(one.confidence for one in said) - min(one.confidence for one in said) > 0.2
    assert max(one.win for one in said) - min(one.win for one in said) > 0.05
    assert all(math.log(one.target / one.entry) / math.log(one.entry / one.stop) == pytest.approx(1.5) for one in said)
