"""B, basis and funding: what holders of longs are willing to pay (CS §2.8, repaired as product §3 says).

Basis = 10⁴ · ln(mark / index) bps (V41 took spot, which a third of the symbols lack, and scored its absence 0);
funding is scaled to 8 hours, whatever the contract's interval. Positive is bullish: the trend-following reading.
"""

from __future__ import annotations

import math

from domain.factors.base import FactorScore, missing
from domain.factors.context import BPS, FUNDING_INTERVAL_MS
from domain.factors.state import FactorView

BASIS_NEUTRAL_BPS, BASIS_EXTREME_BPS = 50.0, 100.0
FUNDING_NEUTRAL, FUNDING_EXTREME = 0.001, 0.002


def score(view: FactorView) -> FactorScore:
    """Score basis and funding; with one of both the other's weight goes to it, at half the quality."""
    mark, index, rate = view.context.mark, view.context.index, view.context.funding_rate
    basis = BPS * math.log(mark / index) if mark and index and mark > 0.0 and index > 0.0 else None
    funding = None if rate is None else rate * FUNDING_INTERVAL_MS / view.context.funding_interval_ms
    return mapped(basis, funding)


def mapped(basis_bps: float | None, funding_8h: float | None) -> FactorScore:
    """Map basis (bps) and 8 h funding (fraction) to the score, weights .6 and .4."""
    if basis_bps is None and funding_8h is None:
        return missing("NO_BASIS_NO_FUNDING", "neither mark and index price nor a funding rate were recorded")
    by_basis = None if basis_bps is None else ramp(basis_bps, BASIS_NEUTRAL_BPS, BASIS_EXTREME_BPS)
    by_funding = None if funding_8h is None else ramp(funding_8h, FUNDING_NEUTRAL, FUNDING_EXTREME)
    if basis_bps is None or by_basis is None:
        told = f"funding {funding_8h:+.4%} in 8 h, basis unknown"
        return FactorScore(by_funding, 0.5, (("funding_8h", funding_8h or 0.0),), told)
    if funding_8h is None or by_funding is None:
        return FactorScore(by_basis, 0.5, (("basis_bps", basis_bps),), f"basis {basis_bps:+.1f} bps, funding unknown")
    inputs = (("basis_bps", basis_bps), ("funding_8h", funding_8h))
    told = f"basis {basis_bps:+.1f} bps, funding {funding_8h:+.4%} in 8 h"
    return FactorScore(0.6 * by_basis + 0.4 * by_funding, 1.0, inputs, told)


def ramp(x: float, neutral: float, extreme: float) -> float:
    """Map piecewise linearly: 0 → 0, ±neutral → ±33, ±extreme and beyond → ±100."""
    size = abs(x)
    if size <= neutral:
        level = 33.0 * size / neutral
    else:
        level = min(100.0, 33.0 + 67.0 * (size - neutral) / (extreme - neutral))
    return math.copysign(level, x)
