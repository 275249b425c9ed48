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
from infra.market.noise import Floats, Keys, derived, uniforms

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
        total: Floats = np.arange(first, last + 1, dtype=np.float64)[None, :]
        for keys, (period, share) in zip(self._keys, _NOISES, strict=True):
            noise = _noise(keys, first, last, period)
            noise *= share * period
            total = np.add(total, noise, out=noise)
        total *= self._rates
        return np.floor(total, out=total).astype(np.int64)


def _noise(keys: Keys, first: int, last: int, period: int) -> Floats:
    """Give noise in [-1, 1) at the minutes `first` to `last`, on a straight line from one cell of `period` to the next.

    As `noise.smooth`, but minutes in a row are laid out cell by cell: nothing has to be divided or looked up.
    """
    cell, cells = first // period, last // period - first // period + 1
    draws = uniforms(keys, cell, cell + cells + 1)
    if period == 1:
        noise = draws[:, :-1]
    else:
        here, there = draws[:, :-1, None], draws[:, 1:, None]
        skipped = first - cell * period
        shares = np.arange(period) / period
        if cells == 1:
            shares, skipped = shares[skipped:], 0
        line = (there - here) * shares
        line += here
        noise = line.reshape(len(draws), -1)[:, skipped : skipped + last + 1 - first]
    noise *= 2.0
    noise -= 1.0
    return noise
