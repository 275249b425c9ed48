"""The public endpoints about candles: last, mark, index and premium prices."""

from __future__ import annotations

from collections.abc import Callable

from domain.market import MINUTE_MS
from infra.exchange import asked
from infra.exchange.bar import earlier_open, next_open, open_time
from infra.exchange.board import Board
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.market.noise import Floats

DEFAULT, MOST = 500, 1_500
_WEIGHT = asked.by_limit(DEFAULT, (99, 1), (499, 2), (1_000, 5), (MOST, 10))
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
    return board.klines(board.row[symbol], interval, board.market.bars(symbol, interval, first, end, board.now_ms))


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


def _mark(mark: Floats, _index: Floats) -> Floats:
    return mark


def _index(_mark: Floats, index: Floats) -> Floats:
    return index


def _premium(mark: Floats, index: Floats) -> Floats:
    return mark / index - 1.0


def _marks(board: Board, call: Call, name: str, value: Callable[[Floats, Floats], Floats]) -> object:
    """Draw candles from the path of mark and index, which turns at whole minutes only."""
    symbol, interval = asked.symbol(board, call, name), asked.interval(call)
    listed_ms = board.market.listings[board.row[symbol]].onboard_ms
    first, end = span(board, call, interval, listed_ms)
    opens: list[int] = []
    at = max(first, open_time(interval, listed_ms))
    while at < end and at < board.now_ms:
        opens.append(at)
        at = next_open(interval, at)
    if not opens:
        return []
    origin_ms = max(opens[0], listed_ms // MINUTE_MS * MINUTE_MS)
    path = value(*board.market.mark_path(symbol, origin_ms, min(at, board.now_ms)))
    return [_row(path, interval, opened_ms, origin_ms, board.now_ms) for opened_ms in opens]


def _row(path: Floats, interval: str, opened_ms: int, origin_ms: int, now_ms: int) -> list[object]:
    closes_ms = next_open(interval, opened_ms)
    first = max(0, (opened_ms - origin_ms) // MINUTE_MS)
    part = path[first : (closes_ms - origin_ms) // MINUTE_MS + 1]
    shown = [f"{v:.8f}" for v in (part[0], part.max(), part.min(), part[-1])]
    seconds = (min(closes_ms, now_ms) - opened_ms) // 1_000
    return [opened_ms, *shown, "0", closes_ms - 1, "0", seconds, "0", "0", "0"]
