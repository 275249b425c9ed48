"""Books of changes get the snapshots that they wait for."""

from __future__ import annotations

import asyncio

from domain.errors import Unavailable
from infra.binance.order_book import BookTop
from infra.binance.snapshots import Snapshot, Snapshots
from infra.binance.ticks import Board
from infra.binance.wire.frames import DepthUpdate


class Exchange:
    """Gives snapshots of A with rising ids; what is in `failures` first."""

    def __init__(self, first_id: int) -> None:
        self.next_id = first_id
        self.failures: list[Exception] = []
        self.board = Board(["A", "B"], 0)
        self.snapshots = Snapshots(self.board, self.fetch)
        for number in (100, 101, 102):
            self.board.see(DepthUpdate(0, "A", number, number, ((9.0, float(number)),), (), number - 1), "a@depth")

    async def fetch(self, symbol: str) -> Snapshot:
        assert symbol == "A"
        if self.failures:
            raise self.failures.pop(0)
        self.next_id += 10
        return self.next_id - 10, ((8.0, 1.0),), ((10.0, 1.0),)

    def best(self) -> BookTop | None:
        row = self.board.row("A")
        return row.book.best() if row is not None else None


def test_a_snapshot_makes_the_book_live_and_is_asked_for_once() -> None:
    async def test() -> None:
        exchange = Exchange(100)
        assert await asyncio.gather(exchange.snapshots.look(), exchange.snapshots.look()) == [1, 0]
        assert exchange.best() == BookTop(9.0, 102.0, 10.0, 1.0)
        assert await exchange.snapshots.look() == 0
        assert (exchange.snapshots.asked, exchange.snapshots.failed) == (1, 0)

    asyncio.run(test())


def test_one_that_fails_or_is_too_old_is_asked_for_again() -> None:
    async def test() -> None:
        exchange = Exchange(91)
        exchange.failures = [Unavailable("Binance")]
        for expected in (None, None, BookTop(9.0, 102.0, 10.0, 1.0)):
            assert await exchange.snapshots.look() == 1
            assert exchange.best() == expected
        assert exchange.snapshots.failed == 2

    asyncio.run(test())
