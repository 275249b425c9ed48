"""C, the cumulative volume delta of the closed 1h bars, in the later form of CS §2.3.

A bar's delta is what takers bought minus what they sold, in USDT; where its turnover is an outlier (Tukey, against the
bars up to then) it counts half. The slope of the running sum over 7 bars is measured against the mean size of all such
slopes in the past: dimensionless, where V41 divided base units by a price and pinned cheap coins at ±100.
"""

from __future__ import annotations

import math

from domain.factors.base import FactorScore, missing, signed
from domain.factors.state import FactorView
from domain.factors.tracks import SLOPES_MIN


def score(view: FactorView) -> FactorScore:
    """Score the taker flow of the newest closed 1h bar."""
    track = view.state.flow
    if not track.ready:
        unknown = view.state.hour.bought[-1:]
        if unknown and math.isnan(unknown[0]):
            return missing("NO_TAKER_VOLUME", "the candles do not say who took")
        return missing("HISTORY_TOO_SHORT", f"{len(track.slope_sizes)} slopes of taker flow, {SLOPES_MIN} are needed")
    crowded = abs(track.change) > 0.0 and abs(track.change) >= track.change_sizes.percentile(0.95)
    return mapped(track.pace, track.r2, crowded=crowded, quality=min(1.0, len(track.slope_sizes) / 100))


def mapped(pace: float, r2: float, *, crowded: bool, quality: float = 1.0) -> FactorScore:
    """Map the relative slope, its r², and whether the last 6 hours were extreme, to the score."""
    value = signed(pace, 0.0, 2.0) * discount(r2) * (0.9 if crowded else 1.0)
    inputs = (("pace", pace), ("r2", r2), ("crowded", float(crowded)))
    return FactorScore(value, quality, inputs, f"taker flow {pace:+.2f} times its usual slope, r² {r2:.2f}")


def discount(r2: float) -> float:
    """How much a slope of poor fit counts: 0.7 … 1, full from r² 0.7 on."""
    return 1.0 if r2 >= 0.7 else min(1.0, 0.7 + 0.3 * r2 / 0.7)
