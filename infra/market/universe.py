"""Some contracts of the synthetic market, computed together: one row a contract in every array."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from domain.market import MINUTE_MS, Candle
from infra.market.activity import Activity
from infra.market.bars import Bars, Counts, Quotes, candles_of
from infra.market.contracts import Contract
from infra.market.noise import Floats, Indices, exponential, keys_of
from infra.market.price_path import NODE_MS, PricePaths

MINUTE_NODES = MINUTE_MS // NODE_MS
MARKET_BPS = 13.0
"""The deviation of the market that all contracts share, over 5 minutes."""
_HALF_SPREAD = 0.00004


def sigma_of(bps: float) -> float:
    """Turn a deviation over 5 minutes into one over a node."""
    return bps / 10_000.0 / math.sqrt(5 * MINUTE_NODES)


class Universe:
    """Contracts by row. Log-prices are relative to a contract's `price`; `market` is the path that they all share."""

    def __init__(self, seed: int, contracts: Sequence[Contract]) -> None:
        def column(value: Callable[[Contract], float]) -> Floats:
            return np.array([[value(contract)] for contract in contracts], np.float64)

        keys = keys_of(*((seed, "contract", contract.symbol) for contract in contracts))
        own = column(lambda contract: sigma_of(contract.own_bps))
        self.contracts = tuple(contracts)
        self._beta = column(lambda contract: contract.beta)
        self._start_ticks = column(lambda contract: contract.price * float(10**contract.digits))
        self._ticks_in_usdt = column(lambda contract: float(10**contract.digits))
        self._lot = column(lambda contract: 1.0 / float(10**contract.lot_digits))
        self._own = PricePaths(keys, own)
        self._activity = Activity(keys, column(lambda contract: 1_000.0 * contract.turnover), column(lambda c: c.price))
        usual = self._beta * sigma_of(MARKET_BPS)
        self._usual_move = np.sqrt((usual * usual + own * own) * MINUTE_NODES)

    def log_prices(self, first_node: int, market: Floats) -> Floats:
        """Give the log-prices at the nodes that `market` (shape (1, nodes)) covers from `first_node` on."""
        return self._beta * market + self._own.nodes(first_node, first_node + market.shape[1] - 1)

    def ticks(self, log_prices: Floats) -> Counts:
        """Round log-prices to prices in ticks."""
        return np.maximum(np.rint(self._start_ticks * exponential(log_prices)), 1.0).astype(np.int64)

    def prices(self, ticks: Counts) -> Floats:
        """Turn ticks into USDT: the float nearest to the decimal price."""
        return ticks / self._ticks_in_usdt

    def bars(self, first_minute: int, log_prices: Floats) -> Bars:
        """Give 1m candles from the log-prices of their nodes, the closing node of the last one included.

        Between two nodes the log-price is a straight line, so the extremes over the nodes are those over all times.
        """
        inside = log_prices[:, :-1].reshape(len(log_prices), -1, MINUTE_NODES)
        opening, closing = log_prices[:, :-1:MINUTE_NODES], log_prices[:, MINUTE_NODES::MINUTE_NODES]
        high = self.ticks(np.maximum(inside.max(axis=2), closing))
        low = self.ticks(np.minimum(inside.min(axis=2), closing))
        moves = (closing - opening) / self._usual_move
        traded = self._activity.traded(first_minute, moves, self.prices(high + low) * 0.5, self._lot)
        return Bars(self.ticks(opening), high, low, self.ticks(closing), traded)

    def candles(self, open_times: range, bars: Bars) -> list[tuple[Candle, ...]]:
        """Give the candles of each contract, together with what stood beside them when they closed."""
        closes = np.arange(open_times.start, open_times.stop, open_times.step) + open_times.step
        quotes = self.quotes(closes, bars.close)
        open_interest = self._activity.open_interest(closes)
        return [
            tuple(candles_of(contract, row, open_times, bars, quotes, open_interest))
            for row, contract in enumerate(self.contracts)
        ]

    def quotes(self, times: Indices, ticks: Counts) -> Quotes:
        """Give what stands beside the price at `times` (ms UTC), when it is `ticks`: shape (contracts, times)."""
        half_spread = np.maximum(np.rint(ticks * _HALF_SPREAD), 1.0)
        index = np.rint(ticks / (1.0 + self._activity.premium(times)))
        return Quotes(
            mark=self.prices(ticks),
            bid=np.maximum(ticks - half_spread, 1.0) / self._ticks_in_usdt,
            ask=(ticks + half_spread) / self._ticks_in_usdt,
            index=index / self._ticks_in_usdt,
            funding_rate=self._activity.funding_rate(times),
        )
