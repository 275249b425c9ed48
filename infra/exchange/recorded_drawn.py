"""Minutes for a recording that has none: drawn inside its candles, which they fold to exactly.

A path like that of a minute's prints (`walk.py`) leads from the open over both extremes to the close, and a minute goes
from one of its points to the next. Volumes are split in hashed proportions.
"""

from __future__ import annotations

import numpy as np

from domain.market import MINUTE_MS
from infra.exchange.bar import rows_of
from infra.exchange.walk import path_of
from infra.market.activity import Traded
from infra.market.bars import Bars, Counts
from infra.market.noise import Floats, Keys, derived, uniform

DAYS_MAX = 60
"""So many days of minutes are drawn at most, the last ones; before them is the past."""
_FOR_PATH, _FOR_SHAPE, _FOR_SIZE = 400, 401, 402
_EXACT_MAX = 2.0**62


def drawn_minutes(key: Keys, candles: Bars, first_ms: int, span_ms: int) -> Bars:
    """Draw the minutes of candles, the first of which opens at `first_ms`. `key` names the contract: shape (1, 1)."""
    count, length = int(candles.close.shape[1]), span_ms // MINUTE_MS
    opens = range(first_ms, first_ms + count * span_ms, span_ms)
    first = first_ms // MINUTE_MS
    noise = uniform(derived(key, _FOR_PATH), np.arange(first, first + count * length + 1))[0]
    shapes = uniform(derived(key, _FOR_SHAPE), np.arange(3 * (first // length), 3 * (first // length + count)))[0]
    paths = np.array(
        [
            path_of(bar, noise[place * length : (place + 1) * length + 1], shapes[3 * place : 3 * place + 3])
            for place, bar in enumerate(rows_of(candles, 0, opens))
        ]
    )
    left, right = paths[:, :-1], paths[:, 1:]
    high, low = np.maximum(left, right), np.minimum(left, right)
    sizes = 0.2 + uniform(derived(key, _FOR_SIZE), np.arange(first, first + count * length))[0] ** 2
    return Bars(
        left.reshape(1, -1),
        high.reshape(1, -1),
        low.reshape(1, -1),
        right.reshape(1, -1),
        _split(candles.traded, sizes.reshape(count, length)),
    )


def _split(traded: Traded, sizes: Floats) -> Traded:
    """Split what was traded: lots by size, the rest by lots, so that takers never buy more than there is."""
    whole = traded.lots[0][:, None]
    shares = np.cumsum(sizes, axis=1) / sizes.sum(axis=1, keepdims=True)
    shares[:, -1] = 1.0
    until = np.floor(whole * shares).astype(np.int64)
    lots = np.diff(until, axis=1, prepend=0)
    taker, trades, quote, taker_quote = (
        _in_proportion(column[0][:, None], until, whole)
        for column in (traded.taker_lots, traded.trades, traded.quote, traded.taker_quote)
    )
    taker = np.minimum(taker, lots)
    sides = (taker > 0).astype(np.int64) + (taker < lots)
    found = (lots, quote, taker, taker_quote, np.where(lots > 0, np.maximum(trades, sides), 0))
    return Traded(*(column.reshape(1, -1) for column in found))


def _in_proportion(total: Counts, until: Counts, whole: Counts) -> Counts:
    """Give the parts of a total that stand at `until` of a whole; their sum is the total."""
    if float(total.max(initial=0)) * float(whole.max(initial=0)) < _EXACT_MAX:
        reached = total * until // np.maximum(whole, 1)
    else:
        reached = np.floor(total * (until / np.maximum(whole, 1))).astype(np.int64)
        reached[:, -1] = np.where(whole[:, 0] > 0, total[:, 0], 0)
    return np.diff(reached, axis=1, prepend=0)
