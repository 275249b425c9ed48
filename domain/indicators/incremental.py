"""Indicators that take one closed candle at a time, in constant time and memory.

Each is a few plain numbers that change at every close, in a dataclass: to set an attribute of a msgspec struct takes
four times as long. `msgspec.msgpack` writes and reads either without losing a bit, so an indicator that comes back from
a checkpoint goes on as if it had never stopped. `value` is the newest value, None while warming up; it is finite for
every sound candle. It is computed where it is asked for: most closes are never asked. `seen` counts what was taken
until the warm-up is over, and then stands still.

Two ways of smoothing are used. Both start from the plain mean of their first n numbers, as TA-Lib does:
exponential `e += (x - e) · 2 / (n + 1)`, and Wilder's `w = (w · (n - 1) + x) / n` (Wilder, *New Concepts in Technical
Trading Systems*, 1978).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import dist, sqrt
from typing import NamedTuple

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


@dataclass(slots=True)
class EMA:
    """Exponential moving average over `n` closes; the first value comes with the n-th close."""

    n: int
    seen: int = 0
    level: float = 0.0

    def __post_init__(self) -> None:
        _require_period("EMA", self.n)

    @property
    def value(self) -> float | None:
        """The newest value, in units of what is averaged."""
        return self.level if self.seen == self.n else None

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        self.update_close(candle.close)
        return self.value

    def update_close(self, close: float) -> None:
        """Take a close."""
        n, level = self.n, self.level
        if self.seen == n:
            self.level = level + (close - level) * (2.0 / (n + 1))
            return
        self.seen += 1
        self.level = _exponential(level, close, self.seen, n)


@dataclass(slots=True)
class RSI:
    """Wilder's relative strength index, 0 … 100; the first value comes after `n` changes. Without change it is 0."""

    n: int = 14
    seen: int = 0
    close: float = 0.0
    gain: float = 0.0
    loss: float = 0.0

    def __post_init__(self) -> None:
        _require_period("RSI", self.n)

    @property
    def ready(self) -> bool:
        """Whether the warm-up is over."""
        return self.seen > self.n

    @property
    def value(self) -> float | None:
        """The newest value, 0 … 100."""
        if not self.ready:
            return None
        total = self.gain + self.loss
        return 100.0 * (self.gain / total) if total > 0.0 else 0.0

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        self.update_close(candle.close)
        return self.value

    def update_close(self, close: float) -> None:
        """Take a close."""
        changes, n, change = self.seen, self.n, close - self.close
        self.close = close
        up, down = (change, 0.0) if change > 0.0 else (0.0, -change)
        if changes > n:
            self.gain = (self.gain * (n - 1) + up) / n
            self.loss = (self.loss * (n - 1) + down) / n
            return
        self.seen = changes + 1
        if changes:
            self.gain, self.loss = _wilder(self.gain, up, changes, n), _wilder(self.loss, down, changes, n)


@dataclass(slots=True)
class MACD:
    """Moving average convergence/divergence (Appel); the first value comes with close number slow + signal - 1.

    The fast average leaves out the first slow - fast closes, so that both averages begin at the same close.
    """

    fast: int = 12
    slow: int = 26
    signal: int = 9
    seen: int = 0
    fast_level: float = 0.0
    slow_level: float = 0.0
    signal_level: float = 0.0

    def __post_init__(self) -> None:
        for n in (self.fast, self.slow, self.signal):
            _require_period("MACD", n)
        if self.fast > self.slow:
            self.fast, self.slow = self.slow, self.fast

    @property
    def ready(self) -> bool:
        """Whether the warm-up is over."""
        return self.seen >= self.slow + self.signal - 1

    @property
    def histogram(self) -> float:
        """Line - signal, in units of price; nothing is said while warming up."""
        return self.fast_level - self.slow_level - self.signal_level

    @property
    def value(self) -> Convergence | None:
        """Line, signal and histogram, in units of price."""
        if not self.ready:
            return None
        return Convergence(self.fast_level - self.slow_level, self.signal_level, self.histogram)

    def update(self, candle: Candle) -> Convergence | None:
        """Take a closed candle and give the newest value."""
        self.update_close(candle.close)
        return self.value

    def update_close(self, close: float) -> None:
        """Take a close."""
        slow, signal = self.slow, self.signal
        if self.seen < slow + signal - 1:
            self._warm_up(close)
            return
        quick, calm, level = self.fast_level, self.slow_level, self.signal_level
        quick = self.fast_level = quick + (close - quick) * (2.0 / (self.fast + 1))
        calm = self.slow_level = calm + (close - calm) * (2.0 / (slow + 1))
        self.signal_level = level + (quick - calm - level) * (2.0 / (signal + 1))

    def _warm_up(self, close: float) -> None:
        seen = self.seen = self.seen + 1
        fast_seen = seen - self.slow + self.fast
        if fast_seen > 0:
            self.fast_level = _exponential(self.fast_level, close, fast_seen, self.fast)
        self.slow_level = _exponential(self.slow_level, close, seen, self.slow)
        lines = seen - self.slow + 1
        if lines > 0:
            line = self.fast_level - self.slow_level
            self.signal_level = _exponential(self.signal_level, line, lines, self.signal)


@dataclass(slots=True)
class Bollinger:
    """Bollinger's bands: the mean of the last `n` closes, ± `k` population standard deviations.

    Both are computed anew from the n closes, because running sums drift and a jump that has left the window would live
    on in them.
    """

    n: int = 20
    k: float = 2.0
    closes: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        _require_period("Bollinger", self.n)
        self.k = float(self.k)

    @property
    def value(self) -> Bands | None:
        """Upper, middle and lower band, in units of price."""
        closes, n = self.closes, self.n
        if len(closes) < n:
            return None
        mean = sum(closes) / n
        deviation = dist(closes, (mean,) * n) / sqrt(n)
        if deviation <= _ROUNDING_NOISE * n * abs(mean):  # a flat window, whose mean is off by its last bits
            mean, deviation = closes[-1], 0.0
        reach = self.k * deviation
        return Bands(mean + reach, mean, mean - reach)

    def update(self, candle: Candle) -> Bands | None:
        """Take a closed candle and give the newest value."""
        self.update_close(candle.close)
        return self.value

    def update_close(self, close: float) -> None:
        """Take a close."""
        closes = self.closes
        if len(closes) == self.n:
            del closes[0]
        closes.append(close)


@dataclass(slots=True)
class ATR:
    """Wilder's average true range, in units of price; the first value comes with candle number n + 1."""

    n: int = 14
    seen: int = 0
    close: float = 0.0
    level: float = 0.0

    def __post_init__(self) -> None:
        _require_period("ATR", self.n)

    @property
    def value(self) -> float | None:
        """The newest value, in units of price."""
        return self.level if self.seen > self.n else None

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        self.update_hlc(candle.high, candle.low, candle.close)
        return self.value

    def update_hlc(self, high: float, low: float, close: float) -> None:
        """Take a candle's high, low and close."""
        ranges, n, last = self.seen, self.n, self.close
        self.close = close
        true_range = (high if high > last else last) - (low if low < last else last)  # noqa: FURB136 - a fold's hottest line
        if ranges > n:
            self.level = (self.level * (n - 1) + true_range) / n
            return
        self.seen = ranges + 1
        if ranges:
            self.level = _wilder(self.level, true_range, ranges, n)


@dataclass(slots=True)
class ADX:
    """Wilder's average directional index, 0 … 100; the first value comes with candle number 2n.

    DX = 100 · |+DI - -DI| / (+DI + -DI). Both DI are a directional movement over the same true range, which therefore
    cancels out and is not kept. As long as nothing has ever moved, DX is 0.
    """

    n: int = 14
    seen: int = 0
    high: float = 0.0
    low: float = 0.0
    rises: float = 0.0
    falls: float = 0.0
    level: float = 0.0

    def __post_init__(self) -> None:
        _require_period("ADX", self.n)

    @property
    def value(self) -> float | None:
        """The newest value, 0 … 100."""
        return self.level if self.seen >= 2 * self.n else None

    def update(self, candle: Candle) -> float | None:
        """Take a closed candle and give the newest value."""
        self.update_hlc(candle.high, candle.low, candle.close)
        return self.value

    def update_hlc(self, high: float, low: float, close: float) -> None:  # noqa: ARG002  one call fits ADX and ATR
        """Take a candle's high, low and close."""
        moves, n = self.seen, self.n
        up, down = high - self.high, self.low - low
        self.high, self.low = high, low
        if moves < 2 * n:
            self.seen = moves + 1
            if moves == 0:
                return
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
            return
        total = rises + falls
        direction = 100.0 * (abs(rises - falls) / total) if total > 0.0 else 0.0
        self.level = _wilder(self.level, direction, moves - n + 1, n)


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
