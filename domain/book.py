"""What a minute keeps of an order book: how much rests near the touch, and what it costs to sweep through it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

LEVELS: Final = 20
"""How many levels of each side are looked at: what Binance's partial depth streams carry."""
SHOWN_LEVELS: Final = 10
"""How many of them count as what rests near the touch."""
SWEEP_FLOOR_USDT: Final = 5_000.0
BPS: Final = 10_000.0

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


def depth_summary(bids: Sequence[Level], asks: Sequence[Level], own_notional: float = 0.0) -> DepthSummary | None:
    """Sum a book up, best levels first, sweeping max(2 · own notional, 5,000 USDT).

    None where there is no book to speak of: a side is empty, or the sides cross.
    """
    if not bids or not asks or bids[0][0] >= asks[0][0]:
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
