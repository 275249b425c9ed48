"""The market around one symbol: the trend of BTC and ETH, whether time frames agree, what the last quarter-hours say.

All three are CS §2.13, on ln(price) and scale-free: V41 measured trend and momentum of a frame in units of price.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from domain.factors.bars import Average, Bars, sign
from domain.factors.base import clip
from domain.factors.series import line
from domain.factors.state import FactorState
from domain.factors.trend import order_of
from domain.indicators import ATR

LEG_BARS_MIN = 30
FRAME_BARS_MIN = 30
DEAD_BAND = 10.0
NEUTRAL_COHERENCE = 50.0


def trend_of(high: Sequence[float], low: Sequence[float], close: Sequence[float]) -> float | None:
    """Give one leg (BTC or ETH) -100 … 100 from ln(price) of its closed hours, oldest first; None below 30 of them.

    ±40 for the order of EMA 5 and 20 over 6 bars, and 60 · tanh(slope of 12 closes / ATR / 0.25). V41's scale of 0.05
    was saturated by any slope at all, so that every second hour counted as a strong trend.
    """
    if len(close) < LEG_BARS_MIN:
        return None
    true_range, ema5, ema20 = ATR(14), Average(5), Average(20)
    order: list[float] = []
    for at, ln_close in enumerate(close):
        true_range.update_hlc(high[at], low[at], ln_close)
        order.append(sign(ema5.add(ln_close) - ema20.add(ln_close)))
    slope, _ = line(close[-12:])
    atr = true_range.value or 0.0
    pace = slope / atr if atr > 0.0 else 0.0
    return 40.0 * order_of(order) + 60.0 * math.tanh(pace / 0.25)


def market_trend(btc: float | None, eth: float | None) -> float | None:
    """Join both legs 70 : 30; one alone stands for both, None if neither is known."""
    if btc is None or eth is None:
        return btc if eth is None else eth
    return 0.7 * btc + 0.3 * eth


# ── coherence of the time frames ──────────────────────────────────────────────────────────────────────────────────


def coherence(state: FactorState) -> float:
    """Give 0 … 100: how far 15m, 1h, 4h and 1d agree with each other in trend, momentum and flow.

    It is the mean, over the three, of the share of frames that have the most frequent sign (dead band ±10). Frames
    below 30 bars are left out; with fewer than two there is nothing to compare, and the answer is a neutral 50.
    """
    kept: float | None = state.kept.get("coherence")
    if kept is None:
        kept = state.kept["coherence"] = _coherence(
            [bars for bars in (state.quarter, state.hour, state.four_hour, state.day) if bars.seen >= FRAME_BARS_MIN]
        )
    return kept


def _coherence(frames: list[Bars]) -> float:
    if len(frames) < 2:
        return NEUTRAL_COHERENCE
    readings = [frame_reading(bars) for bars in frames]
    agreement = 0.0
    for at in range(3):
        signs = [0 if abs(reading[at]) <= DEAD_BAND else int(math.copysign(1, reading[at])) for reading in readings]
        agreement += max(signs.count(-1), signs.count(0), signs.count(1)) / len(signs)
    return 100.0 * agreement / 3.0


def frame_reading(bars: Bars) -> tuple[float, float, float]:
    """Give trend, momentum and flow of one frame, -100 … 100 each, in units of its own ATR and turnover."""
    atr = bars.atr
    if atr <= 0.0:
        return 0.0, 0.0, 0.0
    close = bars.close
    moved = abs(close[-1] - close[-12]) / (12.0 * atr)
    trend = sign(bars.ema5.level - bars.ema20.level) * min(100.0, 400.0 * moved)
    now, before = line(close[-7:])[0], line(close[-14:-7])[0]
    return trend, 100.0 * math.tanh((now - before) / atr), net_flow(bars, 12)


def net_flow(bars: Bars, count: int) -> float:
    """Give what takers bought less what they sold in the last bars, in percent of turnover times 5, clipped to ±100.

    Where the takers' side is unknown, a bar that closed higher was bought (tick rule).
    """
    total = sum(bars.turnover[-count:])
    if total <= 0.0:
        return 0.0
    bought = 0.0
    for at in range(-count, 0):
        delta = bars.bought[at]
        bought += bars.turnover[at] * sign(bars.close[at] - bars.close[at - 1]) if math.isnan(delta) else delta
    return clip(500.0 * bought / total, -100.0, 100.0)


# ── confirmation by the last quarter-hours ────────────────────────────────────────────────────────────────────────


class Confirmation(msgspec.Struct, frozen=True, gc=False):
    """Which of four tests the closed 15m bars pass for a side, and what vetoes it ("" if nothing)."""

    passed: tuple[str, ...]
    veto: str

    @property
    def ok(self) -> bool:
        """Whether at least two tests pass and nothing vetoes."""
        return len(self.passed) >= 2 and not self.veto


def confirm(quarter: Bars, hour: Bars, side: int) -> Confirmation | None:
    """Test the newest 15m bars for `side` (+1 long, -1 short); None below 30 of them or without an hourly ATR."""
    if quarter.seen < FRAME_BARS_MIN or hour.atr <= 0.0:
        return None
    close, turnover = quarter.close, quarter.turnover
    level = sum(turnover[-20:]) / 20.0
    recent = sum(turnover[-3:]) / 3.0 / level if level > 0.0 else 1.0
    spike = abs(turnover[-1] - level) / level if level > 0.0 else 0.0
    right = sum(above * side > 0.0 for above in quarter.above10)
    end = max(quarter.high[-9:-1]) if side > 0 else min(quarter.low[-9:-1])
    tests = (
        ("ABOVE_EMA10" if side > 0 else "BELOW_EMA10", right >= 6),
        ("TURNOVER_NORMAL", 0.8 <= recent <= 2.2 and 0.05 <= spike <= 0.8),
        ("FLOW_AGREES", net_flow(quarter, 5) * side > 0.0),
        ("NOT_OVERSHOT", (close[-1] - end) * side <= 0.25 * hour.atr),
    )
    veto = "QUARTER_TOO_WILD" if quarter.atr > 2.5 * hour.atr else "TURNOVER_SPIKE" if recent > 3.5 else ""
    return Confirmation(tuple(name for name, passed in tests if passed), veto)
