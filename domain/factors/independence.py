"""I, how little the symbol follows BTC and ETH: quality, not direction (CS §2.10).

Least squares of 24 hourly log returns on those of BTC and ETH, joined by open time (V41 joined by position, onto closes
that were frozen at the start); β̄ = 0.6·|β_BTC| + 0.4·|β_ETH|. The map is smooth, with V41's zero at β̄ = 0.75, so that
neither an independent nor a threefold market pins it.
"""

from __future__ import annotations

from operator import mul

from domain.factors.base import FactorScore, missing, signed
from domain.factors.context import HOUR_MS, Reference
from domain.factors.series import returns
from domain.factors.state import FactorView

RETURNS = 24
RETURNS_MIN = 16
NEUTRAL, SCALE = 0.75, 0.6
COLLINEAR = 1e-9


def score(view: FactorView) -> FactorScore:
    """Score the independence over the newest day of closed 1h bars."""
    bars, btc, eth = view.state.hour, view.context.btc, view.context.eth
    if btc is None or eth is None:
        return missing("NO_REFERENCE", "no 1h closes of BTC and ETH")
    last_ms = min(bars.last_open_ms, btc.last_open_ms, eth.last_open_ms)
    own = joined(Reference(bars.last_open_ms, tuple(bars.close[-RETURNS - 3 :])), last_ms)
    leads = joined(btc, last_ms), joined(eth, last_ms)
    count = min(len(own), len(leads[0]), len(leads[1]))
    if count < RETURNS_MIN:
        return missing("HISTORY_TOO_SHORT", f"{count} common 1h returns with BTC and ETH, {RETURNS_MIN} are needed")
    return mapped(*betas(own[-count:], leads[0][-count:], leads[1][-count:]), count / RETURNS)


def mapped(beta_btc: float, beta_eth: float, quality: float = 1.0) -> FactorScore:
    """Map the two betas to the score: +85 for 0, 0 for 0.75, -85 for 1.5."""
    mean = 0.6 * abs(beta_btc) + 0.4 * abs(beta_eth)
    inputs = (("beta_btc", beta_btc), ("beta_eth", beta_eth), ("beta", mean))
    return FactorScore(-signed(mean, NEUTRAL, SCALE), quality, inputs, f"β̄ {mean:.2f} to BTC and ETH")


def joined(reference: Reference, last_ms: int) -> list[float]:
    """Give up to 24 returns that end with the bar opened at `last_ms`; none if that is too far back."""
    behind = (reference.last_open_ms - last_ms) // HOUR_MS
    closes = reference.ln_close[: max(0, len(reference.ln_close) - behind)]
    return returns(closes, min(RETURNS, len(closes) - 1)) if len(closes) > 1 else []


def betas(own: list[float], btc: list[float], eth: list[float]) -> tuple[float, float]:
    """Regress on both with an intercept; where the two can't be told apart, or do not move, on BTC alone."""
    y, x1, x2 = _centred(own), _centred(btc), _centred(eth)
    s11, s22, s12 = _dot(x1, x1), _dot(x2, x2), _dot(x1, x2)
    s1y, s2y = _dot(x1, y), _dot(x2, y)
    determinant = s11 * s22 - s12 * s12
    if determinant <= COLLINEAR * s11 * s22:
        return (s1y / s11, 0.0) if s11 > 0.0 else (0.0, s2y / s22 if s22 > 0.0 else 0.0)
    return (s1y * s22 - s2y * s12) / determinant, (s2y * s11 - s1y * s12) / determinant


def _centred(xs: list[float]) -> list[float]:
    mean = sum(xs) / len(xs)
    return [x - mean for x in xs]


def _dot(a: list[float], b: list[float]) -> float:
    return sum(map(mul, a, b))
