"""Recorded candles on their grid, in ticks and lots: holes filled, and what a file doesn't know filled in plausibly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infra.exchange.bar import SPANS_MS
from infra.exchange.trade_counts import TRADES_MIN
from infra.market.activity import Traded
from infra.market.bars import Bars, Counts
from infra.market.contracts import Contract
from infra.market.noise import Floats, Indices
from infra.market.series import Series

_DIGITS_MAX = 8
_ROWS_LOOKED_AT = 5_000
_USDT_A_TRADE = 900.0


def contract_of(series: Sequence[Series]) -> Contract:
    """Read a contract's steps off its candles, the finest first: as many decimals as their prices and volumes have."""
    finest = series[0].columns
    prices = [one.columns[name][-_ROWS_LOOKED_AT:] for one in series for name in ("open", "high", "low", "close")]
    digits, lot_digits = _decimals(np.concatenate(prices)), _decimals(finest["volume"][-_ROWS_LOOKED_AT:])
    price = float(np.median(finest["close"]))
    minutes = SPANS_MS[series[0].interval] // SPANS_MS["1m"]
    turnover = float(np.median(finest["volume"])) / minutes * price / 1_000.0
    return Contract(series[0].symbol, price, digits, lot_digits, 1.0, 10.0, max(turnover, 1.0))


def _decimals(values: Floats) -> int:
    for digits in range(_DIGITS_MAX):
        scaled = values * 10.0**digits
        if bool(np.all(np.abs(scaled - np.rint(scaled)) < 1e-4)):
            return digits
    return _DIGITS_MAX


def on_grid(contract: Contract, series: Series, start_ms: int, end_ms: int) -> Bars:
    """Put the candles that open in [start, end) on their grid; a hole stands where the candle before it ended."""
    span_ms = SPANS_MS[series.interval]
    part = series.between(start_ms, end_ms)
    grid = np.arange(start_ms // span_ms, end_ms // span_ms)
    source = np.searchsorted(part.times // span_ms, grid, side="right") - 1
    real = part.times[source] // span_ms == grid

    def price(name: str) -> Counts:
        ticks = whole(part.columns[name][source], 10.0**contract.digits)
        return np.where(real, ticks, whole(part.columns["close"][source], 10.0**contract.digits))[None, :]

    lots = np.where(real, whole(part.columns["volume"][source], 10.0**contract.lot_digits), 0)
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
    taker_lots = np.minimum(whole(bought, scale), lots)
    share = np.divide(taker_lots, lots, out=np.zeros(len(lots)), where=lots > 0)
    taker_quote = _known(part, "taker_buy_quote_volume", source, quote * share)
    none = lots == 0
    counted = np.maximum(whole(trades, 1.0), _sides(lots, taker_lots))
    found = (lots, whole(quote, 100.0), taker_lots, whole(taker_quote, 100.0), counted)
    return Traded(*(np.where(none, 0, column)[None, :] for column in found))


def _sides(lots: Counts, taker_lots: Counts) -> Counts:
    """Count the taker sides of each minute: there was a trade of each at least."""
    return (taker_lots > 0).astype(np.int64) + (taker_lots < lots)


def _known(part: Series, name: str, source: Indices, otherwise: Floats) -> Floats:
    column = part.columns.get(name)
    if column is None:
        return otherwise
    values = column[source]
    return np.where(np.isnan(values), otherwise, values)


def whole(values: Floats, scale: float) -> Counts:
    """Count in whole units."""
    return np.rint(values * scale).astype(np.int64)
