"""Order blocks: where a strong candle left from, how good the zone is, and how it wears out.

Two readings stand side by side, as they did in the old program. `Blocks` are zones behind confirmed strong candles,
with quality and decay; the confidence of the `ict` strategy measures the distance to the nearest. `Retested` counts
zones of the plainer pattern that price has come back to; that count is a feature.
"""

from __future__ import annotations

import msgspec

from domain.flow import HOUR_MS
from domain.smc.bars import Bar, Tail

FRESH_MS = 48 * HOUR_MS
WORN_MS = 72 * HOUR_MS
TESTS_MAX = 3
KEPT_BLOCKS = 20

_BODY_MIN, _AMOUNT_MIN, _HEIGHT_MIN = 0.70, 1.5, 0.005
_CONFIRMING = 3
_FULL_REJECTION = 0.05

_RETEST_FROM, _RETEST_TO, _COUNTED_BARS = 2, 19, 50


class OrderBlock(msgspec.Struct, gc=False, array_like=True):
    """A zone [low, high] in ln(price): `side` +1 where price left upward, -1 where it left downward.

    `created_ms` is the close of its candle, `quality` 0 … 1. `tests` counts how often price came back into the zone,
    `inside` says whether the newest bar touches it.
    """

    side: int
    created_ms: int
    low: float
    high: float
    quality: float
    inside: bool = False
    tests: int = 0

    @property
    def level(self) -> float:
        """The middle of the zone, ln(price)."""
        return (self.low + self.high) / 2.0

    def decay(self, now_ms: int) -> float:
        """What is left of the block at `now_ms`, 0 … 1: by time and by tests."""
        return time_decay(now_ms - self.created_ms) * wear(self.tests)

    def lost(self, close: float, now_ms: int) -> bool:
        """Say whether the block holds nothing any more: a bar closed beyond its far end, or it is worn out."""
        broken = close < self.low if self.side > 0 else close > self.high
        return broken or self.tests >= TESTS_MAX or now_ms - self.created_ms >= WORN_MS


class Blocks(msgspec.Struct, array_like=True):
    """The newest order blocks of one frame that still hold, oldest first, at most `KEPT_BLOCKS`."""

    held: list[OrderBlock] = msgspec.field(default_factory=list[OrderBlock])

    def update(self, tail: Tail, now_ms: int) -> None:
        """Take the newest bar, which closed at `now_ms`: test, break and forget blocks, then add what it confirms."""
        if self.held:
            self._come_back(tail.bars[-1], now_ms)
        if tail.unbroken > _CONFIRMING:
            strong = tail.bars[-1 - _CONFIRMING]
            if strong.body >= _BODY_MIN and (block := _confirmed(tail, strong, now_ms)) is not None:
                self.held.append(block)
                del self.held[:-KEPT_BLOCKS]

    def _come_back(self, bar: Bar, now_ms: int) -> None:
        """See which blocks the newest bar tested, and forget those that are worn out or broken.

        What `OrderBlock.lost` asks is asked in the loop too: most bars lose none of up to 20 blocks.
        """
        low, high, close, lost = bar.low, bar.high, bar.close, self.held[0].created_ms <= now_ms - WORN_MS
        for block in self.held:
            bottom, top = block.low, block.high
            inside = low <= top and high >= bottom
            if inside is not block.inside:
                block.inside = inside
                block.tests += inside
                lost |= block.tests >= TESTS_MAX
            lost |= close < bottom if block.side > 0 else close > top
        if lost:
            self.held = [block for block in self.held if not block.lost(close, now_ms)]

    def nearest(self, side: int, level: float) -> OrderBlock | None:
        """Give the block of one side whose middle is nearest to ln(price) `level`; the newer of two equals."""
        own = [block for block in reversed(self.held) if block.side == side]
        return min(own, key=lambda block: abs(level - block.level), default=None)


class Candidate(msgspec.Struct, gc=False, array_like=True):
    """A plain block that waits for its retest: bar number, zone in ln(price), and whether price came back."""

    at: int
    low: float
    high: float
    verified: bool = False


class Retested(msgspec.Struct, array_like=True):
    """Counts the plain blocks of the latest 50 bars that price came back to (the feature `order_blocks_count`).

    Bullish: a falling candle below the five lows before it, and the next bar rises above it; bearish mirrored. The
    zone is the whole candle; a retest is any overlap from the second to the 19th bar after it.
    """

    candidates: list[Candidate] = msgspec.field(default_factory=list[Candidate])

    @property
    def count(self) -> int:
        """How many were retested."""
        return sum(one.verified for one in self.candidates)

    def update(self, tail: Tail) -> None:
        """Take the newest bar: verify, forget, and find a candidate in the bar before it."""
        bars = tail.bars
        if self.candidates:
            self._come_back(bars[-1], tail.seen)
        if len(bars) >= 7 and tail.unbroken >= 2 and _is_plain_block(tail, bars[-2], bars[-1]):
            self.candidates.append(Candidate(tail.seen - 1, bars[-2].low, bars[-2].high))

    def _come_back(self, bar: Bar, seen: int) -> None:
        """See which zones the newest bar came back to, and forget those that count no more, or can't any more."""
        low, high, forget = bar.low, bar.high, False
        for one in self.candidates:
            age = seen - one.at
            if one.verified:
                forget |= age >= _COUNTED_BARS
            elif age >= _RETEST_FROM and low <= one.high and high >= one.low:
                one.verified = True
            else:
                forget |= age >= _RETEST_TO
        if forget:
            self.candidates = [one for one in self.candidates if _counts(one, seen - one.at)]


def time_decay(age_ms: int) -> float:
    """Give 1 up to 48 h, then a straight line to 0 at 72 h (the old program's v3.19)."""
    return min(1.0, max(0.0, (WORN_MS - age_ms) / (WORN_MS - FRESH_MS)))


def wear(tests: int) -> float:
    """Give 1, 0.8, 0.6 for none, one and two tests, and 0 from the third on (the old program's v3.11)."""
    return 0.0 if tests >= TESTS_MAX else 1.0 - 0.2 * tests


def quality_of(amount_ratio: float, body: float, rejection: float) -> float:
    """Weigh a block: amount (multiple of its 20-bar mean), body (share of range), rejection (ln distance it left)."""
    return 0.3 * min(amount_ratio / 3.0, 1.0) + 0.3 * body + 0.4 * min(rejection / _FULL_REJECTION, 1.0)


def _confirmed(tail: Tail, bar: Bar, now_ms: int) -> OrderBlock | None:
    """Give the block behind a strong bar of three bars ago, if two of the three closes since went beyond its close."""
    side, ratio = bar.side, tail.share_of_mean(_CONFIRMING)
    if ratio < _AMOUNT_MIN:
        return None
    low, high = (bar.low, bar.open) if side > 0 else (bar.open, bar.high)
    if high - low < _HEIGHT_MIN * (bar.high - bar.low):
        return None
    beyond = [side * (close - bar.close) for close in tail.closes(_CONFIRMING)]
    if sum(distance > 0.0 for distance in beyond) < 2:
        return None
    newest = tail.bars[-1]
    inside = newest.low <= high and newest.high >= low
    created_ms = bar.open_ms + (now_ms - newest.open_ms)
    block = OrderBlock(side, created_ms, low, high, quality_of(ratio, bar.body, max(beyond)), inside)
    return None if block.lost(newest.close, now_ms) else block


def _is_plain_block(tail: Tail, block: Bar, after: Bar) -> bool:
    if block.close < block.open:
        return after.high > block.high and block.low < min(tail.lows[-7:-2])
    if block.close > block.open:
        return after.low < block.low and block.high > max(tail.highs[-7:-2])
    return False


def _counts(one: Candidate, age: int) -> bool:
    return age < (_COUNTED_BARS if one.verified else _RETEST_TO)
