"""Fair value gaps: prices that three bars in a row jumped over, and how far they have been filled since."""

from __future__ import annotations

import msgspec

from domain.smc.bars import Bar, Tail

MIN_SIZE = 0.001
"""Smallest gap that counts, in ln(price): 0.1 %."""

LIFE_BARS = 30
"""A gap is forgotten this many bars after it opened."""


class Gap(msgspec.Struct, gc=False, array_like=True):
    """Untraded prices [low, high] in ln(price), left upward (`side` +1) or downward (-1) by bar number `at`.

    `touched` once a later bar reached the near edge; `fill` is the deepest share that later bars went into it.
    """

    side: int
    at: int
    low: float
    high: float
    touched: bool = False
    fill: float = 0.0

    def take(self, bar: Bar) -> None:
        """See how far a later bar came back into the gap. One that jumps right across it fills it too."""
        depth = self.high - bar.low if self.side > 0 else bar.high - self.low
        if depth >= 0.0:
            self.touched = True
            self.fill = min(1.0, max(self.fill, depth / (self.high - self.low)))


class Gaps(msgspec.Struct, array_like=True):
    """The gaps of one frame that are not filled, oldest first; at most one a bar of their life."""

    held: list[Gap] = msgspec.field(default_factory=list[Gap])

    @property
    def untouched(self) -> int:
        """How many gaps no later bar has reached (the feature `fvg_count`)."""
        return sum(not gap.touched for gap in self.held)

    def update(self, tail: Tail, interval_ms: int) -> None:
        """Take the newest bar: fill and forget, then add the gap that it completes."""
        if self.held:
            bar = tail.bars[-1]
            for gap in self.held:
                gap.take(bar)
            self.held = [gap for gap in self.held if gap.fill < 1.0 and tail.seen - gap.at < LIFE_BARS]
        if tail.unbroken(3, interval_ms):  # missing bars are a hole in the data, not in the market
            first, third = tail.bars[-3], tail.bars[-1]
            if third.low - first.high >= MIN_SIZE:
                self.held.append(Gap(1, tail.seen, first.high, third.low))
            elif first.low - third.high >= MIN_SIZE:
                self.held.append(Gap(-1, tail.seen, third.high, first.low))
