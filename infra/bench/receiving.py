"""The two who receive what a `FrameHost` sends: the product's way into the kernel, and a bare loop. See `ingest.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from typing import Final

from websockets.asyncio.client import ClientConnection, connect

from actors.kernel import Kernel
from domain.base import Message
from domain.config import Config
from domain.flow import MINUTE_MS
from domain.operations import SessionStarted
from infra.bench.frame_host import FrameHost
from infra.bench.histories import START_MS, candles, symbol_names
from infra.bench.measure import undisturbed
from infra.bench.traffic import Traffic
from infra.binance.feed_values import Connected, Delivery, FeedReport, FeedSettings
from infra.binance.routes import StreamHost, by_route
from infra.binance.streams import Feed
from infra.binance.ticks import Board
from infra.binance.wire.frames import AggTrade, Frame, Kline
from infra.code_version import strategy_named
from infra.memory import MemoryJournal

_SETTINGS: Final = FeedSettings()
_STARTED: Final = SessionStarted(Config(), "bench", "", "none", "drawn")
_SECOND_MS: Final = 1_000


def addresses(traffic: Traffic, base: str) -> list[str]:
    """Give the URLs of the connections that a feed puts a traffic's streams on."""
    host, most = StreamHost(base), _SETTINGS.streams_per_connection
    return [
        host.combined(route, names[at : at + most])
        for route, names in by_route(traffic.streams()).items()
        for at in range(0, len(names), most)
    ]


async def bare(host: FrameHost, pace: float) -> float:
    """Receive everything and do nothing with it; give the seconds of processor time that this took."""
    left = host.frames

    async def drain(socket: ClientConnection) -> None:
        nonlocal left
        async for _ in socket:
            left -= 1
            if not left:
                done.set()

    done = asyncio.Event()
    async with AsyncExitStack() as sockets:
        opened = [
            await sockets.enter_async_context(connect(url, compression=None, close_timeout=0.1))
            for url in addresses(host.traffic, host.url)
        ]
        with undisturbed():
            before = time.process_time()
            host.send(pace)
            readers = [asyncio.create_task(drain(socket)) for socket in opened]
            await done.wait()
            spent = time.process_time() - before
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return spent


class Received:
    """What came out of the feed, and what the kernel made of it."""

    def __init__(self, kernel: Kernel, host: FrameHost) -> None:
        self._kernel = kernel
        self._board = Board(symbol_names(host.traffic.symbols), START_MS)
        self._connections = host.connections
        self._second = 0
        self.closed = 0
        self.trades = 0
        self.connected = asyncio.Event()
        self.feed = Feed(StreamHost(host.url), self._deliver)
        self.feed.subscribe(host.traffic.streams())

    @property
    def report(self) -> FeedReport:
        """The feed's own numbers."""
        return self.feed.report()

    async def all(self, frames: int) -> None:
        """Wait until so many frames came and went."""
        while self.report.statistics.messages < frames or self.report.waiting:
            await asyncio.sleep(0.002)

    async def _deliver(self, batch: Sequence[Delivery]) -> None:
        """Hand a batch to the board, and what becomes of it to the kernel. Time is that of the frames."""
        see, process = self._board.see, self._kernel.process
        for delivery in batch:
            message = delivery.message
            arrived = see(message, delivery.stream)
            if arrived is not None:
                process(arrived.candle.open_time_ms + MINUTE_MS, arrived)
            if isinstance(message, Kline):
                self.closed += message.bar.closed
            elif isinstance(message, AggTrade):
                self.trades += 1
            elif isinstance(message, Connected) and self.report.connected == self._connections:
                self.connected.set()
        self._tick(batch[-1].message)

    def _tick(self, newest: Message) -> None:
        """Give the kernel the quotes of every second."""
        if isinstance(newest, Frame) and newest.time_ms // _SECOND_MS != self._second:
            self._second = newest.time_ms // _SECOND_MS
            tick = self._board.tick(newest.time_ms)
            if tick is not None:
                self._kernel.process(newest.time_ms, tick)


async def received(host: FrameHost, pace: float) -> tuple[float, Received]:
    """Take everything into a kernel; give the seconds of processor time that this took, and what came."""
    with closing(Kernel(MemoryJournal(), strategy_named)) as kernel:
        kernel.process(START_MS, _STARTED)
        for arrived in candles(host.traffic.symbols, 1):
            kernel.process(START_MS + MINUTE_MS, arrived)  # actors and their windows are there before the day is
        ours = Received(kernel, host)
        running = asyncio.create_task(ours.feed.run())
        await ours.connected.wait()
        with undisturbed():
            before = time.process_time()
            host.send(pace)
            await ours.all(host.frames)
            spent = time.process_time() - before
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return spent, ours
