"""Follow the trend: the small, honest sample that a strategy of your own can start from.

With EMA 20 above EMA 50 and a close above EMA 20 it goes long, mirrored it goes short, if ADX says that there is a
trend at all. The stop stands two average true ranges away, the target one and a half times as far.
"""

from __future__ import annotations

from domain.strategies import Pass, Proposal, View
from domain.values import Side

MIN_ADX = 20.0
FULL_ADX = 50.0
STOP_ATR = 2.0
REWARD_RISK = 1.5

WIN = 1.0 / (1.0 + REWARD_RISK)
"""What breaks even at this reward/risk, before costs. The sample has measured no edge, so it claims none."""


def propose(view: View) -> Proposal | Pass:
    """Propose for as long as the trend holds; pass with the reason otherwise."""
    now, close = view.frame(view.interval).indicators, view.close
    fast, slow, adx, atr = now.ema20, now.ema50, now.adx14, now.atr14
    if fast is None or slow is None or adx is None or atr is None:
        return Pass("WARMING_UP")
    facts = (("close", close), ("ema20", fast), ("ema50", slow), ("adx14", adx), ("atr14", atr))
    if fast == slow:
        return Pass("NO_TREND", facts)
    if adx < MIN_ADX:
        return Pass("ADX_TOO_LOW", facts)
    side = Side.LONG if fast > slow else Side.SHORT
    if (close - fast) * side.sign <= 0.0:
        return Pass("PRICE_AGAINST_TREND", facts)
    risk = STOP_ATR * atr
    if REWARD_RISK * risk >= close or close - risk == close:  # a level below zero, or none at all
        return Pass("ATR_OUT_OF_RANGE", facts)
    return Proposal(
        side=side,
        entry=close,
        stop=close - side.sign * risk,
        target=close + side.sign * REWARD_RISK * risk,
        confidence=confidence_of(adx),
        win=WIN,
        reasons=("EMA20_ABOVE_EMA50" if side is Side.LONG else "EMA20_BELOW_EMA50", "ADX_TRENDING"),
        facts=facts,
    )


def confidence_of(adx: float) -> float:
    """Map the strength of the trend to confidence: ADX 20 gives 0.5, ADX 50 and more give 1."""
    share = (adx - MIN_ADX) / (FULL_ADX - MIN_ADX)
    return 0.5 + 0.5 * min(1.0, max(0.0, share))
