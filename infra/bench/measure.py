"""What a benchmark gives: a figure beside its baseline, both measured in the same run.

The machine is noisy, so contenders take turns, round by round, and the median round counts. A figure alone says
little; the ratio is what can be compared between machines and days.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from statistics import median

import msgspec

from domain.errors import HindsightError


class Measure(msgspec.Struct, frozen=True):
    """One figure. `ratio` is `value / baseline_value`; more is better, unless the unit says that less is."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    ratio: float


class Skipped(HindsightError):
    """A benchmark can't run here, and why: something optional is missing."""


def rate(count: int, work: Callable[[], object]) -> float:
    """Do `count` things and give how many a second that was."""
    with undisturbed():
        began = time.perf_counter()
        work()
        return count / (time.perf_counter() - began)


def processor_rate(count: int, work: Callable[[], object]) -> float:
    """Do `count` things that only compute, and give how many a second of processor time that was."""
    with undisturbed():
        began = time.process_time()
        work()
        return count / (time.process_time() - began)


@contextmanager
def undisturbed() -> Generator[None]:
    """Keep what a benchmark holds from before out of the garbage collector's way."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def take_turns(rounds: int, *contenders: Callable[[], float]) -> list[float]:
    """Let the contenders run in turn, `rounds` times, and give the median figure of each."""
    return medians([contender() for contender in contenders] for _ in range(rounds))


def medians(turns: Iterable[Sequence[float]]) -> list[float]:
    """Give the median of each contender's figures; a turn holds one figure of each."""
    return [median(figures) for figures in zip(*turns, strict=True)]


def beside(name: str, value: float, unit: str, baseline: str, baseline_value: float) -> Measure:
    """Put a figure beside its baseline."""
    ratio = value / baseline_value
    return Measure(name, _rounded(value), unit, baseline, _rounded(baseline_value), _rounded(ratio))


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that at least `share` (0 … 1) of all values don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def _rounded(value: float) -> float:
    """Keep four significant digits: more would claim a precision that no run has."""
    return float(f"{value:.4g}")
