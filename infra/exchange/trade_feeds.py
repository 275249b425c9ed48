"""Streams of candles and of trades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.market import MINUTE_MS
from infra.exchange.bar import Bar, next_open, open_time
from infra.exchange.client_trades import Trade
from infra.exchange.feed import Feed, FeedRoom
from infra.exchange.stream_names import Kind, Stream


class KlineFeed(Feed):
    """A candle: its push at every change, and exactly one that closes it."""

    closes = True

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        board = room.board
        self._board, self._market, self._tape = board, board.market, room.tape
        self._symbol, self._interval = stream.symbol, stream.interval
        self._row = board.row[stream.symbol]
        self._continuous = stream.kind is Kind.CONTINUOUS_KLINE
        self._shown: tuple[int, int] = (0, 0)
        self._open_ms = open_time(stream.interval, board.now_ms)
        self.closes_ms = next_open(stream.interval, self._open_ms)
        minute = board.now_ms // MINUTE_MS
        self._minute = minute
        base = board.market.stretch(stream.symbol, self._open_ms, minute * MINUTE_MS)
        self._base = None if base is None else room.tape.traded(stream.symbol, base, minute * MINUTE_MS - 1)

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push if there was a trade since."""
        minute = now_ms // MINUTE_MS
        walk = self._market.walk(self._symbol, minute)
        count = walk.until(now_ms)
        bar = walk.partial(count) if count else self._market.flat(self._row, minute * MINUTE_MS, minute)
        bar = self._tape.traded(self._symbol, bar, now_ms)
        if (minute, bar.trades) == self._shown or bar.trades == 0:
            return ()
        self._shown = (minute, bar.trades)
        self._advance(minute, now_ms)
        return (self._written(now_ms, bar if self._base is None else self._base.then(bar), minute, closed=False),)

    def closing(self, now_ms: int) -> Iterable[bytes]:
        """Close every candle that ended by now: a fast market may end several in one step."""
        return self._advance(now_ms // MINUTE_MS, now_ms) if self.closes_ms <= now_ms else ()

    def _advance(self, minute: int, now_ms: int) -> list[bytes]:
        """Fold the minutes that closed since into candles, and give the pushes of those that end with one."""
        frames: list[bytes] = []
        for closed in self._market.closed_minutes(self._symbol, self._minute, minute):
            bar = self._tape.traded(self._symbol, closed, closed.open_ms + MINUTE_MS - 1)
            self._base = bar if self._base is None else self._base.then(bar)
            self._minute += 1
            if self._minute * MINUTE_MS == self.closes_ms:
                frames.append(self._written(now_ms, self._base, self._minute - 1, closed=True))
                self._open_ms, self._base = self.closes_ms, None
                self.closes_ms = next_open(self._interval, self._open_ms)
        return frames

    def _written(self, now_ms: int, bar: Bar, minute: int, *, closed: bool) -> bytes:
        board, row, open_ms = self._board, self._row, self._open_ms
        price, quantity = board.price, board.quantity
        first_id, last_id = self._ids(bar, minute, now_ms, closed=closed)
        if self._continuous:
            head = f'{{"e":"continuous_kline","E":{now_ms},"ps":"{self._symbol}","ct":"PERPETUAL","k":{{'
            name = ""
        else:
            head = f'{{"e":"kline","E":{now_ms},"s":"{self._symbol}","k":{{'
            name = f'"s":"{self._symbol}",'
        return (
            f'{head}"t":{open_ms},"T":{self.closes_ms - 1},{name}"i":"{self._interval}",'
            f'"f":{first_id},"L":{last_id},'
            f'"o":"{price(row, bar.open)}","c":"{price(row, bar.close)}","h":"{price(row, bar.high)}",'
            f'"l":"{price(row, bar.low)}","v":"{quantity(row, bar.lots)}","n":{bar.trades},'
            f'"x":{"true" if closed else "false"},"q":"{bar.quote / 100.0:.5f}","V":"{quantity(row, bar.taker_lots)}",'
            f'"Q":"{bar.taker_quote / 100.0:.5f}","B":"0"}}}}'
        ).encode()

    def _ids(self, bar: Bar, minute: int, now_ms: int, *, closed: bool) -> tuple[int, int]:
        """Give the first and the last trade id of a candle; -1 where nothing was traded."""
        if not bar.trades:
            return -1, -1
        tape, symbol = self._tape, self._symbol
        after = tape.first_ids(symbol, minute + 1) if closed else tape.next_ids(symbol, now_ms)
        return tape.first_ids(symbol, self._open_ms // MINUTE_MS).trade, after.trade - 1


class TradeFeed(Feed):
    """Trades, one by one or as aggTrade tells them.

    That joins what one price and taker side have within 100 ms: anonymous prints are further apart than that.
    """

    must = True

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._board, self._tape = room.board, room.tape
        self._symbol = stream.symbol
        self._row = room.board.row[stream.symbol]
        self._aggregated = stream.kind is Kind.AGG_TRADE
        self._seen_ms = room.board.now_ms

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push the trades since the last push."""
        trades = self._tape.since(self._symbol, self._seen_ms, now_ms)
        self._seen_ms = now_ms
        if self._aggregated:
            return [self._aggregate(now_ms, trade) for trade in trades]
        return [self._single(now_ms, trade) for trade in trades]

    def _single(self, now_ms: int, trade: Trade) -> bytes:
        board, row = self._board, self._row
        return (
            f'{{"e":"trade","E":{now_ms},"T":{trade.time_ms},"s":"{self._symbol}","t":{trade.id},'
            f'"p":"{board.price(row, trade.ticks)}","q":"{board.quantity(row, trade.lots)}","X":"MARKET",'
            f'"m":{"false" if trade.bought else "true"}}}'
        ).encode()

    def _aggregate(self, now_ms: int, trade: Trade) -> bytes:
        board, row = self._board, self._row
        quantity = board.quantity(row, trade.lots)
        return (
            f'{{"e":"aggTrade","E":{now_ms},"a":{trade.print_id},"s":"{self._symbol}",'
            f'"p":"{board.price(row, trade.ticks)}","q":"{quantity}","nq":"{quantity}",'
            f'"f":{trade.id},"l":{trade.last_id},"T":{trade.time_ms},'
            f'"m":{"false" if trade.bought else "true"},"st":1}}'
        ).encode()
