"""Recorded books as what a minute knew of them: best prices and depth at each close.

`<SYMBOL>_<anything>_bookTicker` gives the best prices. `<SYMBOL>_<anything>_depthUpdate` holds changes of levels and no
snapshot to begin with, so a book is built of the levels that changed: those near the touch change all the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from domain.book import LEVELS, DepthSummary, depth_summary
from domain.flow import MINUTE_MS
from infra.market.candle_rows import Floats, out_of_range
from infra.market.catalogue import DEPTH, Catalogue
from infra.market.parquet import read_table

DEPTH_COLUMNS = (
    "depth.spread_bps",
    "depth.bid_notional",
    "depth.ask_notional",
    "depth.swept",
    "depth.buy_impact_bps",
    "depth.sell_impact_bps",
)
"""The fields of `DepthSummary`, as columns of a series of candles."""
SETTLED_MS = 2 * MINUTE_MS
"""So long after its first change a book is taken to know the levels near the touch."""
BEST_VALID_MS = MINUTE_MS


def best_at(catalogue: Catalogue, symbol: str, closes: NDArray[np.int64]) -> dict[str, Floats]:
    """Give the best prices and what rests there as of each close, NaN where that is older than a minute.

    The columns are `bid`, `ask`, `bid_quantity` and `ask_quantity`; there are none without files.
    """
    columns = {name: np.full(len(closes), np.nan) for name in ("bid", "ask", "bid_quantity", "ask_quantity")}
    known = False
    for path in catalogue.files(DEPTH, symbol):
        if path.stem.endswith("_bookTicker"):
            table = read_table(path, "event_time", ("bid", "ask"), ("bid_qty", "ask_qty"))
            bid, ask = table.columns["bid"], table.columns["ask"]
            sound = ~out_of_range(table.times) & (bid > 0.0) & (ask > bid) & (ask < np.inf)
            order = np.argsort(table.times[sound], kind="stable")
            times = table.times[sound][order]
            place = np.searchsorted(times, closes, side="right") - 1
            fresh = place >= 0
            fresh[fresh] = closes[fresh] - times[place[fresh]] <= BEST_VALID_MS
            for name, values in table.columns.items():
                columns[name.replace("_qty", "_quantity")][fresh] = values[sound][order][place[fresh]]
            known |= bool(fresh.any())
    return columns if known else {}


def depth_at(
    catalogue: Catalogue, symbol: str, closes: NDArray[np.int64], own_notional: float, best: dict[str, Floats]
) -> dict[str, Floats]:
    """Give the book's summary as of each close, NaN where there is none; empty without files.

    `best` are the best prices at the closes, where known: levels beyond them are left over from before and not true.
    """
    columns = {name: np.full(len(closes), np.nan) for name in DEPTH_COLUMNS}
    known = False
    for path in catalogue.files(DEPTH, symbol):
        if path.stem.endswith("_depthUpdate"):
            table = read_table(path, "event_time", ("side", "price", "qty"))
            sound = ~out_of_range(table.times) & (table.columns["price"] > 0.0) & (table.columns["qty"] >= 0.0)
            changes = [table.columns[name][sound] for name in ("side", "price", "qty")]
            for place, bids, asks in _books(table.times[sound], changes, closes):
                bid, ask = (float(best[name][place]) if best else math.nan for name in ("bid", "ask"))
                summary = _summary(bids, asks, bid, ask, own_notional)
                if summary is not None:
                    known = True
                    for name in DEPTH_COLUMNS:
                        columns[name][place] = _number(getattr(summary, name.partition(".")[2]))
    return columns if known else {}


def _books(
    times: NDArray[np.int64], changes: list[Floats], closes: NDArray[np.int64]
) -> Iterator[tuple[int, dict[float, float], dict[float, float]]]:
    """Apply the changes in order; give both sides (price → quantity) as of each close that they reach."""
    if not len(times):
        return
    order = np.argsort(times, kind="stable")
    rows = list(zip(*(change[order].tolist() for change in changes), strict=True))
    ends = np.searchsorted(times[order], closes, side="right")
    reached = (closes >= times[order[0]] + SETTLED_MS) & (closes <= times[order[-1]])
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    done = 0
    for place in np.flatnonzero(reached).tolist():
        until = int(ends[place])
        for side, price, quantity in rows[done:until]:
            book = bids if side > 0 else asks
            if quantity > 0.0:
                book[price] = quantity
            else:
                book.pop(price, None)
        done = until
        yield place, bids, asks


def _summary(
    bids: dict[float, float], asks: dict[float, float], bid: float, ask: float, own_notional: float
) -> DepthSummary | None:
    # a comparison with NaN is false: then no level is left out
    near_bids = sorted(((p, q) for p, q in bids.items() if not p > bid), reverse=True)[:LEVELS]
    near_asks = sorted((p, q) for p, q in asks.items() if not p < ask)[:LEVELS]
    return depth_summary(near_bids, near_asks, own_notional)


def _number(value: float | None) -> float:
    """A book too thin for the sweep has no impact: infinity tells it from a book that nobody knows."""
    return np.inf if value is None else value
