"""S, how orderly the swings are: quality, not direction (CS §2.4).

A zig-zag of 0.40 ATR over ln(high) and ln(low) of the 1h bars. Repaired: "consistent" asks whether the last two highs
and the last two lows went the same way (V41 asked whether there were two of a kind among four alternating pivots, which
there always are), and the 15m part, always false in V41, asks whether the 15m averages point along the running leg.
The reversal no longer depends on T, size class and age: the zig-zag would have to be redrawn when they change.
"""

from __future__ import annotations

from domain.factors.bars import Bars, sign
from domain.factors.base import FactorScore, clip, missing
from domain.factors.state import FactorView
from domain.factors.tracks import Swings

BARS_MIN = 30
WEIGHTS = (0.22, 0.18, 0.18, 0.14, 0.20)
QUARTER_WEIGHT = 0.08
QUARTER_BARS_MIN = 20


def score(view: FactorView) -> FactorScore:
    """Score the structure of the newest closed 1h bars."""
    bars, swings = view.state.hour, view.state.swings
    if bars.seen < BARS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{bars.seen} closed 1h bars, {BARS_MIN} are needed")
    if len(swings.pivots) < 4:
        return missing("NO_SWINGS", f"{len(swings.pivots)} turning points of {swings.reversal} ATR, 4 are needed")
    return mapped(parts_of(swings, bars), agreement(view.state.quarter, swings.turn), overextended(bars))


def mapped(parts: tuple[float, ...], quarter: float | None, far: float) -> FactorScore:
    """Map consistency, leg ratio, retracement, timing (0 … 1 each), the 15m part and the distance from EMA 30."""
    near = 1.0 if far <= 0.8 else 0.5
    raw = sum(weight * part for weight, part in zip(WEIGHTS, (*parts, near), strict=True))
    raw = raw / (1.0 - QUARTER_WEIGHT) if quarter is None else raw + QUARTER_WEIGHT * quarter
    raw -= 0.0 if far <= 0.8 else 0.1
    names = ("consistency", "leg_ratio", "retracement", "timing")
    inputs = (*zip(names, parts, strict=True), ("atr_from_ema30", far), ("raw", raw))
    told = f"leg ratio {parts[1]:.2f}, {far:.1f} ATR from EMA 30"
    return FactorScore(200.0 * (clip(raw, 0.0, 1.0) - 0.5), 0.9 if quarter is None else 1.0, inputs, told)


def parts_of(swings: Swings, bars: Bars) -> tuple[float, float, float, float]:
    """Give consistency, leg ratio, retracement and timing of the last four turning points and the running leg."""
    before, older, newer, last = swings.pivots[-4:]
    consistent = sign(newer[1] - before[1]) * sign(last[1] - older[1]) > 0.0
    running, previous = abs(swings.extreme[1] - last[1]), abs(last[1] - newer[1])
    ratio = running / previous if previous > 0.0 else 0.0
    retracement = max(0.0, 1.0 - abs(ratio - 0.5) / 0.12)
    return 0.8 if consistent else 0.5, min(1.0, ratio), retracement, timing(bars.seen - last[0])


def timing(bars: int) -> float:
    """How well the time since the last turning point fits: best from 4 to 12 bars."""
    if bars <= 0:
        return 0.3
    if bars < 4:
        return 0.6
    return 1.0 if bars <= 12 else max(0.3, 1.2 - bars / 12.0)


def agreement(quarter: Bars, turn: int) -> float | None:
    """1 if the 15m averages point along the running 1h leg, else 0; None without enough 15m bars."""
    if quarter.seen < QUARTER_BARS_MIN:
        return None
    return 1.0 if sign(quarter.ema5.level - quarter.ema20.level) * turn > 0.0 else 0.0


def overextended(bars: Bars) -> float:
    """Distance of the close from EMA 30 in ATR; 0 on flat prices."""
    return abs(bars.close[-1] - bars.ema30.level) / bars.atr if bars.atr > 0.0 else 0.0
