"""Markets to score: random walks, their mirror image, the golden series, and candles of higher frames."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from domain.factors import FactorState, FactorView, MarketContext, Reference, depth_summary, trade_flow
from domain.market import INTERVALS_MS, Candle

HOUR = INTERVALS_MS["1h"]
START = 1_700_006_400_000
"""A midnight, so that every frame begins there."""


def walk(
    seed: int, bars: int, *, sigma: float = 0.006, wicks: bool = True, interval: str = "1h", price: float = 100.0
) -> list[Candle]:
    """A driftless random walk of ln(price) with very uneven turnover and a random taker share."""
    dice, step = random.Random(seed), INTERVALS_MS[interval]
    close, candles = math.log(price), list[Candle]()
    for at in range(bars):
        opened = close
        inner = [opened]
        for _ in range(12 if wicks else 1):
            inner.append(inner[-1] + dice.gauss(0.0, sigma / math.sqrt(12 if wicks else 1)))
        close = inner[-1]
        quote = 1e6 * math.exp(dice.gauss(0.0, 1.0))
        share = min(0.95, max(0.05, dice.gauss(0.5, 0.08)))
        low, high = math.exp(min(inner)), math.exp(max(inner))
        base = quote / math.exp(close)
        candles.append(
            Candle(
                START + at * step, math.exp(opened), high, low, math.exp(close), base, quote, 100, base * share,
                quote * share,
            )
        )  # fmt: skip
    return candles


def mirrored(candles: Iterable[Candle], centre: float = 100.0) -> list[Candle]:
    """Reflect prices around `centre` in log space, swap the takers' sides, keep quote volume."""

    def flip(price: float) -> float:
        return centre * centre / price

    out: list[Candle] = []
    for c in candles:
        quote = c.volume * c.close if c.quote_volume is None else c.quote_volume
        taker = None if c.taker_buy_quote_volume is None else quote - c.taker_buy_quote_volume
        base = quote / flip(c.close)
        taker_base = None if c.taker_buy_volume is None else base * (1.0 - c.taker_buy_volume / c.volume)
        out.append(
            replace(
                c, open=flip(c.open), high=flip(c.low), low=flip(c.high), close=flip(c.close), volume=base,
                taker_buy_volume=taker_base, taker_buy_quote_volume=taker,
            )
        )  # fmt: skip
    return out


def scaled(candles: Iterable[Candle], k: float) -> list[Candle]:
    """Multiply prices by k, divide base volumes by it, keep quote volume."""
    return [
        replace(
            c, open=c.open * k, high=c.high * k, low=c.low * k, close=c.close * k, volume=c.volume / k,
            taker_buy_volume=None if c.taker_buy_volume is None else c.taker_buy_volume / k,
        )
        for c in candles
    ]  # fmt: skip


def joined(candles: Sequence[Candle], count: int, interval: str) -> list[Candle]:
    """Join every `count` candles into one of `interval`."""
    out: list[Candle] = []
    for at in range(0, len(candles) - count + 1, count):
        part = candles[at : at + count]
        quote = None if part[0].quote_volume is None else math.fsum(c.quote_volume or 0.0 for c in part)
        taker = None if part[0].taker_buy_volume is None else math.fsum(c.taker_buy_volume or 0.0 for c in part)
        taker_quote = (
            None if part[0].taker_buy_quote_volume is None else math.fsum(c.taker_buy_quote_volume or 0.0 for c in part)
        )
        out.append(
            Candle(
                part[0].open_time_ms, part[0].open, max(c.high for c in part), min(c.low for c in part),
                part[-1].close, math.fsum(c.volume for c in part), quote, None, taker, taker_quote,
            )
        )  # fmt: skip
    assert not out or out[0].open_time_ms % INTERVALS_MS[interval] == 0
    return out


def fed(state: FactorState, quarters: Sequence[Candle], after: Callable[[int], None] | None = None) -> FactorState:
    """Feed 15m candles and everything that they build, in the order in which bars close."""
    for at, candle in enumerate(quarters, 1):
        state.close("15m", candle)
        for interval, count in (("1h", 4), ("4h", 16), ("1d", 96)):
            if at % count == 0:
                state.close(interval, joined(quarters[at - count : at], count, interval)[0])
        if after is not None:
            after(at)
    return state


def hours_fed(candles: Iterable[Candle]) -> FactorState:
    """A state that has seen these 1h candles."""
    state = FactorState()
    for candle in candles:
        state.close("1h", candle)
    return state


def reference(candles: Sequence[Candle]) -> Reference:
    """The last 48 closes as BTC's or ETH's."""
    return Reference(candles[-1].open_time_ms, tuple(math.log(c.close) for c in candles[-48:]))


def some_context(seed: int, last_ms: int, centre: float = 0.0) -> MarketContext:
    """A context with everything in it; `centre` > 0 gives its mirror image."""
    dice = random.Random(seed)
    basis, rate = dice.gauss(0.0, 20e-4), dice.gauss(0.0, 3e-4)
    bids = [(100.0 - 0.01 * (j + 1), 50.0 * (j + 1)) for j in range(20)]
    asks = [(100.0 + 0.01 * (j + 1), 40.0 * (j + 1)) for j in range(20)]
    trades = [(at, dice.lognormvariate(5.0, 1.0), dice.random() < 0.5) for at in range(300)]
    leads = [walk(seed + 1, 60), walk(seed + 2, 60)]
    trend = dice.uniform(-100, 100)
    if centre:
        basis, rate, trend = -basis, -rate, -trend
        bids, asks = ([(centre**2 / p, p * q / (centre**2 / p)) for p, q in side] for side in (asks, bids))
        trades = [(at, notional, not maker) for at, notional, maker in trades]
        leads = [mirrored(lead) for lead in leads]
    closes = [tuple(math.log(c.close) for c in lead[-48:]) for lead in leads]
    mark = 100.0 * math.exp(basis)
    return MarketContext(
        mark=mark, index=100.0, funding_rate=rate, depth=depth_summary(bids, asks), flow=trade_flow(trades),
        btc=Reference(last_ms, closes[0]), eth=Reference(last_ms, closes[1]), market_trend=trend,
        onboard_ms=START - 400 * 24 * HOUR, own_notional=1_000.0, data_quality=1.0,
    )  # fmt: skip


def view_of(state: FactorState, context: MarketContext | None = None) -> FactorView:
    """The view as of the last closed hour."""
    return FactorView("BTCUSDT", state.hour.last_open_ms + HOUR, state, context or MarketContext())


def golden_series() -> list[Candle]:
    """S300 of cryptosignal.md, appendix A."""

    def level(at: int) -> float:
        return 100.0 + 0.1 * at + 2.0 * math.sin(at / 7.0)

    candles: list[Candle] = []
    for at in range(300):
        close, opened = level(at), level(at - 1)
        volume = 1000.0 + 100.0 * math.cos(at / 5.0)
        taker = volume * (0.5 + 0.05 * math.sin(at / 9.0))
        candles.append(
            Candle(
                START + at * HOUR, opened, max(opened, close) + 0.5, min(opened, close) - 0.5, close, volume,
                volume * close, None, taker, None,
            )
        )  # fmt: skip
    return candles
