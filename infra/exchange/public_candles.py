"""The public endpoints about candles: last, mark, index and premium prices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from domain.market import MINUTE_MS
from infra.exchange import asked
from infra.exchange.bar import SPANS_MS, Bar, earlier_open, next_open, open_time, opens_between
from infra.exchange.board import Board
from infra.exchange.marked_market import MARK_DIGITS, MarkPath
from infra.exchange.ports import Call, Route, Security
from infra.exchange.tape import Tape
from infra.exchange.walked_market import Candlesticks
from infra.market.bars import Counts
from infra.market.noise import Floats

DEFAULT, MOST = 500, 1_500
_MINUTES_TOGETHER = 30_720
"""Of a path of marks at once: more of it leaves the processor's caches."""
_WEIGHT = asked.by_limit(DEFAULT, (99, 1), (499, 2), (1_000, 5), (MOST, 10))


def routes(board: Board, tape: Tape) -> list[Route]:
    """Give the endpoints."""

    def get(path: str, handler: Callable[[Board, Call], object]) -> Route:
        return Route("GET", path, Security.NONE, _WEIGHT, lambda call: handler(board, call))

    return [
        get("/fapi/v1/klines", lambda b, call: klines(b, tape, call)),
        get("/fapi/v1/continuousKlines", lambda b, call: continuous_klines(b, tape, call)),
        get("/fapi/v1/markPriceKlines", lambda b, call: _marks(b, call, "symbol", _mark)),
        get("/fapi/v1/indexPriceKlines", lambda b, call: _marks(b, call, "pair", _index)),
        get("/fapi/v1/premiumIndexKlines", lambda b, call: _marks(b, call, "symbol", _premium)),
    ]


def klines(board: Board, tape: Tape, call: Call) -> object:
    """Answer GET klines."""
    return _klines(board, tape, call, asked.symbol(board, call))


def continuous_klines(board: Board, tape: Tape, call: Call) -> object:
    """Answer GET continuousKlines: there are perpetual contracts only."""
    pair = asked.symbol(board, call, "pair")
    kind = asked.contract_type(call)
    return _klines(board, tape, call, pair) if kind == "PERPETUAL" else []


def _klines(board: Board, tape: Tape, call: Call, symbol: str) -> object:
    interval = asked.interval(call)
    first, end = span(board, call, interval, board.market.since(symbol, interval))
    row = board.row[symbol]
    if not tape.has_clients(symbol):
        return board.klines(row, interval, board.market.candlesticks(symbol, interval, first, end, board.now_ms))
    bars = board.market.bars(symbol, interval, first, end, board.now_ms)
    ends = [min(board.now_ms, next_open(interval, bar.open_ms) - 1) for bar in bars]
    traded = [tape.traded(symbol, bar, until) for bar, until in zip(bars, ends, strict=True)]
    return board.klines(row, interval, Candlesticks([], [], None, traded))


def span(board: Board, call: Call, interval: str, listed_ms: int) -> tuple[int, int]:
    """Give the opens that are asked for, as [first, end): from the start on, or the last ones."""
    count = asked.limit(call, DEFAULT, MOST)
    start, end = asked.times(call)
    newest = open_time(interval, board.now_ms if end is None else min(end, board.now_ms))
    if start is None:
        return earlier_open(interval, newest, count - 1), newest + 1
    first = open_time(interval, max(start, listed_ms))
    first = first if first >= start else next_open(interval, first)
    last = earlier_open(interval, first, 1 - count)
    return first, min(newest, last) + 1


def _mark(path: MarkPath) -> Floats:
    return path.mark


def _index(path: MarkPath) -> Floats:
    return path.indices


def _premium(path: MarkPath) -> Floats:
    return path.mark / path.indices - 1.0


def _marks(board: Board, call: Call, name: str, value: Callable[[MarkPath], Floats]) -> object:
    """Draw candles from the path of mark and index; marks that were recorded are told as they were."""
    symbol, interval = asked.symbol(board, call, name), asked.interval(call)
    market, now_ms = board.market, board.now_ms
    recorded = market.recorded_marks(symbol)
    begins_ms = market.begins_ms(symbol)
    since_ms = recorded.since(interval) if value is _mark else None
    first, end = span(board, call, interval, begins_ms if since_ms is None else min(since_ms, begins_ms))
    past = recorded.between(interval, first, end, now_ms) if since_ms is not None else []
    rows = [_row(one.open_ms, next_open(interval, one.open_ms), now_ms, *_prices(one)) for one in past]
    if past:
        first = next_open(interval, past[-1].open_ms)
    first = max(first, open_time(interval, begins_ms))
    opens = opens_between(interval, first, min(end, now_ms))
    together = max(1, _MINUTES_TOGETHER * MINUTE_MS // SPANS_MS[interval])
    for at in range(0, len(opens), together):
        part = opens[at : at + together]
        bounds = [*part, next_open(interval, part[-1])]
        path = market.mark_path(symbol, max(part[0], begins_ms // MINUTE_MS * MINUTE_MS), min(bounds[-1], now_ms))
        rows += _rows(path.times, value(path), bounds, now_ms)
    return rows


def _prices(recorded: Bar) -> tuple[float, ...]:
    return tuple(units / 10.0**MARK_DIGITS for units in recorded[1:5])


def _row(opened: int, closes: int, now_ms: int, *prices: float) -> list[object]:
    """Write a candle without a volume: how many seconds it has lasted stands for the number of trades."""
    shown = [f"{price:.8f}" for price in prices]
    return [opened, *shown, "0", closes - 1, "0", (min(closes, now_ms) - opened) // 1_000, "0", "0", "0"]


def _rows(times: Counts, path: Floats, bounds: list[int], now_ms: int) -> list[list[object]]:
    """Fold a path to candles between bounds; the end of one is the begin of the next."""
    starts = np.searchsorted(times, np.maximum(bounds[:-1], times[0]))
    ends = np.append(starts[1:], len(path) - 1)
    highs = np.maximum(np.maximum.reduceat(path, starts), path[ends])
    lows = np.minimum(np.minimum.reduceat(path, starts), path[ends])
    columns = (path[starts].tolist(), highs.tolist(), lows.tolist(), path[ends].tolist())
    return [
        _row(opened, closes, now_ms, *prices)
        for opened, closes, *prices in zip(bounds[:-1], bounds[1:], *columns, strict=True)
    ]
