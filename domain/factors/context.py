"""What an analysis may know beside its own candles. All of it is optional: what a source lacks is None, never 0.

Whoever plumbs the market fills a `MarketContext` from recorded facts only (the last `CandleClosed` and what stood
beside it), so that a replay sees the same numbers. `depth_summary` and `trade_flow` make the two summaries out of
levels and trades; the summaries are small enough to stand in an event.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

HOUR_MS = 3_600_000
FUNDING_INTERVAL_MS = 8 * HOUR_MS
SWEEP_FLOOR_USDT = 5_000.0
SHOWN_LEVELS = 10
BPS = 10_000.0

Level: TypeAlias = tuple[float, float]
"""Price (USDT) and quantity (base asset) of one level of the book."""


class DepthSummary(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A book in six numbers: the spread, what rests on each side, and what a sweep of `swept` USDT would cost.

    `bid_notional` and `ask_notional` are USDT over the best 10 levels, `buy_impact_bps` and `sell_impact_bps`
    the distance of the sweep's volume-weighted price from the middle; None where the book is too thin for the sweep.
    """

    spread_bps: float
    bid_notional: float
    ask_notional: float
    swept: float
    buy_impact_bps: float | None
    sell_impact_bps: float | None

    @property
    def imbalance(self) -> float:
        """(bids - asks) / (bids + asks), -1 … 1; 0 for an empty book."""
        total = self.bid_notional + self.ask_notional
        return (self.bid_notional - self.ask_notional) / total if total > 0.0 else 0.0

    @property
    def impact_bps(self) -> float:
        """The worse of both sweeps; infinite where the book is too thin."""
        buy, sell = self.buy_impact_bps, self.sell_impact_bps
        return math.inf if buy is None or sell is None else max(buy, sell)


class TradeFlow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The trades of the last 15 minutes: how many, their 95th percentile of notional, and who took the large ones.

    A trade is large if its notional reaches `p95` (USDT); `large_buy` and `large_sell` are the USDT of those that a
    buyer, and that a seller, took from the book. `span_ms` is how much time the trades cover.
    """

    trades: int
    span_ms: int
    p95: float
    large_buy: float
    large_sell: float


class Reference(msgspec.Struct, frozen=True, gc=False):
    """Closed 1h bars of BTC or ETH: the open time (UTC ms) of the last one, and ln(close) of up to 48, oldest first.

    The bars are contiguous: the one before the last opened an hour earlier.
    """

    last_open_ms: int
    ln_close: tuple[float, ...]


class MarketContext(msgspec.Struct, frozen=True, gc=False):
    """Everything around one symbol as of one close. A field that a source does not know stays None.

    - `mark`, `index`: prices, USDT. `funding_rate`: fraction a funding interval of `funding_interval_ms`.
    - `bid`, `ask`: best prices; needed only where there is no `depth`.
    - `depth`, `flow`: the book and the last 15 minutes' trades.
    - `btc`, `eth`: their closed 1h bars. `market_trend`: -100 … 100, see `domain/market_trend.py`.
    - `onboard_ms`: when the contract was listed (UTC ms). `own_notional`: what we would trade, USDT.
    - `data_quality`: 0 … 1, see `scoring.gates.data_quality`.
    """

    mark: float | None = None
    index: float | None = None
    funding_rate: float | None = None
    funding_interval_ms: int = FUNDING_INTERVAL_MS
    bid: float | None = None
    ask: float | None = None
    depth: DepthSummary | None = None
    flow: TradeFlow | None = None
    btc: Reference | None = None
    eth: Reference | None = None
    market_trend: float | None = None
    onboard_ms: int | None = None
    own_notional: float = 0.0
    data_quality: float | None = None


def depth_summary(bids: Sequence[Level], asks: Sequence[Level], own_notional: float = 0.0) -> DepthSummary | None:
    """Sum a book up, best levels first, sweeping max(2 · own notional, 5,000 USDT). None if a side is empty."""
    if not bids or not asks:
        return None
    swept = max(2.0 * own_notional, SWEEP_FLOOR_USDT)
    middle = (bids[0][0] + asks[0][0]) / 2.0
    return DepthSummary(
        spread_bps=(asks[0][0] - bids[0][0]) / middle * BPS,
        bid_notional=math.fsum(price * quantity for price, quantity in bids[:SHOWN_LEVELS]),
        ask_notional=math.fsum(price * quantity for price, quantity in asks[:SHOWN_LEVELS]),
        swept=swept,
        buy_impact_bps=_impact_bps(asks, swept, middle),
        sell_impact_bps=_impact_bps(bids, swept, middle),
    )


def _impact_bps(levels: Sequence[Level], notional: float, middle: float) -> float | None:
    """Sweep `notional` USDT: |VWAP - middle| / middle, VWAP = notional swept / quantity swept."""
    left, quantity = notional, 0.0
    for price, resting in levels:
        taken = min(left, price * resting)
        quantity += taken / price
        left -= taken
        if left <= 0.0:
            return abs(notional / quantity - middle) / middle * BPS
    return None


def trade_flow(trades: Iterable[tuple[int, float, bool]]) -> TradeFlow | None:
    """Sum trades up: (time in UTC ms, notional in USDT, was the buyer the maker), in order. None if there are none."""
    rows = list(trades)
    if not rows:
        return None
    p95 = percentile(sorted(notional for _, notional, _ in rows), 0.95)
    large = [(notional, buyer_is_maker) for _, notional, buyer_is_maker in rows if notional >= p95]
    return TradeFlow(
        trades=len(rows),
        span_ms=rows[-1][0] - rows[0][0],
        p95=p95,
        large_buy=math.fsum(notional for notional, buyer_is_maker in large if not buyer_is_maker),
        large_sell=math.fsum(notional for notional, buyer_is_maker in large if buyer_is_maker),
    )


def percentile(ascending: Sequence[float], share: float) -> float:
    """Give the `share` (0 … 1) quantile of sorted numbers, linear between ranks as numpy's default."""
    place = share * (len(ascending) - 1)
    below = int(place)
    if below + 1 >= len(ascending):
        return ascending[-1]
    low, high = ascending[below], ascending[below + 1]
    return low + (high - low) * (place - below)
