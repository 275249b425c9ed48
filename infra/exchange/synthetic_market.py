"""The synthetic exchange: several hundred contracts, each candle a function of (seed, symbol, minute)."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from domain.errors import InvalidInput
from domain.market import MINUTE_MS
from infra.exchange.bar import Bar, grouped, rows_of
from infra.exchange.kept_bars import KeptBars, part_of
from infra.exchange.listings import listing, onboard_times
from infra.exchange.minute_bars import MarketPath, MinuteBars, bars_between, windows
from infra.exchange.minutes import HOUR_MINUTES, Issued
from infra.exchange.names import names
from infra.exchange.recorded_past import NO_PAST, Past
from infra.exchange.walked_market import WalkedMarket
from infra.market.activity import Activity
from infra.market.bars import Bars, Counts, joined
from infra.market.contracts import contracts

DEFAULT_SYMBOLS = 300
_BLOCK_MINUTES = 8
_BLOCKS_KEPT = 16
_IDS_KEPT = 256
_TOGETHER = 16
_STRETCHES_BEYOND = 4
"""Stretches of a few groups more than there are: those of the next day come one by one."""
_DAY_HOURS = 24
_HOURS_KEPT = 1_048_576
"""75 MB: what a cold start of several hundred symbols asks for twice."""
_MINUTES_KEPT = 131_072
"""9 MB: what is asked for of one contract after the other in candles of three lengths."""


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
        self._trades_before = lru_cache(_IDS_KEPT)(self._computed_ids)
        self._minutes = KeptBars(self._computed, HOUR_MINUTES, _MINUTES_KEPT)
        self._hours = KeptBars(self._computed_hours, _DAY_HOURS, _HOURS_KEPT)

    def minute(self, row: int, minute: int) -> Bar:
        """Give a 1m candle."""
        block = self._block(minute // _BLOCK_MINUTES)
        rows = block.rows.get(row)
        if rows is None:
            opens = range(block.first * MINUTE_MS, (block.first + _BLOCK_MINUTES) * MINUTE_MS, MINUTE_MS)
            rows = block.rows[row] = rows_of(block.bars, row, opens)
        return rows[minute - block.first]

    def bars(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end), many of them from a stretch that is kept."""
        read = self._computed if end - first < HOUR_MINUTES else self._minutes.between
        return read(row, first, end)

    def shared(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end), read for a group of contracts at once and kept."""
        group, place = divmod(row, _TOGETHER)
        return part_of(self._stretch(group, first, end), slice(place, place + 1), slice(None))

    def hours(self, row: int, first: int, end: int) -> Bars:
        """Give the 1h candles of [first, end), from a stretch that is kept."""
        return self._hours.between(row, first, end)

    def opens(self, row: int, first: int, last: int) -> Counts:
        """Give the opens of the minutes `first` to `last`."""
        return self._alone[row].opens(self._market.nodes(first, last), first, last)[0]

    def issued(self, row: int, minute: int) -> Issued:
        """Say what was traded before a minute: each print is one trade."""
        trades = self._trades_before(minute)[row]
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

    def _computed_ids(self, minute: int) -> list[int]:
        return self._all.trades_before(minute).tolist()

    def _computed_stretch(self, group: int, first: int, end: int) -> Bars:
        return bars_between(self._groups[group], self._market, first, end)

    def _computed(self, row: int, first: int, end: int) -> Bars:
        return bars_between(self._alone[row], self._market, first, end)

    def _computed_hours(self, row: int, first: int, end: int) -> Bars:
        parts = windows(first * HOUR_MINUTES, end * HOUR_MINUTES)
        hours = [_hourly(self._computed(row, left, right)) for left, right in parts]
        return joined(hours) if len(hours) > 1 else hours[0]


def _hourly(minutes: Bars) -> Bars:
    return grouped(minutes, range(0, minutes.close.shape[1], HOUR_MINUTES))


def synthetic_market(seed: int, symbols: tuple[str, ...] | int, start_ms: int) -> WalkedMarket:
    """Give the market that `run.py exchange` serves by default. `start_ms`: when it begins, for the newest listings."""
    return WalkedMarket(seed, SyntheticMinutes(seed, symbols, start_ms))
