"""What a feed does at its limits: 20,000 quotes a second among what must not drop, and an end that takes no time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from websockets.asyncio.server import ServerConnection, serve

from infra.bench.frame_host import FrameHost
from infra.bench.receiving import addresses, received
from infra.bench.traffic import Traffic
from infra.binance.feed_values import Delivery
from infra.binance.routes import StreamHost
from infra.binance.streams import Feed
from tests.infra.binance.stream_server import run, until

SHUTDOWN_S = 5.0


@pytest.mark.slow
def test_a_burst_of_quotes_costs_no_closed_candle_and_no_trade() -> None:
    traffic = Traffic(140, 1, 20_000)
    with FrameHost() as host:
        host.prepare(traffic, len(addresses(traffic, host.url)))
        _, came = asyncio.run(received(host, 0.0))
    assert {"closed candles": came.closed, "trades": came.trades} == traffic.undroppable()
    assert came.report.statistics.messages == host.frames > 20_000
    assert came.report.conflated > 10_000
    assert came.report.longest_queue <= 10_000
    assert came.report.statistics.broken_frames == 0


def test_a_feed_of_560_streams_ends_within_five_seconds_though_nobody_says_goodbye() -> None:
    async def take(batch: Sequence[Delivery]) -> None:
        del batch

    async def deaf(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    async def test() -> None:
        async with serve(deaf, "127.0.0.1", 0, close_timeout=0.1) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            feed = Feed(StreamHost(f"ws://127.0.0.1:{port}"), take)
            feed.subscribe(Traffic(140, 1, None).streams())
            running = asyncio.create_task(feed.run())
            await until(lambda: feed.report().connected == 3)
            began = time.monotonic()
            running.cancel()
            await asyncio.wait({running})
            assert time.monotonic() - began < SHUTDOWN_S
            assert feed.report().connected == 0
            over.set()

    over = asyncio.Event()
    run(test)
