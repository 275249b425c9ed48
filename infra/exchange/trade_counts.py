"""How many trades a contract has had by a minute: what its trade ids count, so that they have no gaps.

Summing up minutes since 1970 would take seconds, so it goes the other way round: the total by a minute is a function
of the minute, and a minute's trades are the difference to the next one's total.

    total(m) = ⌊rate · (m + Σ share · period · noise(m / period))⌋        noise in [-1, 1), on straight lines

A noise adds at most ± 2 · share to the slope, so that a minute has 0.26 to 1.74 times `rate` trades.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infra.market.bars import Counts
from infra.market.contracts import Contract
from infra.market.noise import Floats, Keys, derived, uniform

TRADES_MIN, TRADES_MAX = 12, 240
"""How many prints a minute has: never more than 10 s without one, never more than 4 a second."""
_RATE_MIN, _RATE_MAX = 48.0, 137.0
"""The usual trades a minute of quiet and of busy contracts, such that all minutes stay within the bounds above."""
_USDT_A_TRADE = 950.0
_NOISES = ((1, 0.20), (30, 0.10), (360, 0.07))
_FOR_TRADES = 210


class TradeCounts:
    """The trades of some contracts. `keys` name them: shape (contracts, 1)."""

    def __init__(self, keys: Keys, contracts: Sequence[Contract]) -> None:
        rates = np.array([[1_000.0 * one.turnover / _USDT_A_TRADE] for one in contracts])
        self._rates = np.clip(rates, _RATE_MIN, _RATE_MAX)
        self._keys = [derived(keys, _FOR_TRADES + place) for place in range(len(_NOISES))]

    def totals(self, first: int, last: int) -> Counts:
        """Give the trades before each of the minutes `first` to `last` (after 1970): shape (contracts, minutes)."""
        minutes = np.arange(first, last + 1)
        total: Floats = np.broadcast_to(minutes.astype(np.float64), (len(self._rates), len(minutes)))
        for keys, (period, share) in zip(self._keys, _NOISES, strict=True):
            cells = minutes // period
            draws = uniform(keys, np.arange(first // period, last // period + 2))
            here = draws[:, cells - cells[0]]
            there = draws[:, cells - cells[0] + 1]
            noise = 2.0 * (here + (there - here) * ((minutes - cells * period) / period)) - 1.0
            total = total + share * period * noise
        return np.floor(self._rates * total).astype(np.int64)
