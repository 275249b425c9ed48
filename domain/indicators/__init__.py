"""The six standard indicators, equal to TA-Lib on the same series, its seeding included.

- `incremental.py`: a class each, O(1) a candle, restartable from a checkpoint
- `batch.py`: a function each over whole columns, by the very same arithmetic
- `standard.py`: the set that a frame carries
"""

from domain.indicators.batch import adx, atr, bollinger, ema, macd, rsi
from domain.indicators.incremental import ADX, ATR, EMA, MACD, RSI, Bands, Bollinger, Convergence
from domain.indicators.standard import IndicatorSet

__all__ = [
    "ADX",
    "ATR",
    "EMA",
    "MACD",
    "RSI",
    "Bands",
    "Bollinger",
    "Convergence",
    "IndicatorSet",
    "adx",
    "atr",
    "bollinger",
    "ema",
    "macd",
    "rsi",
]
