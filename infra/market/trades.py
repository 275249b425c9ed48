"""Recorded trades as what a minute knew of them: the flow of the quarter of an hour before each close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.flow import MINUTE_MS, WINDOW_MINUTES, trade_flow
from infra.market.candle_rows import Floats, apply_checks, out_of_range
from infra.market.catalogue import AGG_TRADES, Catalogue
from infra.market.parquet import read_table

FLOW_COLUMNS = ("flow.trades", "flow.span_ms", "flow.p95", "flow.large_buy", "flow.large_sell")
"""The fields of `TradeFlow`, as columns of a series of candles."""


def flow_at(catalogue: Catalogue, symbol: str, closes: NDArray[np.int64]) -> dict[str, Floats]:
    """Give the flow before each close (ms UTC), NaN where the window is not covered by recorded trades.

    Empty where there are no trades at all. Raises `InvalidInput` for a file that can't be read.
    """
    columns = {name: np.full(len(closes), np.nan) for name in FLOW_COLUMNS}
    found = False
    for path in catalogue.files(AGG_TRADES, symbol):
        table = read_table(path, "time", ("price", "quantity", "is_buyer_maker"))
        notional = table.columns["price"] * table.columns["quantity"]
        maker = table.columns["is_buyer_maker"]
        checks = [
            ("TIME_OUT_OF_RANGE", out_of_range(table.times)),
            ("NOT_A_TRADE", ~((notional > 0.0) & (notional < np.inf)) | np.isnan(maker)),
        ]
        usable, _ = apply_checks(checks)
        order = np.argsort(table.times[usable], kind="stable")
        parts = (table.times[usable][order], notional[usable][order], maker[usable][order] != 0.0)
        found |= _fill(columns, closes, *parts)
    return columns if found else {}


def _fill(
    columns: dict[str, Floats], closes: NDArray[np.int64], times: NDArray[np.int64], notional: Floats, sold: Floats
) -> bool:
    """Fill in the windows that one file covers; false if that is none."""
    if not len(times):
        return False
    window_ms = WINDOW_MINUTES * MINUTE_MS
    covered_from = times[0] // MINUTE_MS * MINUTE_MS
    covered_to = times[-1] // MINUTE_MS * MINUTE_MS + MINUTE_MS
    inside = np.flatnonzero((closes - window_ms >= covered_from) & (closes <= covered_to))
    for place in inside.tolist():
        first, last = np.searchsorted(times, (closes[place] - window_ms, closes[place]))
        window = (part[first:last].tolist() for part in (times, notional, sold))
        flow = trade_flow(zip(*window, strict=True))
        if flow is not None:
            values = (flow.trades, flow.span_ms, flow.p95, flow.large_buy, flow.large_sell)
            for name, value in zip(FLOW_COLUMNS, values, strict=True):
                columns[name][place] = value
    return bool(len(inside))
