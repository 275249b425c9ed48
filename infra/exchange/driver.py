"""Lets the market move: one loop, in steps of 50 ms of wall time, for prices, clients' orders, funding and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from infra.exchange.board import Board
from infra.exchange.hub import STEP_MS, Hub
from infra.exchange.market_clock import MarketClock

LEAP_SLICE_MS, LEAP_SLICES_MAX = 15_000, 240
LATE_STEPS_MAX = 200
"""A loop that was held up for longer than 10 s doesn't catch up step by step; candles are closed all the same."""


class Driver:
    """The heartbeat. `moved` is called with market time at every step, before anything is pushed; `looked_after` about
    once a second of wall time.
    """

    def __init__(self, clock: MarketClock, board: Board, hub: Hub) -> None:
        self._clock = clock
        self._board = board
        self._hub = hub
        self.moved: list[Callable[[int], None]] = []
        self.looked_after: list[Callable[[int], None]] = []
        self.steps = 0
        self._looked_after_s = clock.wall_s()

    async def run(self) -> None:
        """Step for ever."""
        due_s = self._clock.wall_s()
        while True:
            self.step()
            due_s += STEP_MS / 1_000.0
            left_s = due_s - self._clock.wall_s()
            if left_s < -LATE_STEPS_MAX * STEP_MS / 1_000.0:
                due_s = self._clock.wall_s()
            await asyncio.sleep(max(0.0, left_s))

    async def leap(self, milliseconds: int) -> None:
        """Let market time leap forward, in slices between which clients take what was pushed.

        All at once would be minutes of trades in one step, more than a connection may have waiting: every client that
        listens to many contracts would be disconnected as too slow.
        """
        slices = min(LEAP_SLICES_MAX, max(1, -(-milliseconds // LEAP_SLICE_MS)))
        for place in range(slices):
            self._clock.advance(milliseconds * (place + 1) // slices - milliseconds * place // slices)
            self.step()
            await self._hub.taken()

    def step(self) -> None:
        """Move the market to now, and push what is due."""
        self.steps += 1
        now_ms = max(self._clock.now_ms(), self._board.now_ms)
        self._board.step(now_ms)
        for moved in self.moved:
            moved(now_ms)
        self._hub.push_due(self.steps, now_ms)
        self._hub.flush()
        now_s = self._clock.wall_s()
        if now_s - self._looked_after_s >= 1.0:
            self._looked_after_s = now_s
            for look in self.looked_after:
                look(now_ms)
            self._hub.look_after(now_s, self._clock.told_ms())
