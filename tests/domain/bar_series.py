"""Bars for the tests of structure: on a binary grid of ln(price), where negating and shifting lose no bit."""

from __future__ import annotations

import math
import random

from hypothesis import strategies as st

from domain.market import Candle
from domain.smc import Bar, Structure

GRID = 2.0**-14
STEP_MS = 300_000
FRAMES_MS = {"m5": 300_000, "m15": 900_000, "h1": 3_600_000}


def bar(number: int, low: float, high: float, opened: float, close: float, amount: float = 1.0) -> Bar:
    """Give a 5m bar by its number."""
    return Bar(number * STEP_MS, opened, high, low, close, amount)


def flat_bars(closes: list[float], reach: float = 0.25, amount: float = 1.0) -> list[Bar]:
    """Give bars of these closes that open where the last one closed and reach beyond both."""
    opens = [closes[0], *closes[:-1]]
    both = enumerate(zip(opens, closes, strict=True))
    return [bar(i, min(o, c) - reach, max(o, c) + reach, o, c, amount) for i, (o, c) in both]


def walk_bars(seed: int, size: int, step: int = 40, hole_every: int = 0) -> list[Bar]:
    """Give a lively market: drifts, jumps, bursts of volume, candles with all shapes, and holes if asked for."""
    draw, close, bars, skipped = random.Random(seed), 0, [], 0
    for i in range(size):
        drift = (i // 60 % 3 - 1) * step // 8
        opened = close + (draw.randint(-3 * step, 3 * step) if draw.random() < 0.05 else 0)
        close = opened + drift + draw.choice([draw.randint(-step, step), draw.randint(-4 * step, 4 * step), 0])
        high = max(opened, close) + draw.choice([0, draw.randint(0, step), draw.randint(0, 8 * step)])
        low = min(opened, close) - draw.choice([0, draw.randint(0, step), draw.randint(0, 8 * step)])
        skipped += bool(hole_every) and draw.random() < 1 / hole_every
        amount = float(draw.choice([0, draw.randint(1, 100), draw.randint(100, 2000)]))
        bars.append(Bar((i + skipped) * STEP_MS, opened * GRID, high * GRID, low * GRID, close * GRID, amount))
    return bars


def mirrored(bars: list[Bar]) -> list[Bar]:
    """Reflect prices in log space; what was traded in USDT stays."""
    return [Bar(b.open_ms, -b.open, -b.low, -b.high, -b.close, b.amount) for b in bars]


def shifted(bars: list[Bar], by: float = 512 * GRID) -> list[Bar]:
    """Quote the same market in another unit."""
    return [Bar(b.open_ms, b.open + by, b.high + by, b.low + by, b.close + by, b.amount) for b in bars]


def read(bars: list[Bar], interval_ms: int = STEP_MS) -> Structure:
    """Give the structure after all bars."""
    structure = Structure(interval_ms)
    for one in bars:
        structure.update_bar(one)
    return structure


def said(s: Structure) -> dict[str, object]:
    """Give everything that a structure says at a close, as plain values."""
    return {
        "code": s.code, "trend": s.trend, "closes_trend": s.closes_trend, "atr": s.atr, "adx": s.adx,
        "highs": [(one.at, one.level) for one in s.swings.highs],
        "lows": [(one.at, one.level) for one in s.swings.lows],
        "broke": s.broke and (s.broke.kind, s.broke.side, s.broke.level, s.broke.strength),
        "grab": s.grab, "institutional": s.institutional,
        "zones": sorted((zone.side, zone.level, zone.strength) for zone in s.zones),
        "blocks": [(b.side, b.low, b.high, b.quality, b.tests, b.created_ms) for b in s.blocks.held],
        "retested": s.retested.count,
        "gaps": [(gap.side, gap.low, gap.high, gap.touched, gap.fill) for gap in s.gaps.held],
        "reversal": s.reversal.signs(s.tail),
    }  # fmt: skip


def as_mirror_says(s: Structure) -> dict[str, object]:
    """Give what the mirrored market must say."""
    plain = said(s)
    turned = {
        "code": -s.code, "trend": None if s.trend is None else -s.trend, "closes_trend": -s.closes_trend,
        "highs": [(one.at, -one.level) for one in s.swings.lows],
        "lows": [(one.at, -one.level) for one in s.swings.highs],
        "broke": s.broke and (s.broke.kind, -s.broke.side, -s.broke.level, s.broke.strength),
        "grab": (s.grab[0], -s.grab[1]),
        "zones": sorted((-zone.side, -zone.level, zone.strength) for zone in s.zones),
        "blocks": [(-b.side, -b.high, -b.low, b.quality, b.tests, b.created_ms) for b in s.blocks.held],
        "gaps": [(-gap.side, -gap.high, -gap.low, gap.touched, gap.fill) for gap in s.gaps.held],
        "reversal": tuple(-sign for sign in s.reversal.signs(s.tail)),
    }  # fmt: skip
    return {**plain, **turned}


PRICES = st.one_of(st.floats(1e-8, 1e8), st.just(1.0), st.sampled_from([0.5, 1.001, 2.0]))


@st.composite
def any_candles(draw: st.DrawFn, interval_ms: int = STEP_MS, max_size: int = 60) -> list[Candle]:
    """Draw sound candles of every kind: flat, dead, jumping, with holes, of known and unknown volume in USDT."""
    candles, opened_ms = [], 0
    for _ in range(draw(st.integers(1, max_size))):
        ends = sorted(draw(st.lists(PRICES, min_size=1, max_size=4)))
        o, c = draw(st.sampled_from(ends)), draw(st.sampled_from(ends))
        volume = draw(st.sampled_from([0.0, 1.0, 1e-12, 1e300]))
        quote = draw(st.sampled_from([None, 0.0, 5.0, math.inf]))
        candles.append(Candle(opened_ms, o, ends[-1], ends[0], c, volume, quote))
        opened_ms += interval_ms * draw(st.sampled_from([1, 1, 1, 1, 3]))
    return candles
