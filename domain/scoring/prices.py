"""Where to enter, where to stop, where to take profit (CS §3.6), in log space, so that shorts are exact mirrors.

Repaired by guards: the zone stays within a quarter ATR of the market (in strong trends V41 entered, and took profit,
behind it), the risk is half an ATR at least (it could be ≤ 0), and TP2 lies beyond TP1 (it could lie before it).
"""

from __future__ import annotations

import math

import msgspec

from domain.factors.bars import Bars
from domain.factors.base import clip
from domain.factors.environment import ROOM_BARS

STOP_BARS = 12
SHORT_OF_EXTREME = -math.log(0.998)
REACH_ATR = 0.25
RISK_ATR_MIN, RISK_ATR_MAX = 0.5, 1.8
TP2_RISKS_MIN, TP2_RISKS_FREE, TP2_RISKS_MAX = 1.25, 1.8, 2.5


class Levels(msgspec.Struct, frozen=True, gc=False):
    """Prices in USDT, and how long the unfilled signal lives. `entry` is the middle, `room_atr` is to the extreme."""

    entry_low: float
    entry_high: float
    entry: float
    stop: float
    tp1: float
    tp2: float
    room_atr: float
    ttl_ms: int

    @property
    def risk(self) -> float:
        """ln distance from entry to stop, positive."""
        return abs(math.log(self.entry / self.stop))

    @property
    def reward(self) -> tuple[float, float]:
        """ln distances from entry to TP1 and TP2, positive."""
        return abs(math.log(self.tp1 / self.entry)), abs(math.log(self.tp2 / self.entry))


def levels_of(bars: Bars, side: int, ttl_ms: int, last: float | None = None) -> Levels | None:
    """Give the levels for a side from closed 1h bars; `last` is ln of a newer price. None where prices stand still.

    Everything is computed for a long on `side` · ln(price), and turned back at the end.
    """
    atr = bars.atr
    if atr <= 0.0 or side == 0:
        return None
    close = side * (bars.close[-1] if last is None else last)
    low, high = (bars.low, bars.high) if side > 0 else (bars.high, bars.low)
    bottom = min(side * level for level in low[-STOP_BARS:])
    top = max(side * level for level in high[-ROOM_BARS:])
    zone_low, zone_high = _zone(close, side * bars.ema10.level, side * bars.ema30.level, atr)
    middle = (zone_low + zone_high) / 2.0
    risk = clip(middle - bottom + 0.10 * atr, RISK_ATR_MIN * atr, RISK_ATR_MAX * atr)
    room = max(0.0, top - close) / atr
    tp2 = _second_target(middle, risk, top, atr)
    entry_low, entry_high, entry, stop, tp1, tp2 = (
        math.exp(side * level) for level in (zone_low, zone_high, middle, middle - risk, middle + risk, tp2)
    )
    lower, upper = (entry_low, entry_high) if side > 0 else (entry_high, entry_low)
    return Levels(lower, upper, entry, stop, tp1, tp2, room, ttl_ms)


def _zone(close: float, ema10: float, ema30: float, atr: float) -> tuple[float, float]:
    """Give the zone around EMA 10, shifted so that the market is in it or at most a quarter ATR above it."""
    depth = (0.02 + 0.10 * min(0.6, abs(close - ema30) / atr)) * atr
    low, high = ema10 - depth, ema10 + 0.01 * atr
    behind = close - REACH_ATR * atr - high
    ahead = close - low
    shift = behind if behind > 0.0 else min(0.0, ahead)
    return low + shift, high + shift


def _second_target(middle: float, risk: float, top: float, atr: float) -> float:
    """2.5 risks, but short of the 72-bar extreme; beyond it where the extreme is near; never before TP1."""
    reach = top - SHORT_OF_EXTREME - middle
    if top - middle < 0.6 * atr:
        return middle + TP2_RISKS_FREE * risk
    return middle + max(TP2_RISKS_MIN * risk, min(TP2_RISKS_MAX * risk, reach))
