"""L, how well the book bears our own trade: quality, not direction (CS §2.7, repaired as product §3 says).

V41 averaged in units of notional, so its impact part was always 0 and L never above +40. Here the sweep's price is
notional / quantity, of max(2 · own notional, 5,000 USDT), on the worse side. A book too thin for it has no impact part
at all. Without depth the factor is missing; then only the execution gate asks for it.
"""

from __future__ import annotations

from domain.factors.base import FactorScore, clip, missing, signed
from domain.factors.context import DepthSummary
from domain.factors.state import FactorView

FULL_DEPTH_USDT = 1_000_000.0
SPREAD_BPS_BEST, SPREAD_BPS_WORST = 2.0, 10.0
IMPACT_BPS_WORST = 100.0
MAP_SCALE = 30.0


def score(view: FactorView) -> FactorScore:
    """Score the book."""
    depth = view.context.depth
    return missing("NO_DEPTH", "no book was recorded") if depth is None else mapped(depth)


def mapped(depth: DepthSummary) -> FactorScore:
    """Map spread, depth, impact and imbalance (weights .3 .3 .3 .1) to the score."""
    spread = 100.0 * clip((SPREAD_BPS_WORST - depth.spread_bps) / (SPREAD_BPS_WORST - SPREAD_BPS_BEST), 0.0, 1.0)
    resting = 100.0 * clip(min(depth.bid_notional, depth.ask_notional) / FULL_DEPTH_USDT, 0.0, 1.0)
    impact = 100.0 * clip(1.0 - depth.impact_bps / IMPACT_BPS_WORST, 0.0, 1.0)
    tilt = abs(depth.imbalance)
    balance = 100.0 if tilt < 0.3 else 70.0 if tilt < 0.5 else 40.0
    raw = 0.3 * spread + 0.3 * resting + 0.3 * impact + 0.1 * balance
    inputs = (("spread_bps", depth.spread_bps), ("depth_part", resting), ("impact_part", impact), ("raw", raw))
    told = f"spread {depth.spread_bps:.1f} bps, imbalance {depth.imbalance:+.2f}"
    return FactorScore(signed(raw, 50.0, MAP_SCALE), 1.0, inputs, told)
