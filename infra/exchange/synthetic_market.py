"""The synthetic exchange: several hundred contracts, each candle a function of (seed, symbol, minute)."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from domain.errors import InvalidInput
from domain.market import MINUTE_MS
from infra.exchange.bar import Bar, grouped, rows_of
from infra.exchange.listings import listing, onboard_times
from infra.exchange.minute_bars import MarketPath, MinuteBars, bars_between
from infra.exchange.minutes import HOUR_MINUTES, Issued
from infra.exchange.names import names
from infra.exchange.recorded_past import NO_PAST, Past
from infra.exchange.walked_market import WalkedMarket
from infra.market.activity import Activity, Traded
from infra.market.bars import Bars, Counts, joined
from infra.market.contracts import contracts

DEFAULT_SYMBOLS = 300
_BLOCK_MINUTES = 8
_BLOCKS_KEPT = 16
_WINDOW_HOURS = 512
_TOGETHER = 16
_STRETCHES_BEYOND = 4
"""Stretches of a few groups more than there are: those of the next day come one by one."""
_HOUR_WINDOWS_KEPT = 2_048
"""1h candles of 2 048 windows are 75 MB at most: what a cold start of several hundred symbols asks for twice."""


class _Block(msgspec.Struct, frozen=True):
    """A few minutes of all contracts."""

    first: int
    bars: Bars
    rows: dict[int, list[Bar]]


class SyntheticMinutes:
    """The candles of chosen contracts. A contract's candles do not depend on which others are there."""

    def __init__(self, seed: int, symbols: tuple[str, ...] | int, start_ms: int) -> None:
        """Take symbols by name, or the first so many. Raises `InvalidInput` if that is none."""
        self.contracts = contracts(names(symbols) if isinstance(symbols, int) else symbols)
        if not self.contracts:
            raise InvalidInput("--symbols", "at least one", repr(symbols))
        onboard = onboard_times(self.contracts, start_ms)
        self.listings = tuple(listing(contract, onboard[contract.symbol]) for contract in self.contracts)
        self.begins_ms = tuple(one.onboard_ms for one in self.listings)
        self._all = MinuteBars(seed, self.contracts)
        self._alone = [MinuteBars(seed, (contract,)) for contract in self.contracts]
        groups = [self.contracts[at : at + _TOGETHER] for at in range(0, len(self.contracts), _TOGETHER)]
        self._groups = [MinuteBars(seed, group) for group in groups]
        self._market = MarketPath(seed)
        self.activity = self._all.activity
        self._block = lru_cache(_BLOCKS_KEPT)(self._computed_block)
        self._stretch = lru_cache(len(groups) + _STRETCHES_BEYOND)(self._computed_stretch)
        self._hours = lru_cache(_HOUR_WINDOWS_KEPT)(self._computed_hours)

    def minute(self, row: int, minute: int) -> Bar:
        """Give a 1m candle."""
        block = self._block(minute // _BLOCK_MINUTES)
        rows = block.rows.get(row)
        if rows is None:
            opens = range(block.first * MINUTE_MS, (block.first + _BLOCK_MINUTES) * MINUTE_MS, MINUTE_MS)
            rows = block.rows[row] = rows_of(block.bars, row, opens)
        return rows[minute - block.first]

    def bars(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end)."""
        return bars_between(self._alone[row], self._market, first, end)

    def shared(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end), read for a group of contracts at once and kept."""
        group, place = divmod(row, _TOGETHER)
        return _of(self._stretch(group, first, end), slice(place, place + 1), slice(None))

    def hours(self, row: int, first: int, end: int) -> Bars:
        """Give the 1h candles of [first, end), from windows that are kept."""
        windows = range(first // _WINDOW_HOURS, (end - 1) // _WINDOW_HOURS + 1)
        parts = [_cut(self._hours(row, w), first - w * _WINDOW_HOURS, end - w * _WINDOW_HOURS) for w in windows]
        return joined(parts) if len(parts) > 1 else parts[0]

    def opens(self, row: int, first: int, last: int, level: int) -> Counts:
        """Give the opens of every 2^level-th minute from `first` to `last`."""
        return self._alone[row].opens(self._market.nodes(first, last, level), first, last, level)[0]

    def issued(self, row: int, minute: int) -> Issued:
        """Say what was traded before a minute: each print is one trade."""
        trades = int(self._alone[row].trades_before(minute)[0])
        return Issued(trades, trades)

    def activity_of(self, row: int) -> Activity:
        """Give what goes on beside the price of one contract."""
        return self._alone[row].activity

    def past(self, row: int) -> Past:
        """Give nothing: minutes begin with the listing."""
        del row
        return NO_PAST

    def past_marks(self, row: int) -> Past:
        """Give nothing: marks are a function of the minutes."""
        del row
        return NO_PAST

    def fundings_since(self, row: int) -> int:
        """Say when the contract was listed."""
        return self.begins_ms[row]

    def ends(self, minute: int) -> tuple[Counts, Counts]:
        """Give opens and closes of all contracts."""
        block = self._block(minute // _BLOCK_MINUTES)
        place = minute - block.first
        return block.bars.open[:, place], block.bars.close[:, place]

    def _computed_block(self, number: int) -> _Block:
        first = number * _BLOCK_MINUTES
        return _Block(first, bars_between(self._all, self._market, first, first + _BLOCK_MINUTES), {})

    def _computed_stretch(self, group: int, first: int, end: int) -> Bars:
        return bars_between(self._groups[group], self._market, first, end)

    def _computed_hours(self, row: int, window: int) -> Bars:
        first = window * _WINDOW_HOURS * HOUR_MINUTES
        minutes = self.bars(row, first, first + _WINDOW_HOURS * HOUR_MINUTES)
        return grouped(minutes, range(0, _WINDOW_HOURS * HOUR_MINUTES, HOUR_MINUTES))


def _cut(bars: Bars, first: int, end: int) -> Bars:
    """Give the candles [first, end) of a window, as far as it goes."""
    return _of(bars, slice(None), slice(max(0, first), max(0, end)))


def _of(bars: Bars, rows: slice, part: slice) -> Bars:
    """Give some contracts and candles of what is kept, without a copy."""
    traded = Traded(*(getattr(bars.traded, name)[rows, part] for name in Traded.__struct_fields__))
    return Bars(bars.open[rows, part], bars.high[rows, part], bars.low[rows, part], bars.close[rows, part], traded)


def synthetic_market(seed: int, symbols: tuple[str, ...] | int, start_ms: int) -> WalkedMarket:
    """Give the market that `run.py exchange` serves by default. `start_ms`: when it begins, for the newest listings."""
    return WalkedMarket(seed, SyntheticMinutes(seed, symbols, start_ms))
