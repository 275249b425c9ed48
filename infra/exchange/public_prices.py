"""The public endpoints about prices, books and trades."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.exchange import asked
from infra.exchange.board import Board
from infra.exchange.client_trades import Trade
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.rolling import RollingDay
from infra.exchange.tape import Tape

DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)
_DEPTH_DEFAULT = 500
_HOUR_MS = 3_600_000
AGG_TRADES_KEPT_MS = 48 * _HOUR_MS
_DEPTH_WEIGHT = asked.by_limit(_DEPTH_DEFAULT, (50, 2), (100, 5), (500, 10), (1_000, 20))
_FUNDING_MOST = 1_000


def routes(board: Board, day: RollingDay, tape: Tape) -> list[Route]:
    """Give the endpoints."""

    def get(
        path: str,
        handler: Callable[[Call], object],
        weight: Callable[[Mapping[str, str]], int],
        security: Security = Security.NONE,
    ) -> Route:
        return Route("GET", path, security, weight, handler)

    return [
        get("/fapi/v1/depth", lambda call: depth(board, call), _DEPTH_WEIGHT),
        get("/fapi/v1/rpiDepth", lambda call: depth(board, call), asked.fixed(20)),
        get("/fapi/v1/trades", lambda call: _trades(board, tape, call), asked.fixed(5)),
        get("/fapi/v1/historicalTrades", lambda c: _trades(board, tape, c), asked.fixed(20), Security.KEY),
        get("/fapi/v1/aggTrades", lambda call: _agg_trades(board, tape, call), asked.fixed(20)),
        get("/fapi/v1/ticker/24hr", lambda call: _one_or_all(board, call, day.rest), asked.by_symbol(1, 40)),
        get("/fapi/v1/ticker/price", lambda call: _price(board, tape, call), asked.by_symbol(1, 2)),
        get("/fapi/v2/ticker/price", lambda call: _price(board, tape, call), asked.by_symbol(1, 2)),
        get("/fapi/v1/ticker/bookTicker", lambda call: _book_ticker(board, call), asked.by_symbol(2, 5)),
        get("/fapi/v1/premiumIndex", lambda call: _premium_index(board, call), asked.by_symbol(1, 10)),
        get("/fapi/v1/fundingRate", lambda call: _funding_rate(board, call), asked.fixed(0)),
        get("/fapi/v1/fundingInfo", lambda _call: _funding_info(board), asked.fixed(0)),
        get("/fapi/v1/openInterest", lambda call: _open_interest(board, call), asked.fixed(1)),
    ]


def depth(board: Board, call: Call) -> object:
    """Answer GET depth: the book as of the last step, in one sequence with the streams."""
    symbol = asked.symbol(board, call)
    limit = asked.number(call, "limit")
    if limit is not None and limit not in DEPTH_LIMITS:
        raise ApiError(-4021, f"'{limit}' is not valid depth limit.")
    limit = limit or _DEPTH_DEFAULT
    row, (bids, asks) = board.row[symbol], board.best(symbol, limit)
    return {
        "lastUpdateId": board.update_id,
        "E": board.now_ms,
        "T": board.now_ms,
        "bids": board.levels(row, bids, limit),
        "asks": board.levels(row, asks, limit),
    }


def _trades(board: Board, tape: Tape, call: Call) -> object:
    symbol = asked.symbol(board, call)
    count = asked.limit(call, 500, 1_000)
    from_id = asked.number(call, "fromId")
    found = (
        tape.latest(symbol, count, board.now_ms)
        if from_id is None
        else tape.from_id(symbol, from_id, count, board.now_ms)
    )
    row = board.row[symbol]
    return [
        {
            "id": trade.id,
            "price": board.price(row, trade.ticks),
            "qty": board.quantity(row, trade.lots),
            "quoteQty": f"{tape.turnover(row, trade):.2f}",
            "time": trade.time_ms,
            "isBuyerMaker": not trade.bought,
            "isRPITrade": False,
        }
        for trade in found
    ]


def _agg_trades(board: Board, tape: Tape, call: Call) -> object:
    symbol = asked.symbol(board, call)
    count = asked.limit(call, 500, 1_000)
    start, end = asked.times(call)
    from_id = asked.number(call, "fromId")
    oldest = start if start is not None else end
    if oldest is not None and oldest < board.now_ms - AGG_TRADES_KEPT_MS:
        raise ApiError(-4166, "Search window is restricted to recent 2 days only.")
    if start is not None and end is not None and end - start > _HOUR_MS:
        raise ApiError(-1127, "More than 1 hours between startTime and endTime.")
    row = board.row[symbol]
    return [_agg_trade(board, row, trade) for trade in _wanted(board, tape, symbol, count, from_id, start, end)]


def _wanted(
    board: Board, tape: Tape, symbol: str, count: int, from_id: int | None, start: int | None, end: int | None
) -> list[Trade]:
    if from_id is not None:
        return tape.from_id(symbol, from_id, count, board.now_ms, prints=True)
    if start is None:
        return tape.latest(symbol, count, board.now_ms if end is None else min(end, board.now_ms))
    until = min(board.now_ms, start + _HOUR_MS if end is None else end)
    return tape.between(symbol, start, until, count)


def _agg_trade(board: Board, row: int, trade: Trade) -> dict[str, object]:
    quantity = board.quantity(row, trade.lots)
    return {
        "a": trade.print_id,
        "p": board.price(row, trade.ticks),
        "q": quantity,
        "nq": quantity,
        "f": trade.id,
        "l": trade.last_id,
        "T": trade.time_ms,
        "m": not trade.bought,
    }


def _one_or_all(board: Board, call: Call, of: Callable[[str], object]) -> object:
    symbol = asked.optional_symbol(board, call)
    if symbol:
        return of(symbol)
    return [of(one) for one in board.market.symbols if board.market.listings[board.row[one]].onboard_ms <= board.now_ms]


def _price(board: Board, tape: Tape, call: Call) -> object:
    def of(symbol: str) -> dict[str, object]:
        time_ms, ticks, _ = tape.last(symbol, board.now_ms)
        return {"symbol": symbol, "price": board.price(board.row[symbol], ticks), "time": time_ms}

    return _one_or_all(board, call, of)


def _book_ticker(board: Board, call: Call) -> object:
    def of(symbol: str) -> dict[str, object]:
        row, top = board.row[symbol], board.top(symbol)
        return {
            "symbol": symbol,
            "bidPrice": board.price(row, top.bid),
            "bidQty": board.quantity(row, top.bid_lots),
            "askPrice": board.price(row, top.ask),
            "askQty": board.quantity(row, top.ask_lots),
            "time": board.now_ms,
            "lastUpdateId": board.update_id,
        }

    return _one_or_all(board, call, of)


def _premium_index(board: Board, call: Call) -> object:
    marks = board.market.marks(board.now_ms)

    def of(symbol: str) -> dict[str, object]:
        row = board.row[symbol]
        return {
            "symbol": symbol,
            "markPrice": f"{marks.mark[row]:.8f}",
            "indexPrice": f"{marks.indices[row]:.8f}",
            "estimatedSettlePrice": f"{marks.indices[row]:.8f}",
            "lastFundingRate": f"{marks.funding_rate[row]:.8f}",
            "interestRate": "0.00010000",
            "nextFundingTime": marks.next_funding_ms[row],
            "time": board.now_ms,
        }

    return _one_or_all(board, call, of)


def _funding_rate(board: Board, call: Call) -> object:
    symbol = asked.optional_symbol(board, call)
    count = asked.limit(call, 100, _FUNDING_MOST)
    start, end = asked.times(call)
    until = board.now_ms if end is None else min(end, board.now_ms)
    symbols = [symbol] if symbol else list(board.market.symbols)
    due = [(at, one) for one in symbols for at in _funding_times(board, one, count, start, until)]
    due.sort(key=lambda row: row[0])
    chosen = due[:count] if start is not None else due[-count:]
    times: dict[str, list[int]] = {}
    for at, one in chosen:
        times.setdefault(one, []).append(at)
    paid = {(at, one): (rate, mark) for one in times for at, rate, mark in board.market.fundings(one, times[one])}
    return [
        {
            "symbol": one,
            "fundingTime": at,
            "fundingRate": f"{rate:.8f}",
            "markPrice": f"{mark:.8f}",
            "rateType": "Regular",
        }
        for at, one in chosen
        for rate, mark in (paid[at, one],)
    ]


def _funding_times(board: Board, symbol: str, count: int, start: int | None, until: int) -> range:
    """Give the funding times of a contract that are asked for: what was paid is worked out for the chosen ones only."""
    listing = board.market.listings[board.row[symbol]]
    step = listing.funding_interval_hours * _HOUR_MS
    last = until // step * step
    first = last - (count - 1) * step if start is None else -(-start // step) * step
    first = max(first, -(-board.market.fundings_since(symbol) // step) * step)
    return range(first, min(last, first + (count - 1) * step) + 1, step)


def _funding_info(board: Board) -> object:
    return [
        {
            "symbol": one.symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": one.funding_interval_hours,
            "disclaimer": False,
            "updateTime": one.onboard_ms,
        }
        for one in board.market.listings
        if one.onboard_ms <= board.now_ms
    ]


def _open_interest(board: Board, call: Call) -> object:
    symbol = asked.symbol(board, call)
    amount = board.market.open_interest(symbol, board.now_ms)
    return {"openInterest": f"{amount:f}", "symbol": symbol, "time": board.now_ms}
