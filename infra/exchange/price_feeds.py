"""Streams of prices over time: marks, tickers, liquidations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.exchange.board import Board
from infra.exchange.feed import Feed, FeedRoom, Liquidation
from infra.exchange.stream_names import Kind, Stream
from infra.exchange.tape import Last
from infra.exchange.walk import Walk


class MarkPrice(Feed):
    """One contract's mark price."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._board, self._symbol = room.board, stream.symbol

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push it."""
        return (mark_price(self._board, self._symbol, now_ms).encode(),)


class AllMarkPrices(Feed):
    """Every contract's mark price, in one array."""

    def __init__(self, room: FeedRoom) -> None:
        self._board = room.board

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push them."""
        return (f"[{','.join([mark_price(self._board, one, now_ms) for one in self._board.listed()])}]".encode(),)


def mark_price(board: Board, symbol: str, now_ms: int) -> str:
    """Write a markPriceUpdate."""
    row, marks = board.row[symbol], board.market.marks(now_ms)
    mark, index = f"{marks.mark[row]:.8f}", f"{marks.indices[row]:.8f}"
    return (
        f'{{"e":"markPriceUpdate","E":{now_ms},"s":"{symbol}","p":"{mark}","ap":"{mark}","P":"{index}","i":"{index}",'
        f'"r":"{marks.funding_rate[row]:.8f}","T":{marks.next_funding_ms[row]},"st":1}}'
    )


class Ticker(Feed):
    """One contract's rolling day, if there was a trade since."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._room, self._symbol = room, stream.symbol
        self._mini = stream.kind is Kind.MINI_TICKER
        self._shown: Last | None = None

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push it if it changed."""
        last = self._room.tape.last(self._symbol, now_ms)
        if last == self._shown:
            return ()
        self._shown = last
        return (ticker(self._room, self._symbol, now_ms, mini=self._mini).encode(),)


class AllTickers(Feed):
    """The rolling days of the contracts that traded since, in one array."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._room = room
        self._mini = stream.kind is Kind.MINI_TICKER
        self._shown: dict[str, Last] = {}

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push those that changed; no array if none did."""
        found: list[str] = []
        for symbol in self._room.board.listed():
            last = self._room.tape.last(symbol, now_ms)
            if self._shown.get(symbol) != last:
                self._shown[symbol] = last
                found.append(ticker(self._room, symbol, now_ms, mini=self._mini))
        return (f"[{','.join(found)}]".encode(),) if found else ()


def ticker(room: FeedRoom, symbol: str, now_ms: int, *, mini: bool) -> str:
    """Write a 24hrMiniTicker or a 24hrTicker."""
    board, day = room.board, room.day.of(symbol)
    row = board.row[symbol]
    price = board.price
    prices = f'"o":"{price(row, day.open)}","h":"{price(row, day.high)}","l":"{price(row, day.low)}"'
    volumes = f'"v":"{board.quantity(row, day.lots)}","q":"{day.quote / 100.0:.2f}"'
    close = f'"c":"{price(row, day.close)}"'
    if mini:
        return f'{{"e":"24hrMiniTicker","E":{now_ms},"s":"{symbol}",{close},{prices},{volumes},"ps":"{symbol}","st":1}}'
    last = board.quantity(row, room.tape.last(symbol, now_ms).lots)
    return (
        f'{{"e":"24hrTicker","E":{now_ms},"s":"{symbol}","p":"{price(row, day.close - day.open)}",'
        f'"P":"{(day.close / day.open - 1.0) * 100.0:.3f}","w":"{room.day.average(row, day)}",{close},"Q":"{last}",'
        f'{prices},{volumes},"O":{day.open_ms},"C":{now_ms},"F":{room.day.first_id(symbol, day)},'
        f'"L":{room.day.last_id(symbol)},"n":{day.trades},"ps":"{symbol}","st":1}}'
    )


class ForceOrders(Feed):
    """The largest liquidation of a contract in the second since the last push."""

    must = True

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._room, self._symbol = room, stream.symbol
        self._seen = room.liquidated
        self._seen_ms = room.board.now_ms

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push what was liquidated since."""
        room, largest = self._room, dict[str, Liquidation]()
        for found in list(room.liquidations)[-(room.liquidated - self._seen) :] if room.liquidated > self._seen else ():
            before = largest.get(found.symbol)
            if self._symbol in {"", found.symbol} and (before is None or found.notional > before.notional):
                largest[found.symbol] = found
        self._seen = room.liquidated
        for found in self._anonymous(now_ms):
            largest.setdefault(found.symbol, found)
        return [found.payload for found in largest.values()]

    def _anonymous(self, now_ms: int) -> Iterator[Liquidation]:
        """Give the liquidations among the anonymous trades since the last push: those that the market was made with."""
        market, after_ms = self._room.board.market, self._seen_ms
        self._seen_ms = now_ms
        for symbol in (self._symbol,) if self._symbol else self._room.board.listed():
            for walk, first, end in market.walked(symbol, after_ms, now_ms):
                place = liquidated(walk)
                if first <= place < end:
                    yield Liquidation(symbol, 0.0, force_order(self._room.board, symbol, walk, place))


def liquidated(walk: Walk) -> int:
    """Say which print of a minute closes a position by force, drawn by its ids; -1 where nothing was traded.

    One a minute, so that who waits for those of one contract need not wait long.
    """
    return (walk.first_id * 0x9E3779B97F4A7C15 % 2**64 >> 20) % walk.count if walk.count else -1


def force_order(board: Board, symbol: str, walk: Walk, place: int) -> bytes:
    """Write the forceOrder of an anonymous trade: who was forced is its taker."""
    row, at_ms, side = board.row[symbol], int(walk.times[place]), "BUY" if walk.buys[place] else "SELL"
    price, quantity = board.price(row, int(walk.prices[place])), board.quantity(row, int(walk.lots[place]))
    return (
        f'{{"e":"forceOrder","E":{at_ms},"o":{{"s":"{symbol}","S":"{side}","o":"LIMIT","f":"IOC","q":"{quantity}",'
        f'"p":"{price}","ap":"{price}","X":"FILLED","l":"{quantity}","z":"{quantity}","T":{at_ms}}},"ps":"{symbol}","st":1}}'
    ).encode()
