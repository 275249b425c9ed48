"""V, turnover against its own level, signed by the price move (CS §2.5, repaired as product §3 says).

V41 voted long on every busy market. V = V_raw · clip(ret5 / 0.5 %, -1, 1): busy and rising is bullish, busy and falling
bearish, and without a move it says nothing. Both scales are 0.5 instead of 0.3: turnover scatters by a factor of e from
hour to hour, and then 6 % of a random walk were saturated.
"""

from __future__ import annotations

import math

from domain.factors.base import FactorScore, clip, missing, signed
from domain.factors.state import FactorView

BARS_MIN = 25
MOVE_BARS = 5
FULL_MOVE = 0.005
LEVEL_SCALE = 0.5


def score(view: FactorView) -> FactorScore:
    """Score the turnover of the newest closed 1h bar."""
    bars = view.state.hour
    if bars.seen < BARS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{bars.seen} closed 1h bars, {BARS_MIN} are needed")
    turnover = bars.turnover
    level, change = busyness(turnover[-21:])
    move = bars.close[-1] - bars.close[-1 - MOVE_BARS]
    return mapped(level, change, move, 0.8 if bars.estimated else 1.0)


def busyness(turnover: list[float]) -> tuple[float, float]:
    """Give mean 5 / mean 20, and the change of ln(turnover / mean 20) on the last bar, of the last 21 turnovers.

    Where nothing was traded there is no ratio: the level is its neutral 1, the change 0.
    """
    mean20, before20 = sum(turnover[-20:]) / 20.0, sum(turnover[-21:-1]) / 20.0
    level = sum(turnover[-5:]) / 5.0 / mean20 if mean20 > 0.0 else 1.0
    last, before = turnover[-1], turnover[-2]
    if last <= 0.0 or before <= 0.0 or mean20 <= 0.0 or before20 <= 0.0:
        return level, 0.0
    return level, math.log(last / mean20) - math.log(before / before20)


def mapped(level: float, change: float, move: float, quality: float = 1.0) -> FactorScore:
    """Map level, change and the 5-bar move of ln(price) to the score."""
    raw = 0.6 * signed(level, 1.0, LEVEL_SCALE) + 0.4 * signed(change, 0.0, LEVEL_SCALE)
    direction = clip(move / FULL_MOVE, -1.0, 1.0)
    inputs = (("level", level), ("change", change), ("move5", move), ("raw", raw))
    source = "" if quality == 1.0 else " (turnover taken as volume times close)"
    return FactorScore(raw * direction, quality, inputs, f"turnover {level:.2f} of its level, move {move:+.2%}{source}")
