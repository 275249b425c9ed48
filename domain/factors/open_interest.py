"""O, open interest in percent of notional, signed by the price move (CS §2.6, repaired as product §3 says).

V41 fed a fraction into a scale meant for percent, halved outliers (which makes dips), looked at contracts and not at
USDT, fetched over REST inside the scan, and voted long on all growth. Here the slope of 24 hours of notional open
interest, outliers bridged, is taken in percent of its week's median, and O = O_raw · clip(ret12 / 1 %, -1, 1).
The alignment counts hours in which money came in along the move against hours in which it left against it.
"""

from __future__ import annotations

from domain.factors.bars import sign
from domain.factors.base import FactorScore, clip, missing, signed
from domain.factors.flow import discount
from domain.factors.state import FactorView
from domain.factors.tracks import STALE_HOURS_MAX

SAMPLES_MIN = 30
MOVE_BARS = 12
FULL_MOVE = 0.01
GROWTHS_MIN = 20


def score(view: FactorView) -> FactorScore:
    """Score the open interest beside the newest closed 1h bar."""
    track, bars = view.state.interest, view.state.hour
    if len(track.notional) < SAMPLES_MIN:
        found = len(track.notional)
        return missing("NO_OPEN_INTEREST", f"{found} hourly samples, {SAMPLES_MIN} are needed")
    behind = track.aligned(bars)
    if behind is None:
        return missing("OPEN_INTEREST_STALE", f"the newest sample is not within {STALE_HOURS_MAX} h of the last bar")
    if len(bars.close) < MOVE_BARS + STALE_HOURS_MAX + 1:
        return missing("HISTORY_TOO_SHORT", f"{len(bars.close)} closed 1h bars")
    move = bars.close[-1] - bars.close[-1 - MOVE_BARS]
    known = track.growths
    crowded = len(known) >= GROWTHS_MIN and track.growth > 0.0 and track.growth >= known.percentile(0.95)
    alignment = alignment_of(bars.close[: len(bars.close) - behind], track.notional, move)
    return mapped(track.growth, track.r2, alignment, move, crowded=crowded, quality=min(1.0, len(known) / 100))


def alignment_of(close: list[float], notional: list[float], move: float) -> float:
    """Count, over 12 hours: price along the move and money in, minus price against it and money out."""
    total, along = 0.0, sign(move)
    for at in range(-MOVE_BARS, 0):
        step = sign(close[at] - close[at - 1]) * along
        money = notional[at] - notional[at - 1]
        if step > 0.0 and money > 0.0:
            total += 1.0
        elif step < 0.0 and money < 0.0:
            total -= 1.0
    return total


def mapped(
    growth: float, r2: float, alignment: float, move: float, *, crowded: bool, quality: float = 1.0
) -> FactorScore:
    """Map growth (percent a day), its r², alignment, the 12-bar move and crowding to the score."""
    raw = 0.7 * signed(growth, 0.0, 3.0) * discount(r2) + 0.3 * signed(alignment, 0.0, 4.0)
    value = raw * clip(move / FULL_MOVE, -1.0, 1.0) * (0.9 if crowded else 1.0)
    inputs = (("growth_pct", growth), ("r2", r2), ("alignment", alignment), ("move12", move), ("raw", raw))
    return FactorScore(value, quality, inputs, f"open interest {growth:+.2f} % a day, move {move:+.2%}")
