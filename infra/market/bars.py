"""Synthetic candles as columns of whole numbers, so that a longer candle is exactly the sum of its minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import Candle
from infra.market.activity import Traded
from infra.market.contracts import Contract
from infra.market.noise import Floats

Counts = NDArray[np.int64]


class Bars(msgspec.Struct, frozen=True):
    """Consecutive candles of some contracts: every array has the shape (contracts, candles).

    Prices are in ticks.
    """

    open: Counts
    high: Counts
    low: Counts
    close: Counts
    traded: Traded

    def merged(self, length: int) -> Bars:
        """Give candles `length` times as long; the number of candles is a multiple of that."""
        high, low = (column.reshape(len(column), -1, length) for column in (self.high, self.low))
        return Bars(
            self.open[:, ::length],
            high.max(axis=2),
            low.min(axis=2),
            self.close[:, length - 1 :: length],
            self.traded.merged(length),
        )


class Quotes(msgspec.Struct, frozen=True):
    """What stands beside the price at some moments: every array has the shape (contracts, moments)."""

    mark: Floats
    bid: Floats
    ask: Floats
    index: Floats
    funding_rate: Floats


def joined(parts: Sequence[Bars]) -> Bars:
    """Put the bars of consecutive windows behind each other."""

    def column(parts: Sequence[msgspec.Struct], name: str) -> Counts:
        return np.concatenate([getattr(part, name) for part in parts], axis=1)

    traded = [part.traded for part in parts]
    return Bars(
        column(parts, "open"),
        column(parts, "high"),
        column(parts, "low"),
        column(parts, "close"),
        Traded(*(column(traded, name) for name in Traded.__struct_fields__)),
    )


def candles_of(
    contract: Contract, row: int, open_times: Sequence[int], bars: Bars, quotes: Quotes, open_interest: Floats
) -> Iterator[Candle]:
    """Build the candles of the contract in `row`; `quotes` and `open_interest` are those of their closes."""
    ticks, lots, cents = float(10**contract.digits), float(10**contract.lot_digits), 100.0
    traded = bars.traded
    columns = (
        *(column[row] / ticks for column in (bars.open, bars.high, bars.low, bars.close)),
        traded.lots[row] / lots,
        traded.quote[row] / cents,
        traded.trades[row],
        traded.taker_lots[row] / lots,
        traded.taker_quote[row] / cents,
        *(c[row] for c in (quotes.mark, quotes.index, quotes.funding_rate, quotes.bid, quotes.ask, open_interest)),
    )
    return map(Candle, open_times, *(column.tolist() for column in columns))
