"""Synthetic candles as columns of whole numbers, so that a longer candle is exactly the sum of its minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import Candle
from infra.market.contracts import Contract
from infra.market.noise import Floats

Counts = NDArray[np.int64]


class Bars(msgspec.Struct, frozen=True):
    """Consecutive candles of some contracts: every array has the shape (contracts, candles).

    Prices in ticks, `lots` in quantity steps, `quote` in hundredths of a USDT; `taker_…` is what takers bought of it.
    """

    open: Counts
    high: Counts
    low: Counts
    close: Counts
    lots: Counts
    quote: Counts
    trades: Counts
    taker_lots: Counts
    taker_quote: Counts

    def merged(self, length: int) -> Bars:
        """Give candles `length` times as long; the number of candles is a multiple of that."""
        high, low = (column.reshape(len(column), -1, length) for column in (self.high, self.low))
        volumes = (self.lots, self.quote, self.trades, self.taker_lots, self.taker_quote)
        return Bars(
            self.open[:, ::length],
            high.max(axis=2),
            low.min(axis=2),
            self.close[:, length - 1 :: length],
            *(column.reshape(len(column), -1, length).sum(axis=2) for column in volumes),
        )


class Beside(msgspec.Struct, frozen=True):
    """What stands beside the price at some moments: every array has the shape (contracts, moments)."""

    mark: Floats
    bid: Floats
    ask: Floats
    index: Floats
    funding_rate: Floats


def joined(parts: Sequence[Bars]) -> Bars:
    """Put the bars of consecutive windows behind each other."""
    columns = ([getattr(part, name) for part in parts] for name in Bars.__struct_fields__)
    return Bars(*(np.concatenate(column, axis=1) for column in columns))


def candles_of(
    contract: Contract, row: int, open_times: Sequence[int], bars: Bars, beside: Beside, open_interest: Floats
) -> Iterator[Candle]:
    """Build the candles of the contract in `row`; `beside` and `open_interest` are those of their closes."""
    tick, lot, cents = float(10**contract.digits), float(10**contract.lot_digits), 100.0
    counted = (
        *((column, tick) for column in (bars.open, bars.high, bars.low, bars.close)),
        (bars.lots, lot),
        (bars.quote, cents),
    )
    floats = [(column[row] / unit).tolist() for column, unit in counted]
    trades = bars.trades[row].tolist()
    bought = [(column[row] / unit).tolist() for column, unit in ((bars.taker_lots, lot), (bars.taker_quote, cents))]
    context = (beside.mark, beside.index, beside.funding_rate, beside.bid, beside.ask, open_interest)
    return map(Candle, open_times, *floats, trades, *bought, *(column[row].tolist() for column in context))
