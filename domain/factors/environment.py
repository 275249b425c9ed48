"""E, the environment: is there room to move, and is the market choppy (CS §2.12). Reported, never weighed.

CHOP14 = 100 · log10(Σ TR14 / range14) / log10 14; room = the greater distance to the 72-bar high or low, in ATR.
"""

from __future__ import annotations

import math

from domain.factors.bars import Bars
from domain.factors.base import FactorScore, clip, missing
from domain.factors.state import FactorView

BARS_MIN = 16
CHOP_BARS = 14
ROOM_BARS = 72


def score(view: FactorView) -> FactorScore:
    """Score the environment of the newest closed 1h bar."""
    bars = view.state.hour
    if bars.seen < BARS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{bars.seen} closed 1h bars, {BARS_MIN} are needed")
    return mapped(choppiness(bars), max(rooms(bars)), min(1.0, bars.seen / ROOM_BARS))


def mapped(chop: float, room: float, quality: float = 1.0) -> FactorScore:
    """Map choppiness (0 … 100) and room (ATR) to the score."""
    value = 2.0 * (60.0 * clip((52.0 - chop) / 52.0, 0.0, 1.0) + 40.0 * clip(room / 0.5, 0.0, 1.0) - 50.0)
    return FactorScore(value, quality, (("chop", chop), ("room_atr", room)), f"CHOP {chop:.0f}, room {room:.1f} ATR")


def choppiness(bars: Bars) -> float:
    """CHOP14, 0 … 100; 100 where nothing moved."""
    high, low, close = bars.high[-CHOP_BARS:], bars.low[-CHOP_BARS:], bars.close[-CHOP_BARS - 1 : -1]
    travelled = sum(max(h, c) - min(low_, c) for h, low_, c in zip(high, low, close, strict=True))
    reach = max(high) - min(low)
    if reach <= 0.0:
        return 100.0
    return clip(100.0 * math.log10(travelled / reach) / math.log10(CHOP_BARS), 0.0, 100.0)


def rooms(bars: Bars) -> tuple[float, float]:
    """Distance of the close to the highest high above and the lowest low below it within 72 bars, in ATR."""
    atr, close = bars.atr, bars.close[-1]
    if atr <= 0.0:
        return 0.0, 0.0
    return (max(bars.high[-ROOM_BARS:]) - close) / atr, (close - min(bars.low[-ROOM_BARS:])) / atr
