"""Swing points, the structure code that they make, and the breaks of structure (BOS, CHoCH)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec

from domain.smc.bars import Tail

REACH = 5
"""A swing stands out from this many bars on either side, so it is known as many bars later."""

LOOK_BACK = 10
"""The trend of closes compares two spans of so many."""

_KEPT_SWINGS = 3

BreakKind: TypeAlias = Literal["BOS", "CHOCH"]


class Swing(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A confirmed swing point: the number of its bar, its open time, and ln of its price."""

    at: int
    open_ms: int
    level: float

    @property
    def known_at(self) -> int:
        """Number of the bar at whose close it became known."""
        return self.at + REACH


class Break(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The first bar beyond a swing: `BOS` goes on with the trend of structure, `CHOCH` turns it.

    `side` is +1 upward, -1 downward; `level` is ln of the swing's price, `strength` how far beyond (ln) the bar went.
    """

    kind: BreakKind
    side: int
    level: float
    strength: float
    open_ms: int


class Swings(msgspec.Struct, array_like=True):
    """The newest swing highs and lows (three each, oldest first), and what they say.

    `code` is +1 if these highs and lows all rise, -1 if all fall, else 0; it needs two of each. `high_taken` and
    `low_taken` are the numbers of the swings that were broken last: a level breaks once.
    """

    highs: list[Swing] = msgspec.field(default_factory=list[Swing])
    lows: list[Swing] = msgspec.field(default_factory=list[Swing])
    code: int = 0
    high_taken: int = -1
    low_taken: int = -1
    last_break: Break | None = None

    def update(self, tail: Tail) -> Break | None:
        """Take the newest bar of the tail: give the break that it makes, and learn the swing that it confirms."""
        found = self._break(tail)
        if len(tail.bars) > 2 * REACH:
            self._learn(tail)
        return found

    def high_before(self, bars_ago: int, seen: int) -> float | None:
        """Give ln of the last swing high that was known `bars_ago` bars before bar number `seen`, None if none."""
        return _known(self.highs, seen - bars_ago)

    def low_before(self, bars_ago: int, seen: int) -> float | None:
        """Give ln of the last swing low that was known `bars_ago` bars before bar number `seen`, None if none."""
        return _known(self.lows, seen - bars_ago)

    def _learn(self, tail: Tail) -> None:
        highs, lows, changed = tail.highs, tail.lows, False
        high, low = highs[-1 - REACH], lows[-1 - REACH]
        if high > highs[-REACH] and high > max(highs[-REACH:]) and high > max(highs[-1 - 2 * REACH : -1 - REACH]):
            _remember(self.highs, Swing(tail.seen - REACH, tail.bars[-1 - REACH].open_ms, high))
            changed = True
        if low < lows[-REACH] and low < min(lows[-REACH:]) and low < min(lows[-1 - 2 * REACH : -1 - REACH]):
            _remember(self.lows, Swing(tail.seen - REACH, tail.bars[-1 - REACH].open_ms, low))
            changed = True
        if changed:
            self.code = structure_code([swing.level for swing in self.highs], [swing.level for swing in self.lows])

    def _break(self, tail: Tail) -> Break | None:
        high = self.highs[-1] if self.highs and tail.highs[-1] > self.highs[-1].level else None
        low = self.lows[-1] if self.lows and tail.lows[-1] < self.lows[-1].level else None
        if high is None and low is None:
            return None
        over = tail.highs[-1] - high.level if high is not None and high.at != self.high_taken else 0.0
        under = low.level - tail.lows[-1] if low is not None and low.at != self.low_taken else 0.0
        if high is not None and over > 0.0:
            self.high_taken = high.at
        if low is not None and under > 0.0:
            self.low_taken = low.at
        if not over and not under:  # known already
            return None
        kind, side = break_of(closes_trend(tail.closes(2 * LOOK_BACK, ago=1)), over, under)
        if kind is None:
            return None
        taken = high if side > 0 else low
        assert taken is not None
        self.last_break = Break(kind, side, taken.level, over if side > 0 else under, tail.bars[-1].open_ms)
        return self.last_break


def closes_trend(closes: list[float]) -> int:
    """Give the trend that a break goes on with, or turns.

    +1 if highest and lowest of the last ten closes are both above those of the ten before, -1 if below, 0 otherwise.
    """
    if len(closes) < 2 * LOOK_BACK:
        return 0
    before, after = closes[-2 * LOOK_BACK : -LOOK_BACK], closes[-LOOK_BACK:]
    higher, lower = max(after) - max(before), min(after) - min(before)
    if higher > 0.0 and lower > 0.0:
        return 1
    return -1 if higher < 0.0 and lower < 0.0 else 0


def structure_code(highs: list[float], lows: list[float]) -> int:
    """Give +1 if the last three (or two) swing highs and lows strictly rise, -1 if they fall, 0 otherwise."""
    if len(highs) < 2 or len(lows) < 2:
        return 0
    steps = [after - before for levels in (highs, lows) for before, after in pairwise(levels)]
    if min(steps) > 0.0:
        return 1
    return -1 if max(steps) < 0.0 else 0


def break_of(trend: int, over: float, under: float) -> tuple[BreakKind | None, int]:
    """Name the break of a bar that went `over` the last swing high and `under` the last swing low (0: it did not).

    | trend   | over the swing high   | under the swing low     | both               |
    |---------|-----------------------|-------------------------|--------------------|
    | +1      | BOS up: continuation  | CHOCH down: reversal    | BOS up             |
    | -1      | CHOCH up: reversal    | BOS down: continuation  | BOS down           |
    | 0       | BOS up: breakout      | BOS down: breakout      | the farther, if any |

    The last cell repairs the old table, which called every such bar bullish.
    """
    both = over > 0.0 and under > 0.0
    side = (both and trend) or (over > under) - (over < under)
    if side == 0:
        return None, 0
    return "CHOCH" if side == -trend else "BOS", side


def _remember(swings: list[Swing], swing: Swing) -> None:
    swings.append(swing)
    if len(swings) > _KEPT_SWINGS:
        del swings[0]


def _known(swings: list[Swing], at: int) -> float | None:
    for swing in reversed(swings):
        if swing.known_at <= at:
            return swing.level
    return None
