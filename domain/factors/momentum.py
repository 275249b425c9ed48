"""M, momentum of the closed 1h bars, in the later form of CS §2.2.

EMA 3 - EMA 5 of ln(close), and its change over 6 bars, each in units of its own mean size in the past: dimensionless,
less akin to T than V41's EMA 30 slope, and not saturated (V41's scales were 10 to 100 times too small).
"""

from __future__ import annotations

from domain.factors.base import FactorScore, missing, signed
from domain.factors.state import FactorView

BARS_MIN = 30
SPEED_SCALE = 1.5
CHANGE_SCALE = 1.5


def score(view: FactorView) -> FactorScore:
    """Score the momentum of the newest closed 1h bar."""
    track, seen = view.state.momentum, view.state.hour.seen
    if seen < BARS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{seen} closed 1h bars, {BARS_MIN} are needed")
    speed, change = track.speeds[-1], track.speeds[-1] - track.speeds[0]
    usual_speed = sum(track.speed_sizes) / len(track.speed_sizes)
    usual_change = sum(track.change_sizes) / len(track.change_sizes)
    return mapped(speed, change, usual_speed, usual_change, min(1.0, seen / 100))


def mapped(speed: float, change: float, usual_speed: float, usual_change: float, quality: float = 1.0) -> FactorScore:
    """Map speed and its change, each against its usual size, to the score."""
    fast = speed / usual_speed if usual_speed > 0.0 else 0.0
    faster = change / usual_change if usual_change > 0.0 else 0.0
    value = 0.6 * signed(fast, 0.0, SPEED_SCALE) + 0.4 * signed(faster, 0.0, CHANGE_SCALE)
    inputs = (("speed_ratio", fast), ("change_ratio", faster))
    return FactorScore(value, quality, inputs, f"speed {fast:+.2f} and its change {faster:+.2f} times the usual")
