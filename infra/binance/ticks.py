"""From frames to the inputs of the kernel: one `MarketTick` a second, one `CandleArrived` a closed candle.

A `Board` holds what is known of each symbol now. Only symbols that were named are looked at: the `!…@arr` streams speak
of all contracts. What becomes of it is said in two functions, `_quote` and `_candle`: a field that the domain adds is
added there and nowhere else. Pure and bounded: one row a symbol.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.base import Message
from domain.flow import MINUTE_MS
from domain.market import Candle, CandleArrived, MarketTick, Quote
from infra.binance.flow import Flow
from infra.binance.order_book import LocalBook
from infra.binance.routes import is_partial_depth
from infra.binance.wire.frames import AggTrade, Bar, BookTicker, DepthUpdate, ForceOrder, Kline, MarkPrice


class Row(msgspec.Struct):
    """What is known of one symbol now; None is unknown. Mutable, the board is its only writer.

    `liquidated` holds, by open time of the minute, the USDT of longs that were sold and of shorts that were bought.
    """

    symbol: str
    flow: Flow
    book: LocalBook
    mark: float | None = None
    index: float | None = None
    funding_rate: float | None = None
    next_funding_ms: int = 0
    bid: float | None = None
    ask: float | None = None
    open_interest: float | None = None
    liquidated: dict[int, tuple[float, float]] = msgspec.field(default_factory=dict[int, tuple[float, float]])


def _quote(row: Row) -> Quote | None:
    """Give what a tick says of a symbol, and count its trades anew; None until mark, bid and ask are known."""
    if row.mark is None or row.bid is None or row.ask is None:
        return None
    bought, sold = row.flow.taken() or (None, None)
    return Quote(row.symbol, row.mark, row.bid, row.ask, row.index, row.funding_rate, bought, sold)


def _candle(bar: Bar, row: Row, *, counts_liquidations: bool) -> Candle:
    """Give a closed bar with what stands beside it."""
    longs, shorts = row.liquidated.get(bar.open_time_ms, (0.0, 0.0))
    return Candle(
        bar.open_time_ms,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        bar.quote_volume,
        bar.trades,
        bar.taker_buy_volume,
        bar.taker_buy_quote_volume,
        mark=row.mark,
        index=row.index,
        funding_rate=row.funding_rate,
        bid=row.bid,
        ask=row.ask,
        open_interest=row.open_interest,
        depth=row.book.summary(),
        flow=row.flow.close(bar.close_time_ms + 1),
        liquidated_long=longs if counts_liquidations else None,
        liquidated_short=shorts if counts_liquidations else None,
    )


def bare_candle(kline: Kline) -> CandleArrived:
    """Give a kline's candle without context."""
    bar = kline.bar
    return CandleArrived(
        kline.symbol,
        Candle(
            bar.open_time_ms, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume, bar.trades,
            bar.taker_buy_volume, bar.taker_buy_quote_volume,
        ),
    )  # fmt: skip


class Board:
    """The newest of every symbol. `base_interval` is the interval whose closed klines become inputs.

    `counts_liquidations`: the feed carries `!forceOrder@arr`, so a minute without any had none.
    """

    def __init__(
        self, symbols: Iterable[str], now_ms: int, base_interval: str = "1m", *, counts_liquidations: bool = True
    ) -> None:
        self._base_interval = base_interval
        self._counts_liquidations = counts_liquidations
        self._rows: dict[str, Row] = {}
        self._changed: dict[str, None] = {}
        for symbol in symbols:
            self.add(symbol, now_ms)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are looked at."""
        return tuple(self._rows)

    def add(self, symbol: str, now_ms: int) -> None:
        """Look at a symbol from now on."""
        if symbol not in self._rows:
            self._rows[symbol] = Row(symbol, Flow(now_ms), LocalBook(symbol))

    def remove(self, symbol: str) -> None:
        """Look at it no more."""
        self._rows.pop(symbol, None)
        self._changed.pop(symbol, None)

    def row(self, symbol: str) -> Row | None:
        """Give what is known of a symbol."""
        return self._rows.get(symbol)

    def see(self, message: Message, stream: str = "") -> CandleArrived | None:
        """Take a frame. A closed candle of the base interval comes back as an input, at once."""
        # By type and not by pattern: a pattern asks a struct's class, which takes as long as the rest of this.
        if type(message) is BookTicker:
            self._see_best(message)
        elif type(message) is Kline:
            return self._see_kline(message)
        elif type(message) is AggTrade:
            row = self._rows.get(message.symbol)
            if row is not None:
                row.flow.add(message)
                self._changed[message.symbol] = None
        elif type(message) is MarkPrice:
            self._see_mark(message)
        elif type(message) is DepthUpdate:
            self._see_depth(message, stream)
        elif type(message) is ForceOrder:
            self._see_liquidation(message)
        return None

    def tick(self, time_ms: int) -> MarketTick | None:
        """Give the quotes that changed since the last call, in the order in which they changed; None if none did."""
        rows = [self._rows[symbol] for symbol in self._changed]
        self._changed.clear()
        quotes = tuple(quote for row in rows if (quote := _quote(row)) is not None)
        return MarketTick(time_ms, quotes) if quotes else None

    def open_interest(self, symbol: str, amount: float) -> None:
        """Note the open interest (base asset) that REST gave."""
        row = self._rows.get(symbol)
        if row is not None:
            row.open_interest = amount

    def interrupted(self, streams: Iterable[str], at_ms: int) -> None:
        """These streams were lost: trades were missed, and books of changes must begin again."""
        for stream in streams:
            name, _, kind = stream.partition("@")
            row = self._rows.get(name.upper())
            if row is None:
                continue
            if kind.startswith("aggTrade"):
                row.flow.interrupted(at_ms)
            elif kind.startswith("depth"):
                row.book.reset()

    def needing_snapshot(self) -> tuple[str, ...]:
        """Give the symbols whose book waits for a snapshot: changes came, but nothing that they could change."""
        return tuple(symbol for symbol, row in self._rows.items() if row.book.waiting and not row.book.live)

    def _see_best(self, best: BookTicker) -> None:
        """Take the best prices in. The exchange writes 0 for an empty side: that is no price, the last ones stay."""
        row = self._rows.get(best.symbol)
        if row is not None and best.bid and best.ask and (row.bid, row.ask) != (best.bid, best.ask):
            row.bid, row.ask = best.bid, best.ask
            self._changed[best.symbol] = None

    def _see_mark(self, mark: MarkPrice) -> None:
        """Take a mark price in; one of 0 would be the end of every long position, and is none."""
        row = self._rows.get(mark.symbol)
        if row is not None and mark.mark:
            row.mark, row.index, row.funding_rate = mark.mark, mark.index or None, mark.funding_rate
            row.next_funding_ms = mark.next_funding_ms
            self._changed[mark.symbol] = None

    def _see_kline(self, kline: Kline) -> CandleArrived | None:
        bar = kline.bar
        if not bar.closed or bar.interval != self._base_interval or (row := self._rows.get(kline.symbol)) is None:
            return None
        candle = _candle(bar, row, counts_liquidations=self._counts_liquidations)
        row.liquidated = {minute: seen for minute, seen in row.liquidated.items() if minute > bar.open_time_ms}
        return CandleArrived(kline.symbol, candle)

    def _see_depth(self, update: DepthUpdate, stream: str) -> None:
        row = self._rows.get(update.symbol)
        if row is None:
            return
        if is_partial_depth(stream):
            row.book.replace(update)
        else:
            row.book.apply(update)  # a gap shows in `needing_snapshot`

    def _see_liquidation(self, force: ForceOrder) -> None:
        order = force.order
        row = self._rows.get(order.symbol)
        if row is None:
            return
        minute = order.trade_time_ms // MINUTE_MS * MINUTE_MS
        notional = order.average_price * order.filled_quantity
        longs, shorts = row.liquidated.get(minute, (0.0, 0.0))
        row.liquidated[minute] = (longs + notional, shorts) if order.side == "SELL" else (longs, shorts + notional)
