"""The slow twin: the same scores, computed from whole windows with numpy at every analysis.

It remembers nothing between two calls. Tests hold the incremental tracks against it, and `bench analysis` uses it as
the baseline. It shares the mapping from measures to scores (`mapped` of each factor), and none of the measuring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from domain.factors import (
    Scores,
    aggression,
    basis,
    environment,
    flow,
    funds,
    independence,
    liquidity,
    momentum,
    open_interest,
    structure,
    trend,
    volume,
)
from domain.factors.bars import bought_of, turnover_of
from domain.factors.base import FactorScore, missing
from domain.factors.context import HOUR_MS, MarketContext
from domain.factors.tracks import CAPACITY, OI_CAPACITY, OI_FIT_SAMPLES, OI_MEDIAN_SAMPLES, SLOPES_MIN, SWING_ATR
from domain.indicators import atr as atr_of
from domain.market import Candle

Column = NDArray[np.float64]


class Hours(msgspec.Struct, frozen=True):
    """Closed 1h candles as columns: ln prices, turnover and net taker flow in USDT, ATR of ln(price)."""

    opened: Column
    high: Column
    low: Column
    close: Column
    turnover: Column
    bought: Column
    atr: Column
    known: bool
    last_open_ms: int


def hours_of(candles: Sequence[Candle]) -> Hours:
    """Turn candles into columns."""
    prices = np.log(np.array([(c.open, c.high, c.low, c.close) for c in candles], dtype=np.float64))
    turnovers = [turnover_of(candle) for candle in candles]
    bought = [bought_of(candle, turnover) for candle, (turnover, _) in zip(candles, turnovers, strict=True)]
    high, low, close = prices[:, 1], prices[:, 2], prices[:, 3]
    ranges = np.nan_to_num(atr_of(high, low, close, 14))
    turnover = np.array([turnover for turnover, _ in turnovers])
    last = candles[-1].open_time_ms
    return Hours(prices[:, 0], high, low, close, turnover, np.array(bought), ranges, turnovers[-1][1], last)


def whole_scores(
    hours: Sequence[Candle],
    quarters: Sequence[Candle],
    interest: Sequence[tuple[int, float]],
    context: MarketContext,
) -> Scores:
    """Give all scores from at least 36 closed 1h candles, 15m candles and hourly open interest."""
    h = hours_of(hours)
    quarter = np.log(np.array([c.close for c in quarters], dtype=np.float64))
    deltas = _deltas(h)
    growths, r2 = _growths([notional for _, notional in interest])
    behind = (h.last_open_ms + HOUR_MS - interest[-1][0]) // HOUR_MS if interest else 0
    context_only = {
        "L": missing("NO_DEPTH", "") if context.depth is None else liquidity.mapped(context.depth),
        "B": basis.mapped(*_basis(context)),
        "Q": missing("NO_TRADES", "") if context.flow is None else aggression.mapped(context.flow),
    }
    return {
        "T": _trend(h),
        "M": _momentum(h),
        "C": _flow(h, deltas),
        "S": _structure(h, quarter),
        "V": _volume(h),
        "O": _open_interest(h, interest, growths, r2, behind),
        **context_only,
        "I": _independence(h, context),
        "F": _funds(h, deltas, growths[-1] if growths else None),
        "E": _environment(h),
    }


def ema(values: Column, n: int) -> Column:
    """Exponential averages with weight 2/(n+1) that start at the first number."""
    out = np.empty_like(values)
    level = values[0]
    for at, value in enumerate(values):
        level = level + (value - level) * (2.0 / (n + 1))
        out[at] = level
    return out


def _trend(h: Hours) -> FactorScore:
    slopes, r2 = fits(h.close[-12:], 12)
    signs = np.sign(ema(h.close, 5) - ema(h.close, 20))[-6:]
    order = float(signs[-1]) if abs(signs.sum()) == 6 else 0.0
    moves = np.diff(h.close[-49:])
    return trend.mapped(
        float(slopes[0]), float(r2[0]), order, float(np.sqrt(np.mean(moves**2))), min(1.0, len(h.close) / 49)
    )


def _momentum(h: Hours) -> FactorScore:
    speeds = ema(h.close, 3) - ema(h.close, 5)
    changes = speeds[6:] - speeds[:-6]
    usual = float(np.mean(np.abs(speeds[-CAPACITY:]))), float(np.mean(np.abs(changes[-CAPACITY:])))
    return momentum.mapped(float(speeds[-1]), float(changes[-1]), *usual, min(1.0, len(h.close) / 100))


def fits(y: Column, width: int) -> tuple[Column, Column]:
    """Slope and r² of every window of a column, by the sums of products."""
    windows = sliding_window_view(y, width)
    x = np.arange(width) - (width - 1) / 2.0
    centred = windows - windows.mean(axis=1, keepdims=True)
    sxy, spread = centred @ x, np.sum(centred**2, axis=1)
    flat = spread == 0.0
    return sxy / np.sum(x**2), np.where(flat, 0.0, sxy**2 / np.where(flat, 1.0, spread * np.sum(x**2)))


def _deltas(h: Hours) -> Column:
    """Net taker flow, halved where the turnover was outside Tukey's fences of the bars up to then."""
    out = h.bought.copy()
    for at in range(19, len(out)):
        window = np.sort(h.turnover[max(0, at + 1 - CAPACITY) : at + 1])
        low, high = np.interp((0.25 * (len(window) - 1), 0.75 * (len(window) - 1)), np.arange(len(window)), window)
        reach = 1.5 * (high - low)
        if not low - reach <= h.turnover[at] <= high + reach:
            out[at] *= 0.5
    return out


def _flow(h: Hours, deltas: Column) -> FactorScore:
    if np.isnan(h.bought).any() or len(h.close) < 6 + SLOPES_MIN:
        return missing("NO_TAKER_VOLUME", "")
    slopes, r2 = fits(np.cumsum(deltas), 7)
    usual = float(np.mean(np.abs(slopes[-CAPACITY:])))
    changes = _changes(deltas)
    crowded = bool(changes[-1] > 0.0 and changes[-1] >= np.percentile(changes, 95))
    pace = float(slopes[-1]) / usual if usual > 0.0 else 0.0
    return flow.mapped(pace, float(r2[-1]), crowded=crowded, quality=min(1.0, min(len(slopes), CAPACITY) / 100))


def _changes(deltas: Column) -> Column:
    """Sizes of the net flows of 6 bars, the newest 300."""
    return np.abs(sliding_window_view(deltas[1:], 6).sum(axis=1))[-CAPACITY:]


def _swings(h: Hours) -> tuple[list[tuple[int, float]], int, tuple[int, float]]:
    pivots: list[tuple[int, float]] = []
    turn, extreme = 0, (0, 0.0)
    for at in range(len(h.close)):
        if turn == 0:
            turn = int(np.sign(h.close[at] - h.opened[at]))
            extreme = (at + 1, float(h.high[at] if turn > 0 else h.low[at]))
            continue
        ahead, behind = (h.high[at], h.low[at]) if turn > 0 else (h.low[at], h.high[at])
        if (ahead - extreme[1]) * turn >= 0.0:
            extreme = (at + 1, float(ahead))
        elif h.atr[at] > 0.0 and (extreme[1] - behind) * turn >= SWING_ATR * h.atr[at]:
            pivots.append(extreme)
            turn, extreme = -turn, (at + 1, float(behind))
    return pivots, turn, extreme


def _structure(h: Hours, quarter: Column) -> FactorScore:
    pivots, turn, extreme = _swings(h)
    if len(pivots) < 4:
        return missing("NO_SWINGS", "")
    before, older, newer, last = pivots[-4:]
    consistent = (newer[1] - before[1]) * (last[1] - older[1]) > 0.0
    ratio = abs(extreme[1] - last[1]) / abs(last[1] - newer[1])
    retracement = max(0.0, 1.0 - abs(ratio - 0.5) / 0.12)
    parts = (0.8 if consistent else 0.5, min(1.0, ratio), retracement, structure.timing(len(h.close) - last[0]))
    agrees: float | None = None
    if len(quarter) >= structure.QUARTER_BARS_MIN:
        agrees = float((ema(quarter, 5)[-1] - ema(quarter, 20)[-1]) * turn > 0.0)
    far = abs(h.close[-1] - ema(h.close, 30)[-1]) / h.atr[-1]
    return structure.mapped(parts, agrees, float(far))


def _busyness(h: Hours) -> tuple[float, float]:
    mean20, before20 = np.mean(h.turnover[-20:]), np.mean(h.turnover[-21:-1])
    change = np.log(h.turnover[-1] / mean20) - np.log(h.turnover[-2] / before20)
    return float(np.mean(h.turnover[-5:]) / mean20), float(change)


def _volume(h: Hours) -> FactorScore:
    return volume.mapped(*_busyness(h), float(h.close[-1] - h.close[-6]), 1.0 if h.known else 0.8)


def _growths(notional: Sequence[float]) -> tuple[list[float], float]:
    values = np.array(notional, dtype=np.float64)
    if len(values) < OI_FIT_SAMPLES:
        return [], 0.0
    windows = sliding_window_view(values, OI_FIT_SAMPLES).copy()
    low, high = np.percentile(windows, [25, 75], axis=1)
    reach = 1.5 * (high - low)
    sound = (windows >= (low - reach)[:, None]) & (windows <= (high + reach)[:, None])
    for at in np.flatnonzero(~sound.all(axis=1)):
        kept = np.flatnonzero(sound[at])
        windows[at] = np.interp(np.arange(OI_FIT_SAMPLES), kept, windows[at][kept])
    x = np.arange(OI_FIT_SAMPLES) - (OI_FIT_SAMPLES - 1) / 2.0
    centred = windows - windows.mean(axis=1, keepdims=True)
    slopes = centred @ x / np.sum(x**2)
    ends = range(OI_FIT_SAMPLES, len(values) + 1)
    medians = np.array([np.median(values[max(0, end - OI_MEDIAN_SAMPLES) : end]) for end in ends])
    out: list[float] = (100.0 * slopes * 24.0 / medians).tolist()
    spread = float(np.sum(centred[-1] ** 2))
    r2 = float(slopes[-1]) ** 2 * float(np.sum(x**2)) / spread if spread > 0.0 else 0.0
    return out[-OI_CAPACITY:], r2


def _open_interest(
    h: Hours, interest: Sequence[tuple[int, float]], growths: list[float], r2: float, behind: int
) -> FactorScore:
    if len(interest) < open_interest.SAMPLES_MIN or not 0 <= behind <= 2:
        return missing("NO_OPEN_INTEREST", "")
    close = h.close[: len(h.close) - behind][-13:]
    money = np.diff(np.array([notional for _, notional in interest[-13:]]))
    move = float(h.close[-1] - h.close[-13])
    along = np.sign(np.diff(close)) * np.sign(move)
    alignment = float(np.sum((along > 0) & (money > 0)) - np.sum((along < 0) & (money < 0)))
    crowded = bool(len(growths) >= 20 and growths[-1] > 0.0 and growths[-1] >= np.percentile(growths, 95))
    quality = min(1.0, len(growths) / 100)
    return open_interest.mapped(growths[-1], r2, alignment, move, crowded=crowded, quality=quality)


def _basis(context: MarketContext) -> tuple[float | None, float | None]:
    mark, index = context.mark, context.index
    basis_bps = None if mark is None or index is None else 1e4 * float(np.log(np.array([mark / index]))[0])
    rate = context.funding_rate
    return basis_bps, None if rate is None else rate * 28_800_000 / context.funding_interval_ms


def _independence(h: Hours, context: MarketContext) -> FactorScore:
    if context.btc is None or context.eth is None or len(h.close) < 25:
        return missing("NO_REFERENCE", "")
    own = np.diff(h.close[-25:])
    leads = [np.diff(np.array(lead.ln_close[-25:])) for lead in (context.btc, context.eth)]
    design = np.column_stack([np.ones(24), *leads])
    solved = np.linalg.lstsq(design, own, rcond=None)[0]
    return independence.mapped(float(solved[1]), float(solved[2]))


def _funds(h: Hours, deltas: Column, growth: float | None) -> FactorScore:
    if np.isnan(h.bought).any() or len(h.close) < funds.BARS_MIN:
        return missing("NO_TAKER_FLOW", "")
    usual = float(np.mean(_changes(deltas)))
    pressure = math.fsum(deltas[-6:]) / (2.0 * usual) if usual > 0.0 else 0.0
    day = 100.0 * float(h.close[-1] - h.close[-25])
    slope = float((h.close[-1] - ema(h.close, 30)[-1]) * (2.0 / 31.0) / h.atr[-1])
    return funds.mapped(growth, _busyness(h)[0], pressure, day, slope)


def _environment(h: Hours) -> FactorScore:
    before = h.close[-15:-1]
    travelled = np.sum(np.maximum(h.high[-14:], before) - np.minimum(h.low[-14:], before))
    reach = np.max(h.high[-14:]) - np.min(h.low[-14:])
    chop = float(np.clip(100.0 * np.log10(travelled / reach) / np.log10(14.0), 0.0, 100.0))
    rooms = np.max(h.high[-72:]) - h.close[-1], h.close[-1] - np.min(h.low[-72:])
    return environment.mapped(chop, float(max(rooms) / h.atr[-1]), min(1.0, len(h.close) / 72))
