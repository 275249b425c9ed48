"""How much each of the ten factors weighs: a profile, blended with a table for the regime of trend and volatility.

70 % regime table + 30 % profile (CS §2.14), scaled in proportion to 100. The older system rounded, forced the sum by
adding the difference to the largest weight, and so gave the trend -22 … -35; here no weight can be negative.
F and E are never weighed; the regime tables' share for F is left out before scaling.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from domain.errors import InvalidInput
from domain.factors import WEIGHED

Weights: TypeAlias = dict[str, float]
Regime: TypeAlias = Literal["strong_trend", "choppy", "high_volatility", "low_volatility", "normal"]

STRONG_TREND, WEAK_TREND = 60.0, 30.0
HIGH_VOLATILITY, LOW_VOLATILITY = 0.03, 0.01
REGIME_SHARE = 0.7


def _table(
    t: float, m: float, s: float, v: float, c: float, o: float, l_: float, b: float, q: float, i: float
) -> Weights:
    """Scale ten weights to a sum of 100, in the order of the reference's tables."""
    raw = dict(zip(("T", "M", "S", "V", "C", "O", "L", "B", "Q", "I"), (t, m, s, v, c, o, l_, b, q, i), strict=True))
    total = sum(raw.values())
    return {name: 100.0 * raw[name] / total for name in WEIGHED}


PROFILES: dict[str, Weights] = {
    "balanced": _table(18, 12, 10, 10, 18, 12, 12, 4, 4, 0),
    "v41": _table(25, 15, 10, 15, 20, 20, 20, 15, 10, 10),
}
"""Product §3: `balanced` is the default, `v41` the older system's, scaled from 160 to 100."""

REGIMES: dict[Regime, Weights] = {
    "strong_trend": _table(19.5, 11.1, 2.8, 5.6, 8.3, 8.3, 8.3, 11.1, 8.3, 6.7),
    "choppy": _table(8.3, 5.6, 8.3, 6.7, 13.9, 13.9, 12.2, 10.0, 4.4, 5.6),
    "high_volatility": _table(11.1, 10.0, 6.7, 6.7, 12.2, 13.9, 10.0, 6.7, 8.3, 7.7),
    "low_volatility": _table(16.8, 6.7, 4.4, 8.3, 10.0, 10.0, 12.2, 10.0, 4.4, 8.3),
}
"""The V60 tables of CS §2.14."""


def regime_of(market_trend: float | None, daily_volatility: float) -> Regime:
    """Name the regime: a strong or a missing trend first, else the volatility (fraction a day)."""
    if market_trend is not None and abs(market_trend) > STRONG_TREND:
        return "strong_trend"
    if market_trend is not None and abs(market_trend) < WEAK_TREND:
        return "choppy"
    if daily_volatility > HIGH_VOLATILITY:
        return "high_volatility"
    return "low_volatility" if daily_volatility < LOW_VOLATILITY else "normal"


def _blended(profile: Weights, regime: Regime) -> Weights:
    table = REGIMES.get(regime)
    if table is None:
        return profile
    # A factor that a profile leaves out on purpose stays out: a regime shifts weights, it does not add opinions.
    mixed = {n: REGIME_SHARE * table[n] + (1.0 - REGIME_SHARE) * w if w > 0.0 else 0.0 for n, w in profile.items()}
    total = sum(mixed.values())
    return {name: 100.0 * weight / total for name, weight in mixed.items()}


_NAMED: tuple[Regime, ...] = ("strong_trend", "choppy", "high_volatility", "low_volatility", "normal")
_BLENDS = {name: {regime: _blended(profile, regime) for regime in _NAMED} for name, profile in PROFILES.items()}


def weights_of(profile: str, regime: Regime) -> Weights:
    """Give the ten weights, each ≥ 0, sum 100. Raises `InvalidInput` for an unknown profile."""
    if profile not in _BLENDS:
        raise InvalidInput("weight profile", f"one of {', '.join(PROFILES)}", profile)
    return _BLENDS[profile][regime]
