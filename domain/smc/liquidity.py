"""Where stops rest and how they are taken: zones, grabs, traps, and the candle of somebody large.

A `side` is the way that price should go after: +1 when liquidity *below* was taken, -1 when that above was.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import msgspec

from domain.indicators import MACD, RSI
from domain.smc.bars import Tail
from domain.smc.swings import Swings

ZONE_BARS, ZONE_WIDTH, ZONE_MIN = 20, 0.002, 3
GRAB_ATR, GRAB_BARS = 0.5, 10
TRAP_BARS, TRAP_BEYOND, TRAP_BACK = 3, 0.01, 0.005
REVERSAL_SKIP = 0.4

_SCORES = (0.4, 0.3, 0.2)


class Zone(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Highs (`side` -1: resistance) or lows (+1: support) that lie together: ln of the extreme, and how many."""

    side: int
    level: float
    strength: int


def zones_of(tail: Tail) -> tuple[Zone, ...]:
    """Give the clusters of three or more highs (lows) within 0.2 % of the highest (lowest) of 20 bars."""
    highs, lows = sorted(tail.highs[-ZONE_BARS:]), sorted(tail.lows[-ZONE_BARS:])
    if len(highs) < ZONE_BARS:
        return ()
    top, bottom = highs[-1], lows[0]
    near_top = ZONE_BARS - bisect_left(highs, top - ZONE_WIDTH)
    near_bottom = bisect_right(lows, bottom + ZONE_WIDTH)
    found = (Zone(-1, top, near_top), Zone(1, bottom, near_bottom))
    return tuple(zone for zone in found if zone.strength >= ZONE_MIN)


def grab_of(tail: Tail, swings: Swings, atr: float | None) -> tuple[bool, int]:
    """Say whether the newest bar grabbed liquidity, and the side (0 if it did so above and below).

    Its high went more than half an average true range beyond the last swing high and it closed below that swing, or
    mirrored. Swings count that the bars before the last two had confirmed.
    """
    if atr is None or len(tail.bars) < GRAB_BARS:
        return False, 0
    bar, reach = tail.bars[-1], GRAB_ATR * atr
    high, low = swings.high_before(2, tail.seen), swings.low_before(2, tail.seen)
    above = high is not None and bar.high > high + reach and bar.close < high
    below = low is not None and bar.low < low - reach and bar.close > low
    return above or below, below - above


def is_institutional(tail: Tail) -> bool:
    """Say whether the newest bar is mostly body (> 0.7 of its range) on an amount of z-score > 2 within 20 bars."""
    if len(tail.bars) <= 20 or tail.bars[-1].body <= 0.7:
        return False
    amounts = [bar.amount for bar in tail.bars[-20:]]
    mean = sum(amounts) / 20.0
    if not 0.0 < mean < math.inf:
        return False
    shares = [amount / mean - 1.0 for amount in amounts]
    return shares[-1] > 2.0 * math.sqrt(sum(share * share for share in shares) / 20.0)


class Signs(NamedTuple):
    """Signs that a move is over, each as the side that price should take next, 0 for none.

    `trap`: within three bars price went more than 1 % beyond the 20-bar extreme before them, and the newest close is
    back inside by 0.5 %. `divergence`: RSI beyond 75 (25), and closes of the last five bars went farther than those of
    the ten before while RSI did not. `fading`: the MACD histogram has shrunk below 0.3 of what it was two bars ago.
    """

    trap: int
    divergence: int
    fading: int

    def against(self, side: int) -> float:
        """Give how much speaks against a position of this side, 0 … 0.9; the old filter skipped from 0.4 on."""
        return sum(score for score, sign in zip(_SCORES, self, strict=True) if sign == -side)


class Reversal(msgspec.Struct, array_like=True):
    """What the signs of a reversal need of the past: two indicators, and what they said lately."""

    strength: RSI = msgspec.field(default_factory=RSI)
    convergence: MACD = msgspec.field(default_factory=MACD)
    strengths: list[float] = msgspec.field(default_factory=list[float])
    histograms: list[float] = msgspec.field(default_factory=list[float])

    def update(self, close: float) -> None:
        """Take the newest close."""
        strength, convergence = self.strength, self.convergence
        strength.update_close(close)
        convergence.update_close(close)
        if strength.seen > strength.n:  # its `ready`, at every close
            gain, loss = strength.gain, strength.loss
            moved = gain + loss
            # RSI as -1 … 1: unlike 0 … 100 it turns its sign, and nothing else, when prices are mirrored
            _push(self.strengths, (gain - loss) / moved if moved > 0.0 else 0.0, 15)
        if convergence.ready:
            _push(self.histograms, convergence.histogram, 3)

    def signs(self, tail: Tail) -> Signs:
        """Give the signs as of the newest bar."""
        return Signs(trap_of(tail), self._diverging(tail.closes(15)), self._shrinking())

    def _diverging(self, closes: list[float]) -> int:
        if len(self.strengths) < 15 or -0.5 <= self.strengths[-1] <= 0.5:
            return 0
        now = self.strengths[-1]
        before, after = self.strengths[:10], self.strengths[10:]
        old, new = closes[:10], closes[10:]
        if now > 0.5 and max(new) > max(old) and max(after) < max(before):
            return -1
        if now < -0.5 and min(new) < min(old) and min(after) > min(before):
            return 1
        return 0

    def _shrinking(self) -> int:
        if len(self.histograms) < 3:
            return 0
        before, _, now = self.histograms
        return (before < 0.0) - (before > 0.0) if abs(now) < 0.3 * abs(before) else 0


def trap_of(tail: Tail) -> int:
    """Give the side after a trap: beyond the extreme of 20 bars by more than 1 %, then back inside by 0.5 %.

    The old rule asked the *current* price to be above and below at once; here the last three bars went beyond, and the
    newest close came back. A close cannot be back from both ends unless they are crossed; then it is no trap.
    """
    if len(tail.bars) < TRAP_BARS + 20:
        return 0
    first, close = len(tail.bars) - TRAP_BARS - 20, tail.bars[-1].close
    top, bottom = max(tail.highs[first:-TRAP_BARS]), min(tail.lows[first:-TRAP_BARS])
    above = max(tail.highs[-TRAP_BARS:]) > top + TRAP_BEYOND and close < top - TRAP_BACK
    below = min(tail.lows[-TRAP_BARS:]) < bottom - TRAP_BEYOND and close > bottom + TRAP_BACK
    return below - above


def _push(values: list[float], value: float, kept: int) -> None:
    values.append(value)
    if len(values) > kept:
        del values[0]
