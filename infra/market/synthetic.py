"""The built-in market of `python run.py`: a function of (seed, time), so a restart goes on where the prices were."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec
import numpy as np

from domain.base import Input
from domain.errors import InvalidInput
from domain.market import (
    INTERVALS_MS,
    MINUTE_MS,
    Candle,
    CandleArrived,
    FundingArrived,
    InstrumentArrived,
    MarketTick,
    Quote,
)
from infra.market.activity import FUNDING_INTERVAL_MS
from infra.market.bars import Bars, joined
from infra.market.contracts import contracts
from infra.market.noise import Floats, keys_of
from infra.market.price_path import NODE_MS, PricePaths
from infra.market.universe import MARKET_BPS, MINUTE_NODES, Universe, sigma_of

DEFAULT_SYMBOLS = 20
_BLOCK_MINUTES = 5
_WINDOW_MINUTES = 4_096
"""How many minutes of history are computed at a time: 2 MB a path."""
_WINDOWS_KEPT = 10
"""How many windows of the common path are kept, for the next symbol that asks for the same history."""


class _Block(msgspec.Struct, frozen=True):
    """A few minutes of all contracts: where the prices are at every node, and the candles of it."""

    first_minute: int
    log_prices: Floats
    candles: tuple[tuple[Candle, ...], ...]


class SyntheticMarket:
    """Correlated contracts with trends, ranges, storms and jumps, in which every answer depends on (seed, time) only.

    A contract's prices do not depend on which others are asked for. Times are UTC ms of the market. Not for use by
    several threads at once.
    """

    def __init__(self, seed: int, symbols: tuple[str, ...] | int = DEFAULT_SYMBOLS) -> None:
        """Take symbols by name, or the first so many of the table. Raises `InvalidInput` if that is none."""
        chosen = sorted(contracts(symbols), key=lambda contract: contract.symbol)
        if not chosen:
            raise InvalidInput("symbols", "at least one", repr(symbols))
        self.seed = seed
        self.symbols = tuple(contract.symbol for contract in chosen)
        self._all = Universe(seed, chosen)
        self._alone = {contract.symbol: Universe(seed, (contract,)) for contract in chosen}
        self._market = PricePaths(keys_of((seed, "market")), np.array([[sigma_of(MARKET_BPS)]]))
        self._market_nodes = lru_cache(_WINDOWS_KEPT)(self._market.nodes)
        self._block = lru_cache(2)(self._computed_block)

    def instruments(self) -> Iterator[InstrumentArrived]:
        """Give each contract's filters."""
        return (InstrumentArrived(contract.instrument(), "synthetic") for contract in self._all.contracts)

    def candle(self, symbol: str, open_time_ms: int) -> Candle:
        """Give a 1m candle. It closes where the next one opens; no tick lies outside its range."""
        return self._minute(open_time_ms)[self.symbols.index(symbol)]

    def history(self, symbol: str, interval: str, before_ms: int, count: int) -> tuple[Candle, ...]:
        """Give the last `count` candles that are closed by `before_ms`, oldest first: exact sums of the 1m candles."""
        interval_ms = INTERVALS_MS[interval]
        end_ms = before_ms // interval_ms * interval_ms
        open_times = range(end_ms - count * interval_ms, end_ms, interval_ms)
        if not open_times:
            return ()
        universe = self._alone[symbol]
        minutes = range(open_times.start // MINUTE_MS, end_ms // MINUTE_MS, _WINDOW_MINUTES)
        ends = (*minutes[1:], end_ms // MINUTE_MS)
        parts = [self._bars(universe, first, last)[1] for first, last in zip(minutes, ends, strict=True)]
        bars = joined(parts).merged(interval_ms // MINUTE_MS)
        return universe.candles(open_times, bars)[0]

    def tick(self, time_ms: int) -> MarketTick:
        """Give the quotes of all contracts at one moment."""
        node, past_node = divmod(time_ms, NODE_MS)
        block = self._block(node // MINUTE_NODES // _BLOCK_MINUTES)
        place = node - block.first_minute * MINUTE_NODES
        here, there = block.log_prices[:, place : place + 1], block.log_prices[:, place + 1 : place + 2]
        ticks = self._all.ticks(here + (there - here) * (past_node / NODE_MS))
        quotes = self._all.quotes(np.array([time_ms]), ticks)
        columns = (quotes.mark, quotes.bid, quotes.ask, quotes.index, quotes.funding_rate)
        return MarketTick(time_ms, tuple(map(Quote, self.symbols, *(column[:, 0].tolist() for column in columns))))

    def funding(self, symbol: str, funding_time_ms: int) -> FundingArrived:
        """Give the funding at 00:00, 08:00 or 16:00 UTC. Raises `ValueError` for another time."""
        if funding_time_ms % FUNDING_INTERVAL_MS:
            raise ValueError(f"{funding_time_ms} is no funding time")
        quote = self.tick(funding_time_ms).quotes[self.symbols.index(symbol)]
        assert quote.funding_rate is not None
        return FundingArrived(symbol, funding_time_ms, quote.funding_rate, quote.mark)

    def feed(self, start_ms: int, tick_ms: int = 1_000) -> Iterator[tuple[int, Input]]:
        """Give without end all that comes in after `start_ms`, as `(due_ms, input)` in time order.

        At a minute's end first the closed candles, then fundings if it is their time, each sorted by symbol; then the
        tick, if one is due. What is due at `start_ms` itself has been: so a feed can be left and taken up anywhere.
        """
        if tick_ms < 1:
            raise InvalidInput("tick_ms", "at least 1", str(tick_ms))
        minute_ms = start_ms - start_ms % MINUTE_MS + MINUTE_MS
        due_ms = start_ms - start_ms % tick_ms + tick_ms
        while True:
            while minute_ms <= due_ms:
                yield from ((minute_ms, arrived) for arrived in self._closing(minute_ms))
                minute_ms += MINUTE_MS
            yield due_ms, self.tick(due_ms)
            due_ms += tick_ms

    def _closing(self, minute_ms: int) -> Iterator[Input]:
        yield from map(CandleArrived, self.symbols, self._minute(minute_ms - MINUTE_MS))
        if minute_ms % FUNDING_INTERVAL_MS == 0:
            yield from (self.funding(symbol, minute_ms) for symbol in self.symbols)

    def _minute(self, open_time_ms: int) -> tuple[Candle, ...]:
        minute, rest = divmod(open_time_ms, MINUTE_MS)
        if rest:
            raise ValueError(f"{open_time_ms} is not the start of a minute")
        block = self._block(minute // _BLOCK_MINUTES)
        return block.candles[minute - block.first_minute]

    def _computed_block(self, number: int) -> _Block:
        first = number * _BLOCK_MINUTES
        log_prices, bars = self._bars(self._all, first, first + _BLOCK_MINUTES)
        open_times = range(first * MINUTE_MS, (first + _BLOCK_MINUTES) * MINUTE_MS, MINUTE_MS)
        return _Block(first, log_prices, tuple(zip(*self._all.candles(open_times, bars), strict=True)))

    def _bars(self, universe: Universe, first_minute: int, end_minute: int) -> tuple[Floats, Bars]:
        first, last = first_minute * MINUTE_NODES, end_minute * MINUTE_NODES
        log_prices = universe.log_prices(first, self._market_nodes(first, last))
        return log_prices, universe.bars(first_minute, log_prices)
