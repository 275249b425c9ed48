"""The statistics under /futures/data: open interest, ratios, basis. Shown every period, the last month only."""

from __future__ import annotations

from collections.abc import Callable

from infra.exchange import asked
from infra.exchange.bar import DAY_MS, SPANS_MS, next_open, open_time
from infra.exchange.board import Board
from infra.exchange.ports import ApiError, Call, Route, Security

_PERIODS = {name: SPANS_MS[name] for name in ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")}
_KEPT_MS = 30 * DAY_MS


def routes(board: Board) -> list[Route]:
    """Give the endpoints."""

    def get(name: str, handler: Callable[[Board, Call], object]) -> Route:
        return Route("GET", f"/futures/data/{name}", Security.NONE, asked.fixed(0), lambda call: handler(board, call))

    return [
        get("openInterestHist", _open_interest),
        get("topLongShortAccountRatio", lambda b, call: _ratio(b, call, 0.10)),
        get("topLongShortPositionRatio", lambda b, call: _ratio(b, call, 0.05)),
        get("globalLongShortAccountRatio", lambda b, call: _ratio(b, call, 0.15)),
        get("takerlongshortRatio", _taker_ratio),
        get("basis", _basis),
        get("delivery-price", _delivery_price),
    ]


def _times(board: Board, call: Call, symbol: str) -> tuple[str, list[int]]:
    period = asked.required(call, "period")
    if period not in _PERIODS:
        raise ApiError(-1130, "parameter 'period' is invalid.")
    count = asked.limit(call, 30, 500)
    start, end = asked.times(call)
    if start is not None and start < board.now_ms - _KEPT_MS - DAY_MS:
        raise ApiError(-1130, "parameter 'startTime' is invalid.")
    step = _PERIODS[period]
    last = open_time(period, board.now_ms if end is None else min(end, board.now_ms))
    first = last - (count - 1) * step
    if start is not None:
        first = -(-start // step) * step
        last = min(last, first + (count - 1) * step)
    listed = board.market.begins_ms(symbol)
    first = max(first, -(-max(listed, board.now_ms - _KEPT_MS) // step) * step)
    return period, list(range(first, last + 1, step))


def _open_interest(board: Board, call: Call) -> object:
    symbol = asked.symbol(board, call)
    _, times = _times(board, call, symbol)
    amounts = board.market.open_interests(symbol, times) if times else []
    marks = board.market.marks_of(symbol, times)
    return [
        {
            "symbol": symbol,
            "sumOpenInterest": f"{amount:.8f}",
            "sumOpenInterestValue": f"{amount * mark:.8f}",
            "CMCCirculatingSupply": "0",
            "timestamp": at,
        }
        for at, amount, (mark, _) in zip(times, amounts, marks, strict=True)
    ]


def _ratio(board: Board, call: Call, swing: float) -> object:
    """Longs against shorts: they lean as the premium does."""
    symbol = asked.symbol(board, call)
    _, times = _times(board, call, symbol)
    rows: list[object] = []
    for at, (mark, index) in zip(times, board.market.marks_of(symbol, times), strict=True):
        longs = 0.5 + swing * max(-1.0, min(1.0, (mark / index - 1.0) * 1_000.0))
        shown = {"longAccount": f"{longs:.4f}", "longShortRatio": f"{longs / (1 - longs):.4f}"}
        rows.append({"symbol": symbol, **shown, "shortAccount": f"{1 - longs:.4f}", "timestamp": at})
    return rows


def _taker_ratio(board: Board, call: Call) -> object:
    symbol = asked.symbol(board, call)
    period, times = _times(board, call, symbol)
    row = board.row[symbol]
    closed = [at for at in times if next_open(period, at) <= board.now_ms]
    rows: list[object] = []
    for at, bar in zip(closed, board.market.bars(symbol, period, closed[0], closed[-1] + 1, board.now_ms)
                       if closed else (), strict=True):  # fmt: skip
        sold = max(1, bar.lots - bar.taker_lots)
        bought, rest = board.quantity(row, bar.taker_lots), board.quantity(row, sold)
        rows.append(
            {"buySellRatio": f"{bar.taker_lots / sold:.4f}", "buyVol": bought, "sellVol": rest, "timestamp": at}
        )
    return rows


def _basis(board: Board, call: Call) -> object:
    pair = asked.symbol(board, call, "pair")
    kind = asked.contract_type(call)
    _, times = _times(board, call, pair)
    return [
        {
            "indexPrice": f"{index:.8f}",
            "contractType": kind,
            "basisRate": f"{mark / index - 1.0:.4f}",
            "futuresPrice": f"{mark:.8f}",
            "annualizedBasisRate": "",
            "basis": f"{mark - index:.8f}",
            "pair": pair,
            "timestamp": at,
        }
        for at, (mark, index) in zip(times, board.market.marks_of(pair, times), strict=True)
    ]


def _delivery_price(board: Board, call: Call) -> object:
    """There are perpetual contracts only: nothing was ever delivered."""
    asked.symbol(board, call, "pair")
    return []
