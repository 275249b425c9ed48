"""Recorded candles as a market to walk along: `run.py exchange --data DIR`.

The 1m candles of the files are the minutes, to the tick and the lot; what happens inside a minute is drawn as in the
synthetic market. Where a symbol's finest file is coarser its minutes are drawn, too (`recorded_drawn.py`). Candles of
other files are the past from before the minutes begin (`recorded_past.py`). Trades, taker volume and quote volume that
a file doesn't know are filled in plausibly; mark prices, funding rates and open interest are the recorded ones where
there are any (`recorded_activity.py`). Holes are minutes without a trade, and so is all that comes after the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from domain.errors import InvalidInput
from domain.market import INTERVALS_MS, MINUTE_MS
from infra.exchange.bar import DAY_MS, SPANS_MS, Bar, grouped, rows_of
from infra.exchange.listings import listing
from infra.exchange.marked_market import MARK_DIGITS
from infra.exchange.minutes import HOUR_MINUTES, Issued
from infra.exchange.ports import Listing
from infra.exchange.recorded_activity import RecordedActivity, TogetherActivity
from infra.exchange.recorded_bars import contract_of, on_grid
from infra.exchange.recorded_drawn import DAYS_MAX, drawn_minutes
from infra.exchange.recorded_past import Past, Stretch, laid_over
from infra.exchange.walk import PRINTS_MAX
from infra.exchange.walked_market import WalkedMarket
from infra.market.activity import Activity, Traded
from infra.market.bars import Bars, Counts
from infra.market.beside import Beside
from infra.market.catalogue import KLINES, Catalogue, listed
from infra.market.contracts import Contract
from infra.market.noise import Indices, keys_of
from infra.market.series import Series, load_candles

HISTORY_SHARE = 0.75
"""The market begins after this share of the recording: what is before is history that clients can ask for."""
_HOUR_MS = HOUR_MINUTES * MINUTE_MS


class _Recorded:
    """One contract: its minutes from `start_ms` to `end_ms`, what came before, and what stood beside."""

    def __init__(self, seed: int, catalogue: Catalogue, series: Series, start_ms: int, end_ms: int) -> None:
        symbol = series.symbol
        coarser = [
            _unbroken(load_candles(catalogue, symbol, interval)) for interval in catalogue.intervals(KLINES, symbol)[1:]
        ]
        self.contract = contract_of([series, *coarser])
        whole = _stretch(self.contract, _unbroken(series))
        self.bars = on_grid(self.contract, series, start_ms, end_ms)
        if series.interval != "1m":
            key = keys_of((seed, "drawn", symbol))
            self.bars = drawn_minutes(key, self.bars, start_ms, SPANS_MS[series.interval])
        self.past = Past([whole, *(_stretch(self.contract, one) for one in coarser)], start_ms)
        self.first_ms = min(start_ms, whole.first_ms, *(int(one.times[0]) for one in coarser))
        beside = Beside.load(catalogue, symbol)
        self.activity = RecordedActivity(seed, self.contract, beside)
        self.marks = Past([], start_ms)
        if beside.marks is not None and len(beside.marks.times):
            stretch = _stretch(msgspec.structs.replace(self.contract, digits=MARK_DIGITS), _unbroken(beside.marks))
            self.marks = Past([stretch], stretch.end_ms)
        traded = self.bars.traded
        prints = np.minimum(np.minimum(traded.trades, PRINTS_MAX), traded.lots)
        self.trades, self.prints = (np.append(0, np.cumsum(column[0])) + 1 for column in (traded.trades, prints))


class RecordedMinutes:
    """The recorded minutes of some contracts over the range that all of them cover, `start_ms` to `end_ms`."""

    def __init__(self, seed: int, catalogue: Catalogue, symbols: Sequence[str]) -> None:
        """Load the files. Raises `InvalidInput`: unknown symbol, no common range."""
        series = _covering([_finest(catalogue, symbol) for symbol in symbols], chosen=False)
        self.start_ms, self.end_ms = _range(series)
        self._first = self.start_ms // MINUTE_MS
        self._recorded = [_Recorded(seed, catalogue, one, self.start_ms, self.end_ms) for one in series]
        self.contracts = tuple(one.contract for one in self._recorded)
        self.listings: tuple[Listing, ...] = tuple(_listing(one) for one in self._recorded)
        self.begins_ms = (self.start_ms,) * len(series)
        for row, one in enumerate(self._recorded):
            self._learn_gaps(row, one.activity)
        self.activity: Activity = TogetherActivity([one.activity for one in self._recorded])

    def _learn_gaps(self, row: int, activity: RecordedActivity) -> None:
        """Compare recorded marks with last prices: at minutes, and at the full hours of the past."""
        times = activity.mark_times(self._recorded[row].first_ms, self.end_ms)
        times = times[(times >= self.start_ms) | (times % _HOUR_MS == 0)]
        if len(times):
            hours = times // _HOUR_MS
            past = self.hours(row, int(hours[0]), int(hours[-1]) + 1).open[0, hours - hours[0]]
            ticks = np.where(times < self.start_ms, past, self._opens(row, times // MINUTE_MS))
            activity.learn_gaps(times, ticks / 10.0 ** self.contracts[row].digits)

    def minute(self, row: int, minute: int) -> Bar:
        """Give a 1m candle."""
        return rows_of(self.bars(row, minute, minute + 1), 0, (minute * MINUTE_MS,))[0]

    def bars(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end): flat ones, without a trade, outside of the recording."""
        held = self._recorded[row].bars
        places = np.arange(first, end) - self._first
        inside = np.clip(places, 0, held.close.shape[1] - 1)
        outside = places != inside
        high, low = (self._prices(held, places, name)[None, :] for name in ("high", "low"))
        opens, closes = (self._prices(held, places, name)[None, :] for name in ("open", "close"))
        traded = (getattr(held.traded, name)[:, inside] for name in Traded.__struct_fields__)
        return Bars(opens, high, low, closes, Traded(*(np.where(outside, 0, column) for column in traded)))

    @staticmethod
    def _prices(held: Bars, places: Indices, name: str) -> Counts:
        """Give one column of prices; before the recording its first price, after it its last."""
        last = held.close.shape[1] - 1
        inside = np.clip(places, 0, last)
        flat = np.array([held.open[0, 0], held.close[0, last]])[(places > last).astype(np.intp)]
        return np.where(places != inside, flat, getattr(held, name)[0, inside])

    def shared(self, row: int, first: int, end: int) -> Bars:
        """Give the same: it is at hand for all contracts."""
        return self.bars(row, first, end)

    def hours(self, row: int, first: int, end: int) -> Bars:
        """Give the 1h candles of [first, end): those of the past, too."""
        minutes = self.bars(row, first * HOUR_MINUTES, end * HOUR_MINUTES)
        hours = grouped(minutes, range(0, (end - first) * HOUR_MINUTES, HOUR_MINUTES))
        past = self._recorded[row].past.columns("1h", first * _HOUR_MS, end * _HOUR_MS)
        if past is None:
            return hours
        first_ms, bars = past
        return laid_over(hours, first_ms // _HOUR_MS - first, bars)

    def opens(self, row: int, first: int, last: int) -> Counts:
        """Give the opens of the minutes `first` to `last`."""
        return self._opens(row, np.arange(first, last + 1))

    def _opens(self, row: int, minutes: Indices) -> Counts:
        return self._prices(self._recorded[row].bars, minutes - self._first, "open")

    def past(self, row: int) -> Past:
        """Give the candles from before the minutes begin."""
        return self._recorded[row].past

    def past_marks(self, row: int) -> Past:
        """Give the recorded candles of the mark price, in units of 1e-8 USDT."""
        return self._recorded[row].marks

    def fundings_since(self, row: int) -> int:
        """Say when the first funding was (UTC ms)."""
        return min(self.start_ms, self._recorded[row].activity.funding_since_ms or self.start_ms)

    def issued(self, row: int, minute: int) -> Issued:
        """Give the ids that a minute begins with: they count from the begin of the recording."""
        trades, prints = self._recorded[row].trades, self._recorded[row].prints
        place = min(max(0, minute - self._first), len(trades) - 1)
        return Issued(int(trades[place]), int(prints[place]))

    def activity_of(self, row: int) -> Activity:
        """Give what goes on beside the price of one contract."""
        return self._recorded[row].activity

    def ends(self, minute: int) -> tuple[Counts, Counts]:
        """Give opens and closes of all contracts."""
        bars = [self.bars(row, minute, minute + 1) for row in range(len(self._recorded))]
        return np.array([bar.open[0, 0] for bar in bars]), np.array([bar.close[0, 0] for bar in bars])


def recorded_market(seed: int, data: Path, symbols: tuple[str, ...] | int | None) -> tuple[WalkedMarket, int]:
    """Open a directory of recorded candles; give the market, and when it begins (ms UTC).

    Without names: the symbols (at most so many) whose candles of the shortest interval that there is cover most of each
    other's time. Raises `InvalidInput`: no candles, unknown symbol, no common range.
    """
    catalogue = Catalogue.open(data)
    shortest = next((interval for interval in INTERVALS_MS if catalogue.symbols(interval)), "1m")
    held = catalogue.symbols(shortest)
    if not held:
        catalogue.candle_files("", shortest)  # says what there is instead
    named = symbols if isinstance(symbols, tuple) else None
    if named is not None:
        _covering([_finest(catalogue, symbol) for symbol in named], chosen=True)
    chosen = held if named is None else named
    minutes = RecordedMinutes(seed, catalogue, chosen[:symbols] if isinstance(symbols, int) else chosen)
    begin_ms = minutes.start_ms + int((minutes.end_ms - minutes.start_ms) * HISTORY_SHARE)
    return WalkedMarket(seed, minutes), begin_ms // MINUTE_MS * MINUTE_MS


def _finest(catalogue: Catalogue, symbol: str) -> Series:
    """Load the candles of the shortest interval that a symbol has."""
    interval = next(iter(catalogue.intervals(KLINES, symbol)), None)
    if interval is None:  # says which symbols there are
        interval = next(name for name in INTERVALS_MS if catalogue.symbols(name))
    return load_candles(catalogue, symbol, interval)


def _range(series: Sequence[Series]) -> tuple[int, int]:
    """Give the begin and the end of what all cover, on the grid of the longest interval among them."""
    span_ms = max(SPANS_MS[one.interval] for one in series)
    start_ms = max(int(one.times[0]) for one in series)
    end_ms = min(int(one.times[-1]) + SPANS_MS[one.interval] for one in series)
    end_ms = end_ms // span_ms * span_ms
    if span_ms > MINUTE_MS:
        start_ms = max(start_ms, end_ms - DAYS_MAX * DAY_MS)
    return -(-start_ms // span_ms) * span_ms, end_ms


def _covering(series: Sequence[Series], *, chosen: bool) -> list[Series]:
    """Give those that share a range: all of them if they were chosen by name, else the largest group."""
    if not series:
        raise InvalidInput("--symbols", "at least one", "none")
    groups = [[s for s in series if s.times[0] <= one.times[0] <= s.times[-1] - DAY_MS] for one in series]
    best = max(groups, key=len)
    if not best or (chosen and len(best) < len(series)):
        names = listed([f"{s.symbol} from minute {int(s.times[0]) // MINUTE_MS}" for s in series])
        raise InvalidInput("--symbols", "symbols with a day of candles in common", names)
    return best


def _listing(one: _Recorded) -> Listing:
    found = listing(one.contract, one.first_ms)
    hours = one.activity.funding_hours
    return found if hours is None else msgspec.structs.replace(found, funding_interval_hours=hours)


def _unbroken(series: Series) -> Series:
    """Cut to what follows the last hole of more than a day: before it the file tells another story."""
    holes = np.flatnonzero(np.diff(series.times) > DAY_MS + SPANS_MS[series.interval])
    return series.slice(int(holes[-1]) + 1 if len(holes) else 0, len(series.times))


def _stretch(contract: Contract, series: Series) -> Stretch:
    first_ms = int(series.times[0])
    end_ms = int(series.times[-1]) + SPANS_MS[series.interval]
    return Stretch(series.interval, first_ms, on_grid(contract, series, first_ms, end_ms))
