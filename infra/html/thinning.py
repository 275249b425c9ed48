"""Fewer points that look the same: what a chart of a long run is drawn from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

POINTS_MAX: Final = 5_000


def thinned(x: Sequence[int], y: Sequence[float], points_max: int = POINTS_MAX) -> tuple[list[int], list[float]]:
    """Give at most `points_max` (≥ 4) points of a curve, with the first, lowest, highest and last of each stretch.

    So no peak and no trough is lost, as it would be by taking every n-th point.
    """
    if len(x) <= points_max:
        return list(x), list(y)
    stretches = points_max // 4
    kept: list[int] = []
    for stretch in range(stretches):
        places = range(stretch * len(x) // stretches, (stretch + 1) * len(x) // stretches)
        kept += sorted({places[0], min(places, key=y.__getitem__), max(places, key=y.__getitem__), places[-1]})
    return [x[place] for place in kept], [y[place] for place in kept]


def binned(values: Sequence[float], bins: int = 40) -> tuple[list[float], list[int], float]:
    """Count values in about so many bins; gives the middle of each bin, how many are in it, and the width of all.

    Bins begin at multiples of their width, so that none holds both gains and losses. No value gives no bin; values that
    are all the same give one, of width 1.
    """
    if not values:
        return [], [], 1.0
    width = (max(values) - min(values)) / bins
    if not width:
        return [values[0]], [len(values)], 1.0
    counts = Counter(math.floor(value / width) for value in values)
    places = range(min(counts), max(counts) + 1)
    return [(place + 0.5) * width for place in places], [counts[place] for place in places], width
