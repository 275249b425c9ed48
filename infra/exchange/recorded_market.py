"""Recorded candles as a market to walk along: `run.py exchange --data DIR`.

The 1m candles of the files are the minutes, to the tick and the lot; what happens inside a minute is drawn as in the
synthetic market. Trades, taker volume and quote volume that a file doesn't know are filled in plausibly; funding rates
are the recorded ones where there are any. Holes are minutes without a trade, and so is all that comes after the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from domain.errors import InvalidInput
from domain.market import MINUTE_MS
from infra.exchange.bar import DAY_MS, Bar, grouped, rows_of
from infra.exchange.listings import listing
from infra.exchange.minutes import HOUR_MINUTES, Issued
from infra.exchange.ports import Listing
from infra.exchange.trade_counts import TRADES_MIN
from infra.exchange.walk import PRINTS_MAX
from infra.exchange.walked_market import WalkedMarket
from infra.market.activity import Activity, Traded
from infra.market.bars import Bars, Counts
from infra.market.beside import Beside
from infra.market.catalogue import Catalogue, listed
from infra.market.contracts import Contract
from infra.market.noise import Floats, Indices, keys_of
from infra.market.series import Series, load_candles

HISTORY_SHARE = 0.75
"""The market begins after this share of the recording: what is before is history that clients can ask for."""
_DIGITS_MAX = 8
_FUNDING_MS = 8 * 60 * MINUTE_MS
_RATE_WITHOUT_RECORD = 0.0001
_USDT_A_TRADE = 900.0


class RecordedActivity(Activity):
    """Premium and open interest are drawn, funding rates are recorded: the one that is paid next."""

    def __init__(self, seed: int, contract: Contract, beside: Beside) -> None:
        column = np.array([[1_000.0 * contract.turnover]]), np.array([[contract.price]])
        super().__init__(keys_of((seed, "contract", contract.symbol)), *column)
        self._funding = beside.funding

    def funding_rate(self, times: Indices, interval_ms: int | Indices = _FUNDING_MS) -> Floats:
        """Give the rate of the first funding at or after each time."""
        del interval_ms
        rates = np.full((1, len(times)), _RATE_WITHOUT_RECORD)
        if self._funding is not None:
            places = np.searchsorted(self._funding.times, times)
            known = places < len(self._funding.times)
            rates[0, known] = self._funding.columns["funding_rate"][places[known]]
        return rates


class _Together(Activity):
    """The activities of several contracts, one row each."""

    def __init__(self, single: Sequence[RecordedActivity]) -> None:
        self._single = single

    def premium(self, times: Indices) -> Floats:
        """Give the premium of each."""
        return np.vstack([one.premium(times) for one in self._single])

    def funding_rate(self, times: Indices, interval_ms: int | Indices = _FUNDING_MS) -> Floats:
        """Give the rate of each."""
        return np.vstack([one.funding_rate(times, interval_ms) for one in self._single])

    def open_interest(self, times: Indices) -> Floats:
        """Give the open interest of each."""
        return np.vstack([one.open_interest(times) for one in self._single])


class RecordedMinutes:
    """The recorded minutes of some contracts over the range that all of them cover, `start_ms` to `end_ms`."""

    def __init__(self, seed: int, catalogue: Catalogue, symbols: Sequence[str]) -> None:
        """Load the files. Raises `InvalidInput`: no 1m candles, unknown symbol, no common range."""
        series = _covering([load_candles(catalogue, symbol, "1m") for symbol in symbols], chosen=False)
        self.start_ms = max(int(one.times[0]) for one in series)
        self.end_ms = min(int(one.times[-1]) for one in series) + MINUTE_MS
        self._first = self.start_ms // MINUTE_MS
        self.contracts = tuple(_contract(one) for one in series)
        self.listings: tuple[Listing, ...] = tuple(listing(contract, self.start_ms) for contract in self.contracts)
        self._bars = [_minutes(c, s, self.start_ms, self.end_ms) for c, s in zip(self.contracts, series, strict=True)]
        self._issued = [_issued(bars) for bars in self._bars]
        self._activities = [RecordedActivity(seed, c, Beside.load(catalogue, c.symbol)) for c in self.contracts]
        self.activity: Activity = _Together(self._activities)

    def minute(self, row: int, minute: int) -> Bar:
        """Give a 1m candle."""
        return rows_of(self.bars(row, minute, minute + 1), 0, (minute * MINUTE_MS,))[0]

    def bars(self, row: int, first: int, end: int) -> Bars:
        """Give the 1m candles of [first, end): flat ones, without a trade, outside of the recording."""
        held = self._bars[row]
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

    def hours(self, row: int, first: int, end: int) -> Bars:
        """Give the 1h candles of [first, end)."""
        minutes = self.bars(row, first * HOUR_MINUTES, end * HOUR_MINUTES)
        return grouped(minutes, range(0, (end - first) * HOUR_MINUTES, HOUR_MINUTES))

    def opens(self, row: int, first: int, last: int, level: int) -> Counts:
        """Give the opens of every 2^level-th minute from `first` to `last`."""
        return self._prices(self._bars[row], np.arange(first, last + 1, 1 << level) - self._first, "open")

    def issued(self, row: int, minute: int) -> Issued:
        """Give the ids that a minute begins with: they count from the begin of the recording."""
        trades, prints = self._issued[row]
        place = min(max(0, minute - self._first), len(trades) - 1)
        return Issued(int(trades[place]), int(prints[place]))

    def activity_of(self, row: int) -> Activity:
        """Give what goes on beside the price of one contract."""
        return self._activities[row]

    def ends(self, minute: int) -> tuple[Counts, Counts]:
        """Give opens and closes of all contracts."""
        bars = [self.bars(row, minute, minute + 1) for row in range(len(self._bars))]
        return np.array([bar.open[0, 0] for bar in bars]), np.array([bar.close[0, 0] for bar in bars])


def recorded_market(seed: int, data: Path, symbols: tuple[str, ...] | int | None) -> tuple[WalkedMarket, int]:
    """Open a directory of recorded candles; give the market, and when it begins (ms UTC).

    Without names: the symbols (at most so many) whose 1m candles cover most of each other's time.
    """
    catalogue = Catalogue.open(data)
    held = catalogue.symbols("1m")
    if not held:
        catalogue.candle_files("", "1m")  # says what there is instead
    named = symbols if isinstance(symbols, tuple) else None
    if named is not None:
        _covering([load_candles(catalogue, symbol, "1m") for symbol in named], chosen=True)
    chosen = held if named is None else named
    minutes = RecordedMinutes(seed, catalogue, chosen[:symbols] if isinstance(symbols, int) else chosen)
    begin_ms = minutes.start_ms + int((minutes.end_ms - minutes.start_ms) * HISTORY_SHARE)
    return WalkedMarket(seed, minutes), begin_ms // MINUTE_MS * MINUTE_MS


def _covering(series: Sequence[Series], *, chosen: bool) -> list[Series]:
    """Give those that share a range: all of them if they were chosen by name, else the largest group."""
    if not series:
        raise InvalidInput("--symbols", "at least one", "none")
    groups = [[s for s in series if s.times[0] <= one.times[0] <= s.times[-1] - DAY_MS] for one in series]
    best = max(groups, key=len)
    if not best or (chosen and len(best) < len(series)):
        names = listed([f"{s.symbol} from minute {int(s.times[0]) // MINUTE_MS}" for s in series])
        raise InvalidInput("--symbols", "symbols with a day of 1m candles in common", names)
    return best


def _contract(series: Series) -> Contract:
    """Read a contract's steps off its candles: as many decimals as their prices and volumes have."""
    columns = series.columns
    prices = np.concatenate([columns[name][-5_000:] for name in ("open", "high", "low", "close")])
    digits, lot_digits = _decimals(prices), _decimals(columns["volume"][-5_000:])
    price = float(np.median(columns["close"]))
    turnover = float(np.median(columns["volume"])) * price / 1_000.0
    return Contract(series.symbol, price, digits, lot_digits, 1.0, 10.0, max(turnover, 1.0))


def _decimals(values: Floats) -> int:
    for digits in range(_DIGITS_MAX):
        scaled = values * 10.0**digits
        if bool(np.all(np.abs(scaled - np.rint(scaled)) < 1e-4)):
            return digits
    return _DIGITS_MAX


def _minutes(contract: Contract, series: Series, start_ms: int, end_ms: int) -> Bars:
    """Put the candles on the grid of minutes, in ticks and lots; a hole stands where the candle before it ended."""
    part = series.between(start_ms, end_ms)
    grid = np.arange(start_ms // MINUTE_MS, end_ms // MINUTE_MS)
    source = np.searchsorted(part.times // MINUTE_MS, grid, side="right") - 1
    real = part.times[source] // MINUTE_MS == grid

    def price(name: str) -> Counts:
        ticks = _whole(part.columns[name][source], 10.0**contract.digits)
        return np.where(real, ticks, _whole(part.columns["close"][source], 10.0**contract.digits))[None, :]

    lots = np.where(real, _whole(part.columns["volume"][source], 10.0**contract.lot_digits), 0)
    return Bars(price("open"), price("high"), price("low"), price("close"), _traded(contract, part, source, lots))


def _traded(contract: Contract, part: Series, source: Indices, lots: Counts) -> Traded:
    """Give what was traded; where a file doesn't know: mean price, half bought, a trade for every 900 USDT."""
    columns, scale = part.columns, 10.0**contract.lot_digits
    volume = lots / scale
    middle = (columns["high"][source] + columns["low"][source]) * 0.5
    quote = _known(part, "quote_volume", source, volume * middle)
    rising = np.sign(columns["close"][source] - columns["open"][source])
    bought = _known(part, "taker_buy_volume", source, volume * (0.5 + 0.1 * rising))
    trades = _known(part, "trades", source, np.maximum(quote / _USDT_A_TRADE, float(TRADES_MIN)))
    taker_lots = np.minimum(_whole(bought, scale), lots)
    share = np.divide(taker_lots, lots, out=np.zeros(len(lots)), where=lots > 0)
    taker_quote = _known(part, "taker_buy_quote_volume", source, quote * share)
    none = lots == 0
    counted = np.maximum(_whole(trades, 1.0), _sides(lots, taker_lots))
    found = (lots, _whole(quote, 100.0), taker_lots, _whole(taker_quote, 100.0), counted)
    return Traded(*(np.where(none, 0, column)[None, :] for column in found))


def _sides(lots: Counts, taker_lots: Counts) -> Counts:
    """Count the taker sides of each minute: there was a trade of each at least."""
    return (taker_lots > 0).astype(np.int64) + (taker_lots < lots)


def _issued(bars: Bars) -> tuple[Counts, Counts]:
    """Count the trades and the prints (`Walk`) before each minute, and before the end."""
    traded = bars.traded
    prints = np.minimum(np.minimum(traded.trades, PRINTS_MAX), traded.lots)
    trades, shown = (np.append(0, np.cumsum(column[0])) + 1 for column in (traded.trades, prints))
    return trades, shown


def _known(part: Series, name: str, source: Indices, otherwise: Floats) -> Floats:
    column = part.columns.get(name)
    if column is None:
        return otherwise
    values = column[source]
    return np.where(np.isnan(values), otherwise, values)


def _whole(values: Floats, scale: float) -> Counts:
    return np.rint(values * scale).astype(np.int64)
