"""Columns to candles, a minute at a time: the hot path of a backtest.

The columns of a series stay numpy arrays; only a window of them at a time becomes Python objects, built by `map` over
`.tolist()`, which costs about half a microsecond a candle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np

from domain.book import DepthSummary
from domain.flow import TradeFlow
from domain.market import INTERVALS_MS, Candle, CandleArrived
from infra.market.books import DEPTH_COLUMNS
from infra.market.candle_rows import REQUIRED, VOLUMES, Floats
from infra.market.series import Series
from infra.market.trades import FLOW_COLUMNS

WINDOW_CANDLES = 50_000
"""How many candles of all symbols together are Python objects at one time."""

_CONTEXT = ("mark", "index", "funding_rate", "bid", "ask", "open_interest")
_OPTIONAL = (*VOLUMES, *_CONTEXT)
_BEST_QUANTITIES = ("bid_quantity", "ask_quantity")
_COUNTS = {"trades", "flow.trades", "flow.span_ms"}


def candles_of(series: Series) -> Iterator[Candle]:
    """Build the candles of a series. Optional columns that it does not have, and NaN in those it has, become None."""
    optional = [_optional(series.columns.get(name), name) for name in _OPTIONAL]
    optional += [_structs(series, DEPTH_COLUMNS, _depth), _structs(series, FLOW_COLUMNS, TradeFlow)]
    optional += [_optional(series.columns.get(name), name) for name in _BEST_QUANTITIES]
    while optional and optional[-1] is None:
        optional.pop()
    required = (series.columns[name].tolist() for name in REQUIRED)
    given = (repeat(None) if column is None else column for column in optional)
    return map(Candle, series.times.tolist(), *required, *given)


def arrivals(
    all_series: Sequence[Series], start_ms: int, end_ms: int
) -> Iterator[tuple[int, tuple[CandleArrived, ...]]]:
    """Give the candles opening from `start_ms` and before `end_ms`, those of one close time together.

    All series are of one interval. Yields `(close time in ms UTC, candles in the order of the series)`; a symbol
    without a candle at that time is just absent, and a time without any candle does not appear.
    """
    interval_ms = INTERVALS_MS[all_series[0].interval]
    window_ms = max(1, WINDOW_CANDLES // len(all_series)) * interval_ms
    for window_start in range(start_ms, end_ms, window_ms):
        window_end = min(window_start + window_ms, end_ms)
        by_open_time: dict[int, list[CandleArrived]] = {}
        for series in all_series:
            window = series.between(window_start, window_end)
            for arrived in map(CandleArrived, repeat(series.symbol), candles_of(window)):
                by_open_time.setdefault(arrived.candle.open_time_ms, []).append(arrived)
        for open_time_ms in sorted(by_open_time):
            yield open_time_ms + interval_ms, tuple(by_open_time[open_time_ms])


def _optional(column: Floats | None, name: str) -> Iterable[float | None] | None:
    if column is None:
        return None
    unknown = np.isnan(column)
    if unknown.all():
        return None
    values: list[float | None] = column.tolist()
    if unknown.any():
        values = [None if gone else value for value, gone in zip(values, unknown.tolist(), strict=True)]
    if name in _COUNTS:
        return [None if value is None else int(value) for value in values]
    return values


def _structs(
    series: Series, names: Sequence[str], build: Callable[..., DepthSummary | TradeFlow]
) -> Iterable[DepthSummary | TradeFlow | None] | None:
    """Join columns into one struct a candle, None where the first of them is unknown."""
    columns = [_optional(series.columns.get(name), name) for name in names]
    if columns[0] is None:
        return None
    given = (repeat(None) if column is None else column for column in columns)
    return [None if row[0] is None else build(*row) for row in zip(*given, strict=False)]


def _depth(spread: float, bids: float, asks: float, swept: float, buy: float, sell: float) -> DepthSummary:
    """Build a summary; in a column, an infinite impact stands for a book too thin for the sweep."""
    return DepthSummary(spread, bids, asks, swept, *(None if impact == math.inf else impact for impact in (buy, sell)))
