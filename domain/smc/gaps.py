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

    def enter(self, depth: float) -> bool:
        """Note that a later bar came back `depth` (ln) beyond the near edge; true if the gap is filled by now."""
        self.touched = True
        self.fill = min(1.0, max(self.fill, depth / (self.high - self.low)))
        return self.fill >= 1.0


class Gaps(msgspec.Struct, array_like=True):
    """The gaps of one frame that are not filled, oldest first; at most one a bar of their life."""

    held: list[Gap] = msgspec.field(default_factory=list[Gap])

    @property
    def untouched(self) -> int:
        """How many gaps no later bar has reached (the feature `fvg_count`)."""
        return sum(not gap.touched for gap in self.held)

    def update(self, tail: Tail) -> None:
        """Take the newest bar: fill and forget, then add the gap that it completes."""
        if self.held:
            self._come_back(tail.bars[-1], tail.seen)
        if tail.unbroken >= 3:  # missing bars are a hole in the data, not in the market
            first, third = tail.bars[-3], tail.bars[-1]
            if third.low - first.high >= MIN_SIZE:
                self.held.append(Gap(1, tail.seen, first.high, third.low))
            elif first.low - third.high >= MIN_SIZE:
                self.held.append(Gap(-1, tail.seen, third.high, first.low))

    def _come_back(self, bar: Bar, seen: int) -> None:
        """See how far the newest bar came back into each gap; one that jumps right across it fills it too."""
        low, high, filled = bar.low, bar.high, False
        for gap in self.held:
            depth = gap.high - low if gap.side > 0 else high - gap.low
            if depth >= 0.0:
                filled |= gap.enter(depth)
        if filled or seen - self.held[0].at >= LIFE_BARS:
            self.held = [gap for gap in self.held if gap.fill < 1.0 and seen - gap.at < LIFE_BARS]
