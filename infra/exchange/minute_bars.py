"""The 1m candles of the synthetic exchange, for a whole history at a price of one node a minute.

Opens and closes are nodes of the paths in `infra/market/price_path.py`, high and low are wicks of hashed length beyond
them. So a candle costs one node instead of sixty, 1d candles of two years stay cheap, and what happens inside a minute
(`walk.py`) is computed only for minutes at which somebody looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from infra.exchange.trade_counts import TradeCounts
from infra.market.activity import Activity, Traded
from infra.market.bars import Bars, Counts, joined
from infra.market.contracts import Contract
from infra.market.noise import Floats, Keys, derived, exponential, keys_of, uniforms
from infra.market.price_path import PricePaths
from infra.market.universe import MARKET_BPS

COARSER = 6
"""A node a minute: 2^6 seconds, nearly."""
_FOR_UPPER, _FOR_LOWER = 200, 201
_WICK = 0.55
_WINDOW_MINUTES = 512 * 60
"""Longer windows leave the processor's caches, in shorter ones the calls cost more than the numbers."""
_WINDOWS_KEPT = 24


def _per_minute(bps: float) -> float:
    return bps / 10_000.0 / math.sqrt(5.0)


class MinuteBars:
    """Contracts by row, on a market path that all share. Every value depends on (seed, symbol, minute) only."""

    def __init__(self, seed: int, contracts: Sequence[Contract]) -> None:
        def column(value: Callable[[Contract], float]) -> Floats:
            return np.array([[value(contract)] for contract in contracts], np.float64)

        self.contracts = tuple(contracts)
        keys = keys_of(*((seed, "contract", contract.symbol) for contract in contracts))
        self._upper, self._lower = derived(keys, _FOR_UPPER), derived(keys, _FOR_LOWER)
        own = column(lambda c: _per_minute(c.own_bps))
        self._beta = column(lambda c: c.beta)
        self._start_ticks = column(lambda c: c.price * float(10**c.digits))
        self._ticks_in_usdt = column(lambda c: float(10**c.digits))
        self._lot = column(lambda c: 1.0 / float(10**c.lot_digits))
        self._own = PricePaths(keys, own, COARSER)
        usual = self._beta * _per_minute(MARKET_BPS)
        self._usual_move = np.sqrt(usual * usual + own * own)
        self._trades = TradeCounts(keys, self.contracts)
        self.activity = Activity(keys, column(lambda c: 1_000.0 * c.turnover), column(lambda c: c.price))

    def bars(self, first: int, market: Floats) -> Bars:
        """Give the candles from minute `first` on; `market` holds the common path at their opens and the last close."""
        count = int(market.shape[1]) - 1
        end = first + count
        path = self._beta * market
        path += self._own.nodes(first, end)
        opening, closing = path[:, :-1], path[:, 1:]
        high, low = np.maximum(opening, closing), np.minimum(opening, closing)
        high += self._wick(self._upper, first, end)
        low -= self._wick(self._lower, first, end)
        ticks = self._ticks(path)
        tops, bottoms = self._ticks(high), self._ticks(low)
        moves = closing - opening
        moves /= self._usual_move
        price = np.multiply(tops + bottoms, 0.5, dtype=np.float64)
        price /= self._ticks_in_usdt
        trades = np.diff(self._trades.totals(first, end), axis=1)
        traded = self.activity.traded(first, moves, price, self._lot, trades)
        return Bars(ticks[:, :-1], tops, bottoms, ticks[:, 1:], _bounded(traded))

    def opens(self, market: Floats, first: int, last: int) -> Counts:
        """Give the prices at which the minutes `first` to `last` open; `market` holds the common path there."""
        return self._ticks(self._beta * market + self._own.nodes(first, last))

    def trades_before(self, minute: int) -> Counts:
        """Give the trades of each contract before a minute."""
        return self._trades.totals(minute, minute)[:, 0]

    def _ticks(self, path: Floats) -> Counts:
        ticks = exponential(path)
        ticks *= self._start_ticks
        np.rint(ticks, out=ticks)
        return np.maximum(ticks, 1.0, out=ticks).astype(np.int64)

    def _wick(self, keys: Keys, first: int, end: int) -> Floats:
        draw = uniforms(keys, first, end)
        longer = draw * draw
        longer += 0.3
        draw *= self._usual_move * _WICK
        draw *= longer
        return draw


def _bounded(traded: Traded) -> Traded:
    """Let there be lots enough for all trades."""
    trades = traded.trades
    lots = np.maximum(traded.lots, 2 * trades)
    least = trades >> 3
    taker_lots = np.maximum(traded.taker_lots, least)
    np.minimum(taker_lots, lots - least, out=taker_lots)
    return Traded(lots, np.maximum(traded.quote, 1), taker_lots, traded.taker_quote, trades)


class MarketPath:
    """The path that all contracts follow, in windows that are kept for the next one who asks."""

    def __init__(self, seed: int) -> None:
        self._path = PricePaths(keys_of((seed, "market")), np.array([[_per_minute(MARKET_BPS)]]), COARSER)
        self.nodes = lru_cache(_WINDOWS_KEPT)(self._path.nodes)


def bars_between(bars: MinuteBars, market: MarketPath, first: int, end: int) -> Bars:
    """Give the candles of the minutes [first, end), computed a window at a time."""
    parts = [bars.bars(left, market.nodes(left, right)) for left, right in windows(first, end)]
    return joined(parts) if len(parts) > 1 else parts[0]


def windows(first: int, end: int) -> Iterable[tuple[int, int]]:
    """Cut [first, end) where windows begin (21 days), so that all contracts share those of the market."""
    return pairwise([first, *range((first // _WINDOW_MINUTES + 1) * _WINDOW_MINUTES, end, _WINDOW_MINUTES), end])
