"""What goes on beside the price of the synthetic market: volume, takers, premium, funding, open interest."""

from __future__ import annotations

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import MINUTE_MS
from infra.market.noise import Floats, Indices, Keys, derived, smooth, uniforms

Counts = NDArray[np.int64]

FUNDING_INTERVAL_MS = 8 * 60 * MINUTE_MS
_HOUR_MS = 60 * MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_BASE_FUNDING_RATE = 0.0001
_PREMIUM_MAX = 0.0008
_PREMIUM_PERIOD_MS = 2 * _HOUR_MS
_FUNDING_PERIOD_MS = 3 * _DAY_MS
_OPEN_INTEREST_MINUTES = 900.0
_OPEN_INTEREST_PERIODS_MS = (5 * MINUTE_MS, 6 * _HOUR_MS, 5 * _DAY_MS)
_OPEN_INTEREST_SHARES = (0.004, 0.04, 0.25)
_FOR_VOLUME, _FOR_TAKERS, _FOR_TRADES, _FOR_PREMIUM, _FOR_FUNDING, _FOR_OPEN_INTEREST = range(100, 106)


class Traded(msgspec.Struct, frozen=True):
    """What was traded in each candle, in whole units so that longer candles are exact sums: shape (names, candles).

    `lots` of the quantity step, `quote` in hundredths of a USDT, and what takers bought of both.
    """

    lots: Counts
    quote: Counts
    taker_lots: Counts
    taker_quote: Counts
    trades: Counts

    def merged(self, length: int) -> Traded:
        """Sum over candles `length` times as long; the number of candles is a multiple of that."""
        columns = (getattr(self, name) for name in self.__struct_fields__)
        return Traded(*(column.reshape(len(column), -1, length).sum(axis=2) for column in columns))


class Activity:
    """The activity of some contracts. `keys`, `turnover` (USDT a minute) and `price` have the shape (names, 1)."""

    def __init__(self, keys: Keys, turnover: Floats, price: Floats) -> None:
        self._keys = {purpose: derived(keys, purpose) for purpose in range(_FOR_VOLUME, _FOR_OPEN_INTEREST + 1)}
        self._turnover = turnover
        self._price = price

    def traded(self, first: int, moves: Floats, price: Floats, lot: Floats, trades: Counts | None = None) -> Traded:
        """Give what was traded in the minutes from `first` (after 1970) on.

        `moves` are their price changes in deviations of a usual minute, `price` their mean prices, both of the shape
        (names, minutes); `lot` is the quantity step. Volume grows with the size of the move, takers lean its way.
        `trades` says how many trades that were, if it is known.
        """
        end = first + moves.shape[1]
        size = np.abs(moves)
        usdt = self._volume(first, end, size)
        lots = usdt / (price * lot)
        np.maximum(np.rint(lots, out=lots), 1.0, out=lots)
        taker_lots = self._bought(first, end, moves, size)
        taker_lots *= lots
        np.rint(taker_lots, out=taker_lots)
        cents = lots * lot
        cents *= price
        cents *= 100.0
        np.rint(cents, out=cents)
        taker_cents = taker_lots / lots
        taker_cents *= cents
        np.rint(taker_cents, out=taker_cents)
        if trades is None:
            per_trade = 500.0 + 900.0 * uniforms(self._keys[_FOR_TRADES], first, end)
            trades = (np.rint(usdt / per_trade) + 1.0).astype(np.int64)
        lots, cents, taker_lots, taker_cents = (c.astype(np.int64) for c in (lots, cents, taker_lots, taker_cents))
        return Traded(lots, cents, taker_lots, taker_cents, trades)

    def _volume(self, first: int, end: int, size: Floats) -> Floats:
        """Give turnover · shape of the day · (0.5 + 0.6 u + u⁴) · (0.2 + min(size, 6)), in USDT."""
        draw = uniforms(self._keys[_FOR_VOLUME], first, end)
        squared = draw * draw
        squared *= squared
        draw *= 0.6
        draw += 0.5
        draw += squared
        usdt = self._turnover * _day_shape(first, end)
        usdt *= draw
        grown = np.minimum(size, 6.0)
        grown += 0.2
        usdt *= grown
        return usdt

    def _bought(self, first: int, end: int, moves: Floats, size: Floats) -> Floats:
        """Give the takers' share: 0.5 + 0.28 move / (1 + size) + 0.3 (u - 0.5), from 0.03 to 0.97."""
        lean = 0.28 * moves
        lean /= size + 1.0
        lean += 0.5
        draw = uniforms(self._keys[_FOR_TAKERS], first, end)
        draw -= 0.5
        draw *= 0.3
        lean += draw
        np.maximum(lean, 0.03, out=lean)
        return np.minimum(lean, 0.97, out=lean)

    def premium(self, times: Indices) -> Floats:
        """Give by what fraction the mark price stands above the index price, at times in ms."""
        return _PREMIUM_MAX * smooth(self._keys[_FOR_PREMIUM], times, _PREMIUM_PERIOD_MS)

    def mark_gap(self, times: Indices) -> Floats:
        """Give by what fraction the mark price stands above the last price, at times in ms: by nothing."""
        return np.zeros((len(self._price), len(times)))

    def funding_rate(self, times: Indices, interval_ms: int | Indices = FUNDING_INTERVAL_MS) -> Floats:
        """Give the rate of the first funding at or after each time (ms UTC), a multiple of 1e-8.

        `interval_ms` is the time from one funding to the next, or a column of such times, one a contract.
        """
        due = -(-times // interval_ms) * interval_ms
        rate = _BASE_FUNDING_RATE * (1.0 + 3.0 * smooth(self._keys[_FOR_FUNDING], due, _FUNDING_PERIOD_MS))
        return np.rint(rate * 1e8) / 1e8

    def open_interest(self, times: Indices) -> Floats:
        """Give the open interest at times in ms, in the base asset with two decimals."""
        keys = self._keys[_FOR_OPEN_INTEREST]
        level = np.ones(np.broadcast_shapes(keys.shape, times.shape))
        for place, (period, share) in enumerate(zip(_OPEN_INTEREST_PERIODS_MS, _OPEN_INTEREST_SHARES, strict=True)):
            level = level + share * smooth(derived(keys, place), times, period)
        return np.rint(level * (_OPEN_INTEREST_MINUTES * self._turnover / self._price) * 100.0) / 100.0


@lru_cache(64)
def _day_shape(first: int, end: int) -> Floats:
    """Trade more toward 15:00 UTC, when Europe and America are both awake: 0.7 to 1.3 on straight lines.

    Of the minutes [first, end), kept for the next contract.
    """
    minutes = np.arange(first, end)
    from_peak = np.abs((minutes * MINUTE_MS - 15 * _HOUR_MS) % _DAY_MS - _DAY_MS // 2) / (_DAY_MS // 2)
    found = 0.7 + 0.6 * from_peak
    found.flags.writeable = False
    return found
