r"""What happens inside a minute: prints that fold to the minute's candle.

A walk begins at the open, touches high and low, ends at the close, and spreads the volume over its prints. Folding all
of them gives open, high, low, close, volume, taker-buy volume and the number of trades exactly. The quote volumes of
the candle are its own; a part of the minute has the share of them that its prints have of the prints' turnover.

        high ──────────●─\
        open ●──/─\/      \/\──● close        anchors ●, between them straight lines with hashed noise
        low  ──────────────────●
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from domain.market import MINUTE_MS
from infra.exchange.bar import Bar
from infra.market.noise import Floats, Indices, Keys, derived, uniform

PRINTS_MAX = 240
_FOR_TIME, _FOR_PRICE, _FOR_SIZE, _FOR_SIDE, _FOR_SHAPE = range(300, 305)
_NOISE = 0.25


class Walk:
    """The prints of one minute, as columns. `times` are ms UTC and grow, prices are in ticks, sizes in lots."""

    def __init__(self, key: Keys, bar: Bar, issued: tuple[int, int] = (0, 0)) -> None:
        """Draw the prints; none for a candle without a volume.

        `key` has the shape (1, 1) and names the contract; `issued` are the first ids of a trade and of a print.
        """
        self.bar = bar
        sides = (bar.taker_lots > 0) + (bar.taker_lots < bar.lots)
        self.count = count = min(max(bar.trades, sides), PRINTS_MAX, bar.lots)
        places = np.arange(bar.open_ms // MINUTE_MS * PRINTS_MAX, bar.open_ms // MINUTE_MS * PRINTS_MAX + count)
        draws = {purpose: uniform(derived(key, purpose), places)[0] for purpose in range(_FOR_TIME, _FOR_SHAPE + 1)}
        slots = (np.arange(count) + 0.3 + 0.4 * draws[_FOR_TIME]) * (MINUTE_MS / max(1, count))
        self.times: Indices = bar.open_ms + slots.astype(np.int64)
        self.prices: Indices = path_of(bar, draws[_FOR_PRICE], draws[_FOR_SHAPE])
        buys = _buys(bar, self.prices, draws[_FOR_SIDE])
        self.buys: NDArray[np.bool_] = buys
        self.lots: Indices = np.empty(count, np.int64)
        weights = 0.2 + draws[_FOR_SIZE] ** 4 * 5.0
        self.lots[buys] = split(bar.taker_lots, weights[buys])
        self.lots[~buys] = split(bar.lots - bar.taker_lots, weights[~buys])
        self.first_id, self.first_print = issued
        places = np.arange(count + 1, dtype=np.int64)
        starts = places * max(bar.trades, count) // max(1, count)
        self.ids: Indices = self.first_id + starts[:-1]
        self.spans: Indices = np.diff(starts)
        self._fold()

    def _fold(self) -> None:
        """Prepare the candles of the first 1, 2, 3 … prints."""
        turnover = self.prices * self.lots
        bought = np.where(self.buys, turnover, 0)
        self._times = self.times.tolist()
        self._highs = np.maximum.accumulate(self.prices).tolist()
        self._lows = np.minimum.accumulate(self.prices).tolist()
        self._closes = self.prices.tolist()
        self._lots = np.cumsum(self.lots).tolist()
        self._taker_lots = np.cumsum(np.where(self.buys, self.lots, 0)).tolist()
        self._quotes = _shares(turnover, self.bar.quote)
        self._taker_quotes = _shares(bought, self.bar.taker_quote)
        if self.count:
            self._trades: list[int] = [*(self.ids[1:] - self.first_id).tolist(), self.bar.trades]

    def until(self, time_ms: int) -> int:
        """Say how many prints there are up to and including `time_ms`."""
        return bisect_right(self._times, time_ms)

    def next_ms(self, count: int) -> int:
        """Say when there is more than the first `count` prints: the next one, or the next minute."""
        return self._times[count] if count < self.count else self.bar.open_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS

    def partial(self, count: int) -> Bar:
        """Give the candle after the first `count` prints, at least one."""
        last = count - 1
        return Bar(
            self.bar.open_ms,
            self.bar.open,
            self._highs[last],
            self._lows[last],
            self._closes[last],
            self._lots[last],
            self._quotes[last],
            self._taker_lots[last],
            self._taker_quotes[last],
            self._trades[last],
        )

    def last(self, count: int) -> tuple[int, int, bool]:
        """Give time, price (ticks) and whether a taker bought, of print number `count`, counted from 1."""
        return self._times[count - 1], self._closes[count - 1], bool(self.buys[count - 1])


def split(total: int, weights: Floats) -> Indices:
    """Split a whole number into parts of at least 1 in proportion to weights; their sum is exactly `total`."""
    count = len(weights)
    if count == 0:
        return np.zeros(0, np.int64)
    rest = total - count
    shares = np.cumsum(weights)
    cuts = np.floor(shares * (rest / shares[-1])).astype(np.int64)
    cuts[-1] = rest
    return np.diff(cuts, prepend=np.int64(0)) + 1


def path_of(bar: Bar, noise: Floats, shape: Floats) -> Indices:
    """Draw the path: open, both extremes, close, straight lines with noise between, all within the candle."""
    count = len(noise)
    if count < 4:
        return _short_prices(bar, count)
    first, second = sorted((1 + int(shape[1] * (count - 2)), 1 + int(shape[2] * (count - 2))))
    if first == second:
        first, second = (first - 1, second) if first > 1 else (first, second + 1)
    low_first = shape[0] < (0.75 if bar.close >= bar.open else 0.25)
    turns = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    anchors = np.array([0, first, second, count - 1])
    levels = np.array([bar.open, *turns, bar.close], np.float64)
    line = np.interp(np.arange(count), anchors, levels)
    prices = np.rint(line + (noise - 0.5) * (_NOISE * (bar.high - bar.low))).astype(np.int64)
    prices = np.clip(prices, bar.low, bar.high)
    prices[anchors] = levels.astype(np.int64)
    return prices


def _short_prices(bar: Bar, count: int) -> Indices:
    """A candle of up to three prints: what matters most of it that so few can show."""
    extreme = bar.high if bar.high - max(bar.open, bar.close) >= min(bar.open, bar.close) - bar.low else bar.low
    return np.array(
        {0: [], 1: [bar.close], 2: [bar.open, bar.close]}.get(count, [bar.open, extreme, bar.close]), np.int64
    )


def _buys(bar: Bar, prices: Indices, draw: Floats) -> NDArray[np.bool_]:
    """Choose the prints in which a taker bought: those that rose before those that fell, as many as fit the volume."""
    count = len(prices)
    share = bar.taker_lots / max(1, bar.lots)
    least = 0 if bar.taker_lots == 0 else 1
    wanted = max(round(share * count), count - (bar.lots - bar.taker_lots), least)
    wanted = min(wanted, bar.taker_lots, count if bar.taker_lots == bar.lots else count - 1)
    buys = np.zeros(count, np.bool_)
    if wanted > 0:
        rank = np.sign(np.diff(prices, prepend=prices[:1])) + 1.5 * draw
        buys[np.argsort(-rank, kind="stable")[:wanted]] = True
    return buys


def _shares(turnover: Indices, total: int) -> list[int]:
    whole = np.cumsum(turnover).astype(np.float64)
    if len(whole) == 0 or whole[-1] == 0.0:
        return [0] * len(turnover)
    parts = np.floor(whole * (total / whole[-1])).astype(np.int64)
    parts[-1] = total
    return parts.tolist()
