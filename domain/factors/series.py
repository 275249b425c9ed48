"""The arithmetic that several factors share, on short lists of floats: lines, percentiles, bounded histories.

The lists are at most a few hundred numbers long and are worked on once a closed bar: Python's own `sum`, `sorted` and
`bisect` are faster there than numpy, and give the same bits after a restart.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import cache
from operator import mul

import msgspec

from domain.factors.context import percentile


class History(msgspec.Struct, gc=False):
    """The newest `capacity` numbers, in order of arrival and in order of size: any percentile at once."""

    capacity: int
    arrived: list[float] = msgspec.field(default_factory=list[float])
    ascending: list[float] = msgspec.field(default_factory=list[float])

    def add(self, x: float) -> None:
        """Take the next number, and let the oldest go when full."""
        arrived, ascending = self.arrived, self.ascending
        if len(arrived) == self.capacity:
            del ascending[bisect_left(ascending, arrived[0])]
            del arrived[0]
        arrived.append(x)
        insort(ascending, x)

    def __len__(self) -> int:
        return len(self.arrived)

    def mean(self) -> float:
        """Give the mean, 0 if empty."""
        return sum(self.arrived) / len(self.arrived) if self.arrived else 0.0

    def percentile(self, share: float) -> float:
        """Give a quantile, linear between ranks. There must be a number."""
        return percentile(self.ascending, share)


def push(ring: list[float], x: float, capacity: int) -> None:
    """Append to a list that holds the newest `capacity` numbers."""
    if len(ring) == capacity:
        del ring[0]
    ring.append(x)


def line(y: Sequence[float]) -> tuple[float, float]:
    """Fit y against 0, 1, 2 … by least squares: the slope a step and r² (0 for a flat line)."""
    n, first = len(y), y[0]
    rise = [value - first for value in y]  # so that a large common level costs no digits
    mean = sum(rise) / n
    off = [value - mean for value in rise]
    spread = sum(map(mul, off, off))
    sxx = n * (n * n - 1) / 12.0
    sxy = sum(map(mul, _places(n), rise))
    slope = sxy / sxx
    return slope, min(1.0, slope * sxy / spread) if spread > 0.0 else 0.0


@cache
def _places(n: int) -> tuple[float, ...]:
    """0, 1, 2 … around their mean."""
    return tuple(at - (n - 1) / 2.0 for at in range(n))


def interquartile_fences(ascending: Sequence[float]) -> tuple[float, float]:
    """Give Tukey's fences: 1.5 interquartile ranges below and above the quartiles."""
    low, high = percentile(ascending, 0.25), percentile(ascending, 0.75)
    reach = 1.5 * (high - low)
    return low - reach, high + reach


def interpolate_outliers(y: Sequence[float]) -> list[float]:
    """Replace what lies outside Tukey's fences by the line between its sound neighbours (or the nearest one)."""
    low, high = interquartile_fences(sorted(y))
    sound = [at for at, value in enumerate(y) if low <= value <= high]
    out = list(y)
    if len(sound) == len(y):
        return out
    for at in range(len(y)):
        if low <= y[at] <= high:
            continue
        before = next((i for i in reversed(sound) if i < at), None)
        after = next((i for i in sound if i > at), None)
        if before is None or after is None:
            out[at] = y[before if after is None else after]  # type: ignore[index]  # one of both exists: quartiles do
        else:
            out[at] = y[before] + (y[after] - y[before]) * (at - before) / (after - before)
    return out


def returns(levels: Sequence[float], count: int) -> list[float]:
    """Give the last `count` differences of neighbours, oldest first."""
    return [after - before for before, after in zip(levels[-count - 1 : -1], levels[-count:], strict=True)]


def deviation(xs: Sequence[float]) -> float:
    """Give the population standard deviation."""
    mean = sum(xs) / len(xs)
    centred = [x - mean for x in xs]
    return math.sqrt(sum(map(mul, centred, centred)) / len(xs))
