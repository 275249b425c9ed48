"""Streams of books: best prices, the best levels, and the changes of whole books."""

from __future__ import annotations

from collections.abc import Sequence

from infra.exchange.anonymous_book import Top
from infra.exchange.board import Board, Sides
from infra.exchange.feed import Feed, FeedRoom
from infra.exchange.stream_names import Stream


class BookTicker(Feed):
    """The best bid and ask, whenever they change."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._board, self._symbol = room.board, stream.symbol
        self._shown: Top | None = None

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push if it changed."""
        top = self._board.top(self._symbol)
        if top == self._shown:
            return ()
        self._shown = top
        return (book_ticker(self._board, self._symbol, top, now_ms),)


class AllBookTickers(Feed):
    """`!bookTicker`: what changed of all contracts, every 5 seconds."""

    def __init__(self, room: FeedRoom) -> None:
        self._board = room.board
        self._shown: dict[str, Top] = {}

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push those that changed, each in a frame of its own."""
        found: list[bytes] = []
        for symbol in self._board.listed():
            top = self._board.top(symbol)
            if self._shown.get(symbol) != top:
                self._shown[symbol] = top
                found.append(book_ticker(self._board, symbol, top, now_ms))
        return found


def book_ticker(board: Board, symbol: str, top: Top, now_ms: int) -> bytes:
    """Write a bookTicker."""
    row = board.row[symbol]
    return (
        f'{{"e":"bookTicker","u":{board.update_id},"s":"{symbol}","b":"{board.price(row, top.bid)}",'
        f'"B":"{board.quantity(row, top.bid_lots)}","a":"{board.price(row, top.ask)}",'
        f'"A":"{board.quantity(row, top.ask_lots)}","T":{now_ms},"E":{now_ms},"ps":"{symbol}","st":1}}'
    ).encode()


class _Depth(Feed):
    """What both kinds of depth share: a book that was shown last, and its place in the sequence."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        self._board, self._symbol = room.board, stream.symbol
        self._row = room.board.row[stream.symbol]
        self._update_id = room.board.update_id

    def _written(self, now_ms: int, bids: str, asks: str) -> bytes:
        """Write a depthUpdate; `U` follows what this stream said last, `pu` is the `u` of then."""
        previous, self._update_id = self._update_id, self._board.update_id
        return (
            f'{{"e":"depthUpdate","E":{now_ms},"T":{now_ms},"s":"{self._symbol}","ps":"{self._symbol}",'
            f'"U":{previous + 1},"u":{self._update_id},"pu":{previous},"b":[{bids}],"a":[{asks}],"st":1}}'
        ).encode()

    def _levels(self, side: dict[int, int]) -> str:
        board, row = self._board, self._row
        return ",".join([f'["{board.price(row, t)}","{board.quantity(row, q)}"]' for t, q in side.items()])


class DiffDepth(_Depth):
    """The changes of the whole book; 0 removes a level. Every change is needed, so none may be left out.

    A level that came and went between two pushes is told of too if a snapshot showed it meanwhile: who loaded that
    snapshot would keep it for ever.
    """

    must = True

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        super().__init__(room, stream)
        self._shown, self._far = room.board.sides(stream.symbol), room.board.far(stream.symbol)
        self._touched: Sides = ({}, {})
        room.board.watch(stream.symbol, self._glimpse)

    def _glimpse(self, sides: Sides) -> None:
        """Note where a book that somebody sees differs from what was told last."""
        for touched, told, seen in zip(self._touched, self._shown, sides, strict=True):
            touched.update(changes(told, seen))
        far = self._board.far(self._symbol)
        if far[0] is not self._far[0] or far[1] is not self._far[1]:
            for touched, told, seen in zip(self._touched, self._far, far, strict=True):
                touched.update(changes(told, seen))

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push what changed, and what had changed meanwhile: the sizes of now, 0 for what is gone."""
        self._shown = sides = self._board.sides(self._symbol)  # which is a glimpse, if it is the first of this step
        self._far = far = self._board.far(self._symbol)
        touched, self._touched = self._touched, ({}, {})
        bids, asks = (
            {price: now.get(price, 0) + beyond.get(price, 0) for price in levels}
            for levels, now, beyond in zip(touched, sides, far, strict=True)
        )
        if not bids and not asks:
            return ()
        return (self._written(now_ms, self._levels(bids), self._levels(asks)),)

    def end(self) -> None:
        """Look no longer."""
        self._board.unwatch(self._symbol, self._glimpse)


class PartialDepth(_Depth):
    """The best 5, 10 or 20 levels, whenever they change."""

    def __init__(self, room: FeedRoom, stream: Stream) -> None:
        super().__init__(room, stream)
        self._count = stream.levels
        self._shown = ("", "")

    def frames(self, now_ms: int) -> Sequence[bytes]:
        """Push if they changed."""
        bids, asks = (self._levels(side) for side in self._board.best(self._symbol, self._count))
        if (bids, asks) == self._shown:
            return ()
        self._shown = (bids, asks)
        return (self._written(now_ms, bids, asks),)


def changes(old: dict[int, int], new: dict[int, int]) -> dict[int, int]:
    """Give the levels that differ: their new size, 0 for those that are gone."""
    found = {price: size for price, size in new.items() if old.get(price) != size}
    found.update((price, 0) for price in old if price not in new)
    return found
