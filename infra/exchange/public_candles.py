"""The public endpoints about candles: last, mark, index and premium prices."""

from __future__ import annotations

from collections.abc import Callable

from infra.exchange import asked
from infra.exchange.bar import SPANS_MS, earlier_open, next_open, open_time
from infra.exchange.board import Board
from infra.exchange.ports import ApiError, Call, Route, Security

DEFAULT, MOST = 500, 1_500
_WEIGHT = asked.by_limit(DEFAULT, (99, 1), (499, 2), (1_000, 5), (MOST, 10))
_POINTS_A_CANDLE = 4
"""Mark-price candles are drawn from this many moments: a mark moves on straight lines within a minute."""
_POINTS_MAX = 20_000
_CONTRACT_TYPES = {"PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL"}


def routes(board: Board) -> list[Route]:
    """Give the endpoints."""

    def get(path: str, handler: Callable[[Board, Call], object]) -> Route:
        return Route("GET", path, Security.NONE, _WEIGHT, lambda call: handler(board, call))

    return [
        get("/fapi/v1/klines", klines),
        get("/fapi/v1/continuousKlines", continuous_klines),
        get("/fapi/v1/markPriceKlines", lambda b, call: _marks(b, call, "symbol", _mark)),
        get("/fapi/v1/indexPriceKlines", lambda b, call: _marks(b, call, "pair", _index)),
        get("/fapi/v1/premiumIndexKlines", lambda b, call: _marks(b, call, "symbol", _premium)),
    ]


def klines(board: Board, call: Call) -> object:
    """Answer GET klines."""
    return _klines(board, call, asked.symbol(board, call))


def continuous_klines(board: Board, call: Call) -> object:
    """Answer GET continuousKlines: there are perpetual contracts only."""
    pair = asked.symbol(board, call, "pair")
    kind = asked.required(call, "contractType")
    if kind not in _CONTRACT_TYPES:
        raise ApiError(-1130, "Data sent for parameter 'contractType' is not valid.")
    return _klines(board, call, pair) if kind == "PERPETUAL" else []


def _klines(board: Board, call: Call, symbol: str) -> object:
    interval = asked.interval(call)
    first, end = span(board, call, interval, board.market.listings[board.row[symbol]].onboard_ms)
    row = board.row[symbol]
    return [board.kline(row, interval, bar) for bar in board.market.bars(symbol, interval, first, end, board.now_ms)]


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


def _mark(mark: float, _index: float) -> float:
    return mark


def _index(_mark: float, index: float) -> float:
    return index


def _premium(mark: float, index: float) -> float:
    return mark / index - 1.0


def _marks(board: Board, call: Call, name: str, value: Callable[[float, float], float]) -> object:
    """Draw candles from the marks at a few moments each; the minutes' ends are among them."""
    symbol, interval = asked.symbol(board, call, name), asked.interval(call)
    row = board.row[symbol]
    first, end = span(board, call, interval, board.market.listings[row].onboard_ms)
    rows: list[object] = []
    at = max(first, open_time(interval, board.market.listings[row].onboard_ms))
    points = max(2, min(_POINTS_A_CANDLE, _POINTS_MAX // max(1, (end - at) // SPANS_MS[interval])))
    while at < end:
        closes = next_open(interval, at)
        last = min(closes - 1, board.now_ms)
        moments = [at + (last - at) * i // (points - 1) for i in range(points)]
        marks = board.market.marks_of(symbol, moments)
        values = [value(*pair) for pair in marks]
        shown = [f"{v:.8f}" for v in (values[0], max(values), min(values), values[-1])]
        rows.append([at, *shown, "0", closes - 1, "0", (last - at) // 1_000 + 1, "0", "0", "0"])
        at = closes
    return rows
