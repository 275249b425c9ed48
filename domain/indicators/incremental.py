"""Indicators that take one closed candle at a time, in constant time and memory.

Each is a mutable struct of plain numbers: `msgspec.msgpack` writes and reads it without losing a bit, so an indicator
that comes back from a checkpoint goes on as if it had never stopped. `value` is the newest value, None while warming
up; it is finite for every sound candle.

Two ways of smoothing are used. Both start from the plain mean of their first n numbers, as TA-Lib does:
exponential `e += (x - e) · 2 / (n + 1)`, and Wilder's `w = (w · (n - 1) + x) / n` (Wilder, *New Concepts in Technical
Trading Systems*, 1978).
"""

from __future__ import annotations

from math import dist, sqrt
from typing import NamedTuple

import msgspec

from domain.errors import InvalidInput
from domain.market import Candle

_ROUNDING_NOISE = 2.0**-52
"""What adding up n floats may be off by, as a share of the sum, is less than n times this."""


class Convergence(NamedTuple):
    """One value of MACD: `line` = fast - slow average, `signal` = average of the line, `histogram` = line - signal."""

    line: float
    signal: float
    histogram: float


class Bands(NamedTuple):
    """One value of Bollinger's bands, in units of price."""

    upper: float
    middle: float
    lower: float


class EMA(msgspec.Struct, gc=False):
    """Exponential moving average over `n` closes; the first value comes with the n-th close."""

    n: int
    value: float | None = None
    seen: int = 0
    level: float = 0.0

    def __post_init__(self) -> None:
        _require_period("EMA", self.n)

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        return self.update_close(candle.close)

    def update_close(self, close: float) -> float | None:
        """Take a close and give the newest value."""
        seen, n = self.seen + 1, self.n
        self.seen = seen
        if seen > n:
            level = self.level = self.value = self.level + (close - self.level) * (2.0 / (n + 1))
            return level
        self.level = _exponential(self.level, close, seen, n)
        if seen == n:
            self.value = self.level
        return self.value


class RSI(msgspec.Struct, gc=False):
    """Wilder's relative strength index, 0 … 100; the first value comes after `n` changes. Without change it is 0."""

    n: int = 14
    value: float | None = None
    seen: int = 0
    close: float = 0.0
    gain: float = 0.0
    loss: float = 0.0

    def __post_init__(self) -> None:
        _require_period("RSI", self.n)

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        return self.update_close(candle.close)

    def update_close(self, close: float) -> float | None:
        """Take a close and give the newest value."""
        changes = self.seen
        self.seen = changes + 1
        change = close - self.close
        self.close = close
        if changes == 0:
            return None
        n = self.n
        up, down = (change, 0.0) if change > 0.0 else (0.0, -change)
        if changes > n:
            gain = self.gain = (self.gain * (n - 1) + up) / n
            loss = self.loss = (self.loss * (n - 1) + down) / n
        else:
            gain = self.gain = _wilder(self.gain, up, changes, n)
            loss = self.loss = _wilder(self.loss, down, changes, n)
            if changes < n:
                return None
        total = gain + loss
        value = self.value = 100.0 * (gain / total) if total > 0.0 else 0.0
        return value


class MACD(msgspec.Struct, gc=False):
    """Moving average convergence/divergence (Appel); the first value comes with close number slow + signal - 1.

    The fast average leaves out the first slow - fast closes, so that both averages begin at the same close.
    """

    fast: int = 12
    slow: int = 26
    signal: int = 9
    value: Convergence | None = None
    seen: int = 0
    fast_level: float = 0.0
    slow_level: float = 0.0
    signal_level: float = 0.0

    def __post_init__(self) -> None:
        for n in (self.fast, self.slow, self.signal):
            _require_period("MACD", n)
        if self.fast > self.slow:
            self.fast, self.slow = self.slow, self.fast

    def update(self, candle: Candle) -> Convergence | None:
        """Take a closed candle and give the newest value."""
        return self.update_close(candle.close)

    def update_close(self, close: float) -> Convergence | None:
        """Take a close and give the newest value."""
        seen, slow, fast = self.seen + 1, self.slow, self.fast
        self.seen = seen
        if seen - slow >= self.signal:
            quick = self.fast_level = self.fast_level + (close - self.fast_level) * (2.0 / (fast + 1))
            calm = self.slow_level = self.slow_level + (close - self.slow_level) * (2.0 / (slow + 1))
            line = quick - calm
            signal = self.signal_level = self.signal_level + (line - self.signal_level) * (2.0 / (self.signal + 1))
            value = self.value = Convergence(line, signal, line - signal)
            return value
        return self._warm_up(close, seen)

    def _warm_up(self, close: float, seen: int) -> Convergence | None:
        fast_seen = seen - self.slow + self.fast
        if fast_seen > 0:
            self.fast_level = _exponential(self.fast_level, close, fast_seen, self.fast)
        self.slow_level = _exponential(self.slow_level, close, seen, self.slow)
        lines = seen - self.slow + 1
        if lines <= 0:
            return None
        line = self.fast_level - self.slow_level
        signal = self.signal_level = _exponential(self.signal_level, line, lines, self.signal)
        if lines < self.signal:
            return None
        value = self.value = Convergence(line, signal, line - signal)
        return value


class Bollinger(msgspec.Struct, gc=False):
    """Bollinger's bands: the mean of the last `n` closes, ± `k` population standard deviations.

    Both are computed anew from the n closes, because running sums drift and a jump that has left the window would live
    on in them.
    """

    n: int = 20
    k: float = 2.0
    value: Bands | None = None
    closes: list[float] = msgspec.field(default_factory=list[float])

    def __post_init__(self) -> None:
        _require_period("Bollinger", self.n)
        self.k = float(self.k)

    def update(self, candle: Candle) -> Bands | None:
        """Take a closed candle and give the newest value."""
        return self.update_close(candle.close)

    def update_close(self, close: float) -> Bands | None:
        """Take a close and give the newest value."""
        closes, n = self.closes, self.n
        closes.append(close)
        if len(closes) <= n:
            if len(closes) < n:
                return None
        else:
            del closes[0]
        mean = sum(closes) / n
        deviation = dist(closes, (mean,) * n) / sqrt(n)
        if deviation <= _ROUNDING_NOISE * n * abs(mean):  # a flat window, whose mean is off by its last bits
            mean, deviation = close, 0.0
        reach = self.k * deviation
        value = self.value = Bands(mean + reach, mean, mean - reach)
        return value


class ATR(msgspec.Struct, gc=False):
    """Wilder's average true range, in units of price; the first value comes with candle number n + 1."""

    n: int = 14
    value: float | None = None
    seen: int = 0
    close: float = 0.0
    level: float = 0.0

    def __post_init__(self) -> None:
        _require_period("ATR", self.n)

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        return self.update_hlc(candle.high, candle.low, candle.close)

    def update_hlc(self, high: float, low: float, close: float) -> float | None:
        """Take a candle's high, low and close, and give the newest value."""
        ranges, last = self.seen, self.close
        self.seen = ranges + 1
        self.close = close
        if ranges == 0:
            return None
        n = self.n
        true_range = max(high, last) - min(low, last)
        if ranges > n:
            level = self.level = self.value = (self.level * (n - 1) + true_range) / n
            return level
        self.level = _wilder(self.level, true_range, ranges, n)
        if ranges == n:
            self.value = self.level
        return self.value


class ADX(msgspec.Struct, gc=False):
    """Wilder's average directional index, 0 … 100; the first value comes with candle number 2n.

    DX = 100 · |+DI - -DI| / (+DI + -DI). Both DI are a directional movement over the same true range, which therefore
    cancels out and is not kept. As long as nothing has ever moved, DX is 0.
    """

    n: int = 14
    value: float | None = None
    seen: int = 0
    high: float = 0.0
    low: float = 0.0
    rises: float = 0.0
    falls: float = 0.0
    level: float = 0.0

    def __post_init__(self) -> None:
        _require_period("ADX", self.n)

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        return self.update_hlc(candle.high, candle.low, candle.close)

    def update_hlc(self, high: float, low: float, close: float) -> float | None:  # noqa: ARG002  one call fits ADX and ATR
        """Take a candle's high, low and close, and give the newest value."""
        moves, n = self.seen, self.n
        self.seen = moves + 1
        up, down = high - self.high, self.low - low
        self.high, self.low = high, low
        if moves == 0:
            return None
        rises, falls = self.rises, self.falls
        if moves >= n:
            rises -= rises / n
            falls -= falls / n
        if down > 0.0 and up < down:
            falls += down
        elif up > 0.0 and up > down:
            rises += up
        self.rises, self.falls = rises, falls
        if moves < n:
            return None
        return self._average(moves - n + 1, rises, falls)

    def _average(self, count: int, rises: float, falls: float) -> float | None:
        """Smooth the `count`-th DX into ADX."""
        total, n = rises + falls, self.n
        direction = 100.0 * (abs(rises - falls) / total) if total > 0.0 else 0.0
        if count > n:
            level = self.level = self.value = (self.level * (n - 1) + direction) / n
            return level
        self.level = _wilder(self.level, direction, count, n)
        if count == n:
            self.value = self.level
        return self.value


def _exponential(level: float, x: float, count: int, n: int) -> float:
    """Smooth `x`, the `count`-th number, into `level`, which is a sum until the n-th makes it a mean."""
    if count > n:
        return level + (x - level) * (2.0 / (n + 1))
    level += x
    return level / n if count == n else level


def _wilder(level: float, x: float, count: int, n: int) -> float:
    """Smooth `x`, the `count`-th number, into `level`, which is a sum until the n-th makes it a mean."""
    if count > n:
        return (level * (n - 1) + x) / n
    level += x
    return level / n if count == n else level


def _require_period(indicator: str, n: int) -> None:
    if n < 1:
        raise InvalidInput(f"{indicator} period", "an integer of at least 1", str(n))
