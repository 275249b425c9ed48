"""The anonymous book of a contract: a function of (key, time), so that snapshot and stream can never disagree.

Levels stand on fixed grids, every price step near the touch and coarser ones further out, so that a moving price finds
the same levels again. What stands at a level changes every one to eight seconds, each level at its own times. Books are
thin when the minute is wild, and lean against the takers.

Further out than any order may take (PERCENT_PRICE) stand levels that never change, for who asks for a deep book: which
of them are shown moves with the price, a block at a time, so that streams have to tell of them now and then only. Where
a price has few ticks, the coarser levels reach among the far ones: what stands at one price is the sum.

Everything is counted in ticks and lots. The top of the book is computed without the rest (`top`): it is asked for far
more often.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infra.market.noise import Floats, Indices

_LEVELS_A_ZONE = 25
_ZONES = (1, 8, 64, 512)
_ZONE_SIZES = (1.0, 3.0, 9.0, 25.0)
LEVELS = _LEVELS_A_ZONE * len(_ZONES)
_PLACES = np.arange(_LEVELS_A_ZONE)
_WEIGHTS = np.array([1.0, *(size for size in _ZONE_SIZES for _ in range(_LEVELS_A_ZONE))])[:LEVELS]
_FAR_LEVELS, _FAR_BLOCK = 1_000 - LEVELS, 16
"""Far levels of a side: the deepest book on offer is the whole one. A block of them comes or goes at once."""
_FAR_SHARE = (4, 25)
"""How far from the touch they begin, of its price: 16 %; no multiplier of PERCENT_PRICE is above 15 %."""
_FAR_STEPS = 3_125
"""How many steps between far levels make up the usual price."""
_SHARE_OF_MINUTE = 0.02
"""A level near the touch holds a fiftieth of what trades in a usual minute."""
_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Top(NamedTuple):
    """Best bid and ask: ticks and lots."""

    bid: int
    bid_lots: int
    ask: int
    ask_lots: int


class Mood(NamedTuple):
    """What a moment does to a book: `size` scales all levels, `lean` those of the bids up and of the asks down."""

    size: float
    lean: float


class BookShape:
    """The books of one contract. `key` is its 64-bit name, `price` its usual price in ticks, `lots` near a level."""

    def __init__(self, key: int, price: int, lots_a_minute: float) -> None:
        self._key = key
        self._grid = max(1, price // 200_000)
        self._lots = lots_a_minute * _SHARE_OF_MINUTE
        self._far_step = max(1, price // _FAR_STEPS)
        self._far: dict[int, tuple[int, dict[int, int]]] = {}

    def touch(self, last: int, taker_bought: bool) -> tuple[int, int]:
        """Give best bid and ask (ticks) after a trade: a buyer took the ask, a seller the bid."""
        spread = 1 + (_mixed(self._key + last) % 5 == 0)
        return (max(1, last - spread), last) if taker_bought else (last, last + spread)

    def top(self, bid: int, ask: int, mood: Mood, time_ms: int) -> Top:
        """Give the best level of each side."""
        return Top(bid, self._lots_at(bid, mood.size * (1 + mood.lean), time_ms),
                   ask, self._lots_at(ask, mood.size * (1 - mood.lean), time_ms))  # fmt: skip

    def top_until(self, bid: int, ask: int, time_ms: int) -> int:
        """Say when, in the same mood, the best levels may be others (ms UTC)."""
        return min(self._epoch(self._hashed(bid), time_ms)[1], self._epoch(self._hashed(ask), time_ms)[1])

    def sides(
        self, bid: int, ask: int, mood: Mood, time_ms: int, levels: int = LEVELS
    ) -> tuple[dict[int, int], dict[int, int]]:
        """Give the best levels (all of them) of bids and asks, best first, as ticks → lots."""
        below, above = self._grid_from(bid, -1, levels), self._grid_from(ask, 1, levels)
        sizes = (
            self._lots * (mood.size * (1 + mood.lean)) * _WEIGHTS[: len(below)],
            self._lots * (mood.size * (1 - mood.lean)) * _WEIGHTS[: len(above)],
        )
        ticks = np.concatenate((below, above))
        lots = self._lots_on(ticks, np.concatenate(sizes), time_ms).tolist()
        bids, asks = (
            zip(grid.tolist(), part, strict=False) for grid, part in ((below, lots), (above, lots[len(below) :]))
        )
        return dict(bids), dict(asks)

    def far(self, bid: int, ask: int) -> tuple[dict[int, int], dict[int, int]]:
        """Give the far levels of bids and asks, best first; the same object as long as it is the same levels."""
        return self._far_side(bid, -1), self._far_side(ask, 1)

    def _far_side(self, best: int, way: int) -> dict[int, int]:
        block = self._far_step * _FAR_BLOCK
        share, whole = _FAR_SHARE
        begins = (best + way * best * share // whole) // block * block + max(0, way) * block
        kept = self._far.get(way)
        if kept is None or kept[0] != begins:
            ticks = begins + way * self._far_step * np.arange(_FAR_LEVELS)
            ticks = ticks[ticks > 0]
            hashed = _mixed_all(ticks.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(self._key))
            share_of = (hashed >> np.uint64(40)).astype(np.float64) * 2.0**-24
            lots = np.maximum(1, (self._lots * _ZONE_SIZES[-1] * (0.15 + share_of * share_of * 2.5)).astype(np.int64))
            kept = self._far[way] = (begins, dict(zip(ticks.tolist(), lots.tolist(), strict=True)))
        return kept[1]

    def _lots_on(self, ticks: Indices, sizes: Floats, time_ms: int) -> Indices:
        hashed = _mixed_all(ticks.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(self._key))
        period = 1_000 + (hashed & np.uint64(7)).astype(np.int64) * 1_000
        epoch = (time_ms + (hashed >> np.uint64(8)).astype(np.int64) % 8_000) // period
        draw = _mixed_all(hashed + epoch.astype(np.uint64) * np.uint64(_GOLDEN))
        share = (draw >> np.uint64(40)).astype(np.float64) * 2.0**-24
        return np.maximum(1, (sizes * (0.15 + share * share * 2.5)).astype(np.int64))

    def _grid_from(self, best: int, way: int, levels: int) -> Indices:
        """Give the levels from the touch outward: the touch itself, then multiples of ever coarser steps."""
        parts, at, missing = [np.array([best])], best, levels - 1
        for coarser in _ZONES:
            if missing <= 0:
                break
            step = self._grid * coarser
            first = at // step * step + step if way > 0 else -(-at // step) * step - step
            parts.append(first + way * step * _PLACES)
            at = first + way * step * (_LEVELS_A_ZONE - 1)
            missing -= _LEVELS_A_ZONE
        ticks = np.concatenate(parts)[:levels]
        return ticks if way > 0 or at > 0 else ticks[ticks > 0]

    def _lots_at(self, ticks: int, size: float, time_ms: int) -> int:
        """The same as in `_lots_on` for one level at the touch, in plain numbers."""
        hashed = self._hashed(ticks)
        share = (_mixed(hashed + self._epoch(hashed, time_ms)[0] * _GOLDEN) >> 40) * 2.0**-24
        return max(1, int(self._lots * size * 1.0 * (0.15 + share * share * 2.5)))

    def _hashed(self, ticks: int) -> int:
        return _mixed(ticks * _GOLDEN + self._key)

    @staticmethod
    def _epoch(hashed: int, time_ms: int) -> tuple[int, int]:
        """Give the number of the time in which a level stays as it is, and when it ends (ms UTC)."""
        period, offset = 1_000 + (hashed & 7) * 1_000, (hashed >> 8) % 8_000
        epoch = (time_ms + offset) // period
        return epoch, (epoch + 1) * period - offset


def _mixed(x: int) -> int:
    """The output function of splitmix64, as in `infra/market/noise.py`, on one number."""
    x &= _MASK
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return x ^ (x >> 31)


def _mixed_all(x: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return x ^ (x >> np.uint64(31))
