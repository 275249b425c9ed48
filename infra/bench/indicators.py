"""`indicators`: closes a second through the six indicators: EMA 20, RSI 14, MACD, Bollinger, ADX 14, ATR 14.

Ours takes a closed candle in constant time. The baseline is TA-Lib, in C, over a window of the last 300 candles, which
is what a program without incremental indicators computes at every close.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.indicators import ADX, ATR, EMA, MACD, RSI, Bollinger
from domain.market import Candle
from infra.bench.context import BenchContext
from infra.bench.histories import candles
from infra.bench.measure import Measure, Skipped, beside, rate, take_turns

UNIT: Final = "closes/s"
WINDOW: Final = 300
BASELINE: Final = f"TA-Lib over a window of {WINDOW} candles"


def bench_indicators(context: BenchContext) -> list[Measure]:
    """Measure our indicators against TA-Lib. Raises `Skipped` without it."""
    try:
        import talib  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise Skipped("indicators needs TA-Lib as its baseline: `pip install -e '.[bench]'`.") from error
    closed = [arrived.candle for arrived in candles(1, WINDOW + context.size(5_000, 50))]
    count = len(closed) - WINDOW
    ours, baseline = take_turns(
        context.rounds, lambda: rate(count, lambda: _incremental(closed[WINDOW:])), lambda: _windows(closed, count)
    )
    return [beside("indicators", ours, UNIT, BASELINE, baseline)]


def _incremental(closed: list[Candle]) -> None:
    """Update as `IndicatorSet` does, where a candle's values are looked up once for all, and read every value."""
    average, strength, convergence, bands = EMA(20), RSI(14), MACD(12, 26, 9), Bollinger(20, 2.0)
    direction, true_range = ADX(14), ATR(14)
    for candle in closed:
        high, low, close = candle.high, candle.low, candle.close
        average.update_close(close)
        strength.update_close(close)
        convergence.update_close(close)
        bands.update_close(close)
        direction.update_hlc(high, low, close)
        true_range.update_hlc(high, low, close)
        for indicator in (average, strength, convergence, bands, direction, true_range):
            _ = indicator.value


def _windows(closed: list[Candle], count: int) -> float:
    import talib

    high = np.array([candle.high for candle in closed])
    low = np.array([candle.low for candle in closed])
    close = np.array([candle.close for candle in closed])

    def work() -> None:
        for end in range(WINDOW + 1, len(close) + 1):
            h, lo, c = high[end - WINDOW : end], low[end - WINDOW : end], close[end - WINDOW : end]
            talib.EMA(c, 20)
            talib.RSI(c, 14)
            talib.MACD(c, 12, 26, 9)
            talib.BBANDS(c, 20, 2.0, 2.0)
            talib.ADX(h, lo, c, 14)
            talib.ATR(h, lo, c, 14)

    return rate(count, work)
