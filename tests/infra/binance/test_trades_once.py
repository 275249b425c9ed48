"""Trades of the simulator over connections that live for a moment: none lost, none twice."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from infra.binance.feed_values import Delivery, Disconnected, FeedSettings
from infra.binance.routes import StreamHost, agg_trade
from infra.binance.streams import Feed
from infra.binance.wire.frames import AggTrade
from infra.exchange.faults import Faults
from tests.venue_worlds import SYMBOL, WireWorld

SYMBOLS = (SYMBOL, "ETHUSDT")
ROLL_OVERS = 12
LAG_S = 0.15
WAIT_S = 30.0


class LaggingWay:
    """A way to the exchange on which every second connection is slower: what it brings is late."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._made = 0
        self._jobs: set[asyncio.Task[None]] = set()

    async def open(self) -> tuple[asyncio.Server, str]:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._made += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        jobs = (self._forward(reader, back, 0.0), self._forward(there, writer, LAG_S * (self._made % 2)))
        self._jobs |= {asyncio.ensure_future(job) for job in jobs}

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, lag_s: float) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                loop.call_later(lag_s, target.write, data)
        loop.call_later(lag_s, target.close)


@pytest.fixture
def world() -> Iterator[WireWorld]:
    made = WireWorld(20.0)
    yield made
    made.close()


@pytest.mark.parametrize("faults", [Faults(), Faults(frames_doubled=0.2)])
def test_over_many_roll_overs_every_trade_comes_once(world: WireWorld, faults: Faults) -> None:
    world.misbehave(faults)
    ids: dict[str, Counter[int]] = defaultdict(Counter)
    lost: list[Disconnected] = []
    came = asyncio.Event()

    async def deliver(batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            if isinstance(delivery.message, AggTrade):
                ids[delivery.message.symbol][delivery.message.agg_trade_id or 0] += 1
            elif isinstance(delivery.message, Disconnected):
                lost.append(delivery.message)
        came.set()

    async def listen() -> Feed:
        way, address = await LaggingWay(int(world.server.announced.ws.rpartition(":")[2])).open()
        feed = Feed(StreamHost(address), deliver, FeedSettings(life_s=0.2, overlap_s=10.0))
        feed.subscribe(agg_trade(symbol) for symbol in SYMBOLS)
        running = asyncio.ensure_future(feed.run())
        async with asyncio.timeout(WAIT_S):
            while feed.report().statistics.roll_overs < ROLL_OVERS:
                came.clear()
                await came.wait()
        running.cancel()
        await asyncio.wait((running,))
        way.close()
        return feed

    feed = asyncio.run_coroutine_threadsafe(listen(), world.loop).result(WAIT_S + 5.0)
    assert not lost
    assert feed.report().statistics.duplicates > 0, "both connections brought trades"
    for symbol in SYMBOLS:
        seen = ids[symbol]
        assert set(seen.values()) == {1}
        assert sorted(seen) == list(range(min(seen), max(seen) + 1)), f"{symbol}: a trade is missing"
        assert len(seen) > 20
