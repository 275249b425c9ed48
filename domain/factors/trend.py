"""T, the trend of the closed 1h bars (CS §2.1).

Repaired: the slope of ln(close) over 12 bars is measured in units of the root mean square hourly return of two days
(an ATR depends on how wicks look, and its scale of 0.05 saturated 69 % of a random walk), the fit's r² weighs it
without a jump, and the order of EMA 5 and EMA 20 adds inside the tanh instead of on top of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from domain.factors.bars import Bars
from domain.factors.base import FactorScore, missing, signed
from domain.factors.series import line, returns
from domain.factors.state import FactorView

BARS_MIN = 30
FIT_BARS = 12
UNIT_BARS = 48
SLOPE_SCALE = 0.48
ORDER_WEIGHT = 0.3


def score(view: FactorView) -> FactorScore:
    """Score the trend of the newest closed 1h bar."""
    bars = view.state.hour
    if bars.seen < BARS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{bars.seen} closed 1h bars, {BARS_MIN} are needed")
    slope, r2 = line(bars.close[-FIT_BARS:])
    return mapped(slope, r2, order_of(bars.order), unit_of(bars), min(1.0, bars.seen / (UNIT_BARS + 1)))


def mapped(slope: float, r2: float, order: float, unit: float, quality: float = 1.0) -> FactorScore:
    """Map slope (ln a bar), r², EMA order (-1, 0, 1) and the hourly return's size to the score."""
    ratio = slope / unit if unit > 0.0 else 0.0
    value = signed(ratio * (0.7 + 0.3 * r2) / SLOPE_SCALE + ORDER_WEIGHT * order, 0.0, 1.0)
    inputs = (("slope_per_sigma", ratio), ("r2", r2), ("ema_order", order), ("sigma_1h", unit))
    return FactorScore(
        value, quality, inputs, f"12-bar slope {ratio:+.2f} sigma an hour, r² {r2:.2f}, EMA order {order:+.0f}"
    )


def order_of(signs: Sequence[float]) -> float:
    """+1 / -1 if EMA 5 was above / below EMA 20 on each of the last 6 bars, else 0; `signs` are of EMA 5 - EMA 20."""
    total = sum(signs[-6:])
    return math.copysign(1.0, total) if abs(total) == 6.0 else 0.0


def unit_of(bars: Bars) -> float:
    """Root mean square 1h return of the last two days, a fraction."""
    moves = returns(bars.close, min(UNIT_BARS, len(bars.close) - 1))
    return math.sqrt(sum(move * move for move in moves) / len(moves)) if moves else 0.0
