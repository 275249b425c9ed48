"""Brings the snapshots that books of changes wait for.

    snapshots = Snapshots(board, fetch)
    await snapshots.look()                   every second or so

`fetch(symbol)` gives (last id, bids, asks) of `GET /fapi/v1/depth`, through REST's weight governor. A snapshot that is
older than the changes that wait is asked for again at the next look, and so is one that could not be had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from domain.book import Level
from domain.errors import HindsightError
from infra.binance.order_book import Outcome
from infra.binance.ticks import Board

Snapshot: TypeAlias = tuple[int, Sequence[Level], Sequence[Level]]


class Snapshots:
    """Keeps the books of a board live. `asked` counts requests, `failed` those of no use."""

    def __init__(self, board: Board, fetch: Callable[[str], Awaitable[Snapshot]], *, at_once: int = 4) -> None:
        self._board = board
        self._fetch = fetch
        self._at_once = asyncio.Semaphore(at_once)
        self._asking: set[str] = set()
        self.asked = 0
        self.failed = 0

    async def look(self) -> int:
        """Ask for every snapshot that is needed now, once a symbol at a time; give how many requests that took."""
        wanted = [symbol for symbol in self._board.needing_snapshot() if symbol not in self._asking]
        self._asking.update(wanted)
        try:
            await asyncio.gather(*(self._bring(symbol) for symbol in wanted))
        finally:
            self._asking.difference_update(wanted)
        return len(wanted)

    async def _bring(self, symbol: str) -> None:
        try:
            async with self._at_once:
                self.asked += 1
                last_id, bids, asks = await self._fetch(symbol)
        except HindsightError:
            self.failed += 1
            return
        row = self._board.row(symbol)
        if row is not None and row.book.load(last_id, bids, asks) is not Outcome.APPLIED:
            self.failed += 1
