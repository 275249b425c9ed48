"""Trades of the simulator over connections that live for a moment: none lost, none twice."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import pytest

from infra.binance.feed_values import Delivery, Disconnected, FeedSettings
from infra.binance.routes import agg_trade
from infra.binance.streams import Feed
from infra.binance.wire.frames import AggTrade
from infra.exchange.faults import Faults
from tests.venue_worlds import SYMBOL, WireWorld

SYMBOLS = (SYMBOL, "ETHUSDT")
ROLL_OVERS = 12
WAIT_S = 30.0


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
        feed = Feed(world.host, deliver, FeedSettings(life_s=0.2, overlap_s=10.0))
        feed.subscribe(agg_trade(symbol) for symbol in SYMBOLS)
        running = asyncio.ensure_future(feed.run())
        async with asyncio.timeout(WAIT_S):
            while feed.report().statistics.roll_overs < ROLL_OVERS:
                came.clear()
                await came.wait()
        running.cancel()
        await asyncio.wait((running,))
        return feed

    feed = asyncio.run_coroutine_threadsafe(listen(), world.loop).result(WAIT_S + 5.0)
    assert not lost
    assert feed.report().statistics.duplicates > 0, "both connections brought trades"
    for symbol in SYMBOLS:
        seen = ids[symbol]
        assert set(seen.values()) == {1}
        assert sorted(seen) == list(range(min(seen), max(seen) + 1)), f"{symbol}: a trade is missing"
        assert len(seen) > 20
