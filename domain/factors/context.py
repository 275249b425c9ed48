"""What an analysis may know beside its own candles. All of it is optional: what a source lacks is None, never 0.

Whoever plumbs the market fills a `MarketContext` from recorded facts only (the last `CandleClosed` and what stood
beside it), so that a replay sees the same numbers. What a minute keeps of book and trades is made in `domain/book.py`
and `domain/flow.py`, and is small enough to stand in an event.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.book import BPS, DepthSummary, depth_summary
from domain.flow import HOUR_MS, TradeFlow, trade_flow

FUNDING_INTERVAL_MS = 8 * HOUR_MS


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
    - `btc`, `eth`: their closed 1h bars. `market_trend`: -100 … 100, see `domain/analysis/market_trend.py`.
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


def percentile(ascending: Sequence[float], share: float) -> float:
    """Give the `share` (0 … 1) quantile of sorted numbers, linear between ranks as numpy's default."""
    place = share * (len(ascending) - 1)
    below = int(place)
    if below + 1 >= len(ascending):
        return ascending[-1]
    low, high = ascending[below], ascending[below + 1]
    return low + (high - low) * (place - below)


__all__ = [
    "BPS",
    "FUNDING_INTERVAL_MS",
    "HOUR_MS",
    "DepthSummary",
    "MarketContext",
    "Reference",
    "TradeFlow",
    "depth_summary",
    "percentile",
    "trade_flow",
]
