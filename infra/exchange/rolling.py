"""The 24 hours up to now, of every contract: what the tickers say."""

from __future__ import annotations

from functools import lru_cache
from itertools import cycle

from domain.market import MINUTE_MS
from infra.exchange.bar import Bar
from infra.exchange.board import Board
from infra.exchange.tape import Tape

_KEPT = 1_024


class RollingDay:
    """Rolling days as of the board's last step: 1,439 closed minutes, read once a minute, and the running one."""

    def __init__(self, board: Board, tape: Tape) -> None:
        self._board = board
        self._tape = tape
        self._ahead = cycle(board.market.symbols)
        self._closed = lru_cache(_KEPT)(board.market.day_until)

    def of(self, symbol: str) -> Bar:
        """Give the day as one candle."""
        board = self._board
        closed = self._closed(symbol, board.now_ms // MINUTE_MS)
        running = board.market.running(symbol, board.now_ms)
        day = running if closed is None else closed.then(running)
        return self._tape.traded(symbol, day, board.now_ms)

    def read_ahead(self, _now_ms: int) -> None:
        """Read the day of the next two contracts: all at once, when somebody asks, would hold the market up."""
        for symbol in (next(self._ahead), next(self._ahead)):
            self._closed(symbol, self._board.now_ms // MINUTE_MS)

    def rest(self, symbol: str) -> dict[str, object]:
        """Give the body of GET ticker/24hr."""
        board, day = self._board, self.of(symbol)
        row = board.row[symbol]
        price = board.price
        return {
            "symbol": symbol,
            "priceChange": price(row, day.close - day.open),
            "priceChangePercent": f"{(day.close / day.open - 1.0) * 100.0:.3f}",
            "weightedAvgPrice": self.average(row, day),
            "lastPrice": price(row, day.close),
            "lastQty": board.quantity(row, self._tape.last(symbol, board.now_ms).lots),
            "openPrice": price(row, day.open),
            "highPrice": price(row, day.high),
            "lowPrice": price(row, day.low),
            "volume": board.quantity(row, day.lots),
            "quoteVolume": f"{day.quote / 100.0:.2f}",
            "openTime": day.open_ms,
            "closeTime": board.now_ms,
            "firstId": self.first_id(symbol, day),
            "lastId": self.last_id(symbol),
            "count": day.trades,
        }

    def average(self, row: int, day: Bar) -> str:
        """Write the volume-weighted average price."""
        if not day.lots:
            return self._board.price(row, day.close)
        digits = self._board.market.contracts[row].digits
        return f"{day.quote / 100.0 / float(self._board.quantity(row, day.lots)):.{digits}f}"

    def first_id(self, symbol: str, day: Bar) -> int:
        """Give the first trade id of a day."""
        return self._tape.first_ids(symbol, day.open_ms // MINUTE_MS).trade

    def last_id(self, symbol: str) -> int:
        """Give the newest trade id."""
        return self._tape.next_ids(symbol, self._board.now_ms).trade - 1
