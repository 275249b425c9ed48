"""F, do funds lead price or has price run ahead (CS §2.11). Never weighed: it vetoes and modulates the probability.

Signed to the market: for a short, -F counts. Repaired: growth of open interest and turnover have no side of their own,
so they count along the taker flow; the flow is measured against its own usual size (V41 divided base units by a price);
and the outer scale is 100 (V41's 20 saturated 83 % of a random walk).
"""

from __future__ import annotations

from domain.factors.bars import Bars
from domain.factors.base import FactorScore, clip, missing, signed
from domain.factors.state import FactorState, FactorView
from domain.factors.volume import busyness

BARS_MIN = 36
DAY_BARS = 24
LEAD_SCALE = 100.0
SLOPE_BARS = 6


def score(view: FactorView) -> FactorScore:
    """Score how far funds are ahead of price at the newest closed 1h bar."""
    state, bars = view.state, view.state.hour
    if bars.seen < BARS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{bars.seen} closed 1h bars, {BARS_MIN} are needed")
    if not state.flow.ready:
        return missing("NO_TAKER_FLOW", "without the takers' side nobody knows where funds go")
    interest = state.interest
    known = len(interest.growths) > 0 and interest.aligned(bars) is not None
    level, _ = busyness(bars.turnover[-21:])
    day = 100.0 * (bars.close[-1] - bars.close[-1 - DAY_BARS])
    return mapped(interest.growth if known else None, level, pressure(state), day, slope(bars))


def mapped(growth: float | None, level: float, flow: float, day: float, slope_atr: float) -> FactorScore:
    """Map growth of open interest (% a day), turnover level, relative flow, 24 h move (%) and slope (ATR a bar)."""
    side = clip(2.0 * flow, -1.0, 1.0)
    parts = [(0.3, side * signed(level, 1.0, 0.3)), (0.3, signed(flow, 0.0, 1.0))]
    if growth is not None:
        parts.append((0.4, side * signed(growth, 0.0, 3.0)))
    funds = sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)
    price = 0.6 * signed(day, 0.0, 3.0) + 0.4 * signed(slope_atr, 0.0, 0.1)
    inputs = (("funds", funds), ("price", price), ("flow", flow), ("day_pct", day))
    told = f"funds {funds:+.0f} against price {price:+.0f}"
    return FactorScore(signed(funds - price, 0.0, LEAD_SCALE), 0.7 if growth is None else 1.0, inputs, told)


def pressure(state: FactorState) -> float:
    """The takers' 6 h net flow, in units of twice its usual size."""
    usual = state.flow.change_sizes.mean()
    return state.flow.change / (2.0 * usual) if usual > 0.0 else 0.0


def slope(bars: Bars) -> float:
    """EMA 30's pull: (close - EMA 30) · 2/31 is what the next bar moves it by, here in ATR a bar."""
    return (bars.close[-1] - bars.ema30.level) * (2.0 / 31.0) / bars.atr if bars.atr > 0.0 else 0.0
