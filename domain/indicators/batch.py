"""Indicators of whole columns, as a user's research script wants them.

Each function feeds its column to the class of `incremental.py`, so that research and trading see the same numbers to
the last bit. Arrays are of equal length, oldest first; results are as long as the input and nan while warming up.
Leading nan are taken as "not there yet", so that one indicator can be taken of another: `ema(rsi(close, 14), 9)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.errors import InvalidInput
from domain.indicators.incremental import ADX, ATR, EMA, MACD, RSI, Bollinger

Column = NDArray[np.float64]


def ema(close: ArrayLike, n: int) -> Column:
    """Exponential moving average, see `EMA`."""
    average = EMA(n)
    return _single(average, average.update_close, close)


def rsi(close: ArrayLike, n: int = 14) -> Column:
    """Relative strength index, 0 … 100, see `RSI`."""
    strength = RSI(n)
    return _single(strength, strength.update_close, close)


def macd(close: ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Column, Column, Column]:
    """MACD line, signal and histogram, see `MACD`."""
    convergence = MACD(fast, slow, signal)
    return _triple(convergence, convergence.update_close, close)


def bollinger(close: ArrayLike, n: int = 20, k: float = 2.0) -> tuple[Column, Column, Column]:
    """Upper, middle and lower band, see `Bollinger`."""
    bands = Bollinger(n, k)
    return _triple(bands, bands.update_close, close)


def adx(high: ArrayLike, low: ArrayLike, close: ArrayLike, n: int = 14) -> Column:
    """Average directional index, 0 … 100, see `ADX`."""
    direction = ADX(n)
    return _single(direction, direction.update_hlc, high, low, close)


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, n: int = 14) -> Column:
    """Average true range, see `ATR`."""
    true_range = ATR(n)
    return _single(true_range, true_range.update_hlc, high, low, close)


def _single(indicator: EMA | RSI | ADX | ATR, take: Callable[..., None], *columns: ArrayLike) -> Column:
    first, rows = _rows(columns)
    out = np.full(first + len(rows), np.nan)
    for at, row in enumerate(rows, first):
        take(*row)
        value = indicator.value
        if value is not None:
            out[at] = value
    return out


def _triple(
    indicator: MACD | Bollinger, take: Callable[..., None], *columns: ArrayLike
) -> tuple[Column, Column, Column]:
    first, rows = _rows(columns)
    out = np.full((3, first + len(rows)), np.nan)
    for at, row in enumerate(rows, first):
        take(*row)
        value = indicator.value
        if value is not None:
            out[:, at] = value
    return out[0], out[1], out[2]


def _rows(columns: Sequence[ArrayLike]) -> tuple[int, list[tuple[float, ...]]]:
    """Give the number of leading rows with a nan, and the rows after them."""
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    if any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        found = ", ".join(str(array.shape) for array in arrays)
        raise InvalidInput("indicator columns", "one-dimensional arrays of equal length", f"shapes {found}")
    present = np.flatnonzero(np.all(~np.isnan(arrays), axis=0))
    first = int(present[0]) if len(present) else len(arrays[0])
    return first, list(zip(*(array[first:].tolist() for array in arrays), strict=True))
