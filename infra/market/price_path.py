"""Log-price paths that can be computed at any time without what came before: Brownian bridges made of hashes.

Time is cut into nodes `NODE_MS` apart. A path is known at every 2^`TOP`-th node (independent hashed levels, so prices
stay sane for years); halfway between two known nodes it is their mean plus a hashed displacement, and so on down to
single nodes. With displacements of deviation `sigma √length / 2` that is Brownian motion (Lévy's midpoint
construction). A node's value has one derivation only, so every window that contains it finds the same bits.

    level TOP    ●───────────────────────●        hashed levels
    level TOP-1  ●───────────●───────────●        mean of the neighbours + displacement
    …            ●──●──●──●──●──●──●──●──●

Regimes scale the displacements: in a trend the long ones are large and the short ones small, so that the price goes one
way for hours; in a range it is the other way round. Jumps come on top, and fade.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from infra.market.noise import Floats, Indices, Keys, derived, normals, uniforms

NODE_MS = 1_000
"""The path is Brownian down to this step; between two nodes its logarithm is a straight line."""

TOP = 24
_TOP_SIGMAS = 2_000.0
_REVERTING_LEVEL = 22
"""2^24 nodes are 194 days. Beyond 2^22 nodes (48 days) displacements no longer grow, so that a path reverts."""

_REGIME_LEVEL = 15
_REGIMES = {
    #          chance, then scales for cells of 9.1 h (as long as the regime), 4.6 h, 2.3 h, 68 min, 34 min, and shorter
    "trending": (0.40, (1.9, 1.8, 1.6, 1.0, 0.9, 0.85)),
    "ranging": (0.35, (0.4, 0.5, 0.7, 1.2, 1.1, 0.80)),
    "volatile": (0.25, (1.3, 1.3, 1.3, 1.4, 1.4, 1.40)),
}
_BOUNDS = np.cumsum([chance for chance, _ in _REGIMES.values()])[:-1]
_SCALES = np.array([scales for _, scales in _REGIMES.values()])

_JUMP_LEVEL = 14
_JUMP_CHANCE = 0.25
_JUMP_SIGMAS = (50.0, 160.0)
"""A quarter of all slots of 4.6 h has a jump, of 50 to 160 `sigma`, which fades to nothing in another 4.6 h."""

_LONGEST_KEPT = 4
"""The upper levels are the same for every window within 194 days."""

_FOR_REGIME, _FOR_JUMP, _FOR_JUMP_NODE, _FOR_JUMP_SIZE = range(TOP + 1, TOP + 5)


class PricePaths:
    """The paths of some names, computed together.

    `keys` and `sigma` have the shape (names, 1); `sigma` is the deviation of the log-price over one node. With
    `coarser` a node is 2^`coarser` times as long, and regimes, jumps and the reach of prices last as long as they did.
    """

    def __init__(self, keys: Keys, sigma: Floats, coarser: int = 0) -> None:
        self._keys = [derived(keys, purpose) for purpose in range(_FOR_JUMP_SIZE + 1)]
        self._sigma = sigma
        self._top, self._reverting = TOP - coarser, _REVERTING_LEVEL - coarser
        self._regime_level, self._jump_level = _REGIME_LEVEL - coarser, _JUMP_LEVEL - coarser
        self._jump_scale = math.sqrt(2**coarser)
        self._fading = 1.0 - np.arange(1 << self._jump_level) * (1.0 / (1 << self._jump_level))
        self._upper = lru_cache(_LONGEST_KEPT)(self._computed_upper)

    def nodes(self, first: int, last: int) -> Floats:
        """Give the log-price, relative to the start price, at the nodes `first` to `last`, both included.

        Shape (names, nodes). Node n stands at n·`NODE_MS` after 1970.
        """
        longest = self._regime_level
        left, right = first >> longest, (last >> longest) + 1
        values = self._regime_nodes(left, right)
        scales = self._regime_scales(left, right)
        for longer in range(longest, 0, -1):
            displacements = normals(self._keys[longer - 1], left, right)
            displacements *= self._deviation(longer, left, right, scales)
            finer = _refined(values, displacements)
            origin = 2 * left
            left, right = first >> (longer - 1), (last >> (longer - 1)) + 1
            values = finer[:, left - origin : right - origin + 1]
        path = values[:, :-1]
        self._add_jumps(path, first, last)
        return path

    def _regime_nodes(self, left: int, right: int) -> Floats:
        """Give the path without jumps at the nodes `left` to `right` of the level of regimes."""
        above = self._top - self._regime_level
        parts = [self._upper(cell) for cell in range(left >> above, (right - 1 >> above) + 1)]
        values = np.concatenate([*(part[:, :-1] for part in parts[:-1]), parts[-1]], axis=1)
        origin = left >> above << above
        return values[:, left - origin : right - origin + 1]

    def _computed_upper(self, cell: int) -> Floats:
        """Give the nodes of the level of regimes in a cell of the top level, both ends included."""
        values = _TOP_SIGMAS / self._jump_scale * self._sigma * normals(self._keys[TOP], cell, cell + 2)
        for level in range(self._top, self._regime_level, -1):
            first = cell << (self._top - level)
            displacements = normals(self._keys[level - 1], first, first + values.shape[1] - 1)
            displacements *= self._usual_deviation(level)
            values = _refined(values, displacements)
        return values

    def _regime_scales(self, left: int, right: int) -> Floats:
        """Give the scales of the regime blocks [left, right): shape (kinds of cell, names, blocks)."""
        draws = uniforms(self._keys[_FOR_REGIME], left, right)
        regimes: NDArray[np.intp] = np.searchsorted(_BOUNDS, draws, side="right")
        return _SCALES.T[:, regimes]

    def _usual_deviation(self, level: int) -> Floats:
        """Give the deviation of the displacement in the middle of cells of 2^level nodes, in no regime."""
        return self._sigma * (0.5 * math.sqrt(2 ** min(level, self._reverting)))

    def _deviation(self, level: int, left: int, right: int, scales: Floats) -> Floats:
        """Give the deviations of the displacements in the cells [left, right) of 2^level nodes, at most a regime's."""
        below = self._regime_level - level
        by_block = self._usual_deviation(level) * scales[min(below, len(scales) - 1)]
        return np.repeat(by_block, _block_lengths(below, left, right), axis=1) if below else by_block

    def _add_jumps(self, path: Floats, first: int, last: int) -> None:
        length = 1 << self._jump_level
        slots = (first >> self._jump_level) - 1, (last >> self._jump_level) + 1
        jumps = uniforms(self._keys[_FOR_JUMP], *slots) < _JUMP_CHANCE
        within = (uniforms(self._keys[_FOR_JUMP_NODE], *slots) * length).astype(np.int64)
        places = np.arange(*slots) * length + within
        draws = 2.0 * uniforms(self._keys[_FOR_JUMP_SIZE], *slots) - 1.0
        smallest, largest = _JUMP_SIGMAS
        sizes = self._sigma / self._jump_scale * np.copysign(smallest + (largest - smallest) * np.abs(draws), draws)
        for name, slot in np.argwhere(jumps).tolist():
            place = int(places[name, slot])
            start, end = max(place, first), min(place + length, last + 1)
            if start < end:
                fading = self._fading[start - place : end - place]
                path[name, start - first : end - first] += sizes[name, slot] * fading


def _refined(values: Floats, displacements: Floats) -> Floats:
    """Put a node in the middle of every cell: the mean of its neighbours, displaced."""
    finer = np.empty((len(values), 2 * values.shape[1] - 1))
    finer[:, ::2] = values
    middles = values[:, :-1] + values[:, 1:]
    middles *= 0.5
    np.add(middles, displacements, out=finer[:, 1::2])
    return finer


@lru_cache(1_024)
def _block_lengths(below: int, left: int, right: int) -> Indices:
    """Say how many of the cells [left, right) lie in each regime block; a block has 2^below of them."""
    bounds = np.arange(left >> below, (right - 1 >> below) + 2) << below
    return np.diff(np.clip(bounds, left, right))
