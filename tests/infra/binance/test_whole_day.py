"""A simulated day of all streams, over real sockets: nothing lost, nothing twice, nothing that grows."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence

import pytest

from domain.market import Candle
from infra.bench.traffic import Traffic
from infra.binance.back_fill import BackFill
from infra.binance.candle_order import CandleOrder
from infra.binance.feed_values import Connected, Delivery, Disconnected, FeedSettings
from infra.binance.routes import StreamHost
from infra.binance.streams import Feed
from infra.binance.ticks import Board
from infra.binance.wire.frames import AggTrade, Kline
from tests.infra.binance.stream_server import running, until
from tests.infra.binance.whole_day import (
    BEGIN_MS,
    DAY_STEPS,
    MINUTE_MS,
    DayHost,
    Others,
    best_frame,
    candle,
    day_host,
    marks_frame,
    trade_frame,
)

PATIENCE_S = 120.0
SYMBOLS = 140
DAY_MS = 24 * 60 * MINUTE_MS


class Witness:
    """Checks closed candles and trades as they come: each stream's next one, or it is a fault."""

    def __init__(self) -> None:
        self.candles: dict[str, int] = {}
        self.trades: dict[str, int] = {}
        self.faults: list[str] = []
        self.news: list[Connected | Disconnected] = []
        self.board: Board | None = None

    async def take(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            message, stream = delivery.message, delivery.stream
            if self.board is not None:
                self.board.see(message, stream)
            if isinstance(message, Kline) and message.bar.closed:
                self._expect(self.candles, stream, message.bar.open_time_ms, message.bar.close_time_ms + 1)
            elif isinstance(message, AggTrade):
                number = message.agg_trade_id or 0
                self._expect(self.trades, stream, number, number + 1)
            elif isinstance(message, Connected | Disconnected):
                self.news.append(message)

    def _expect(self, next_of: dict[str, int], stream: str, found: int, following: int) -> None:
        if next_of.get(stream, found) != found and len(self.faults) < 10:
            self.faults.append(f"{stream}: expected {next_of[stream]}, found {found}")
        next_of[stream] = following


def day(test: Callable[[DayHost], Awaitable[None]], others: Others | None = None) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S), day_host(others) as host:
            await test(host)

    asyncio.run(bounded())


def feed_of(host: DayHost, witness: Witness, streams: Sequence[str], life_s: float) -> Feed:
    dice = iter(number % 10 / 10 for number in range(1_000))
    settings = FeedSettings(life_s=life_s)
    feed = Feed(StreamHost(host.base), host.deliver_to(witness.take), settings, host.timing, lambda: next(dice))
    feed.subscribe(streams)
    return feed


@pytest.mark.slow
@pytest.mark.parametrize(("life_s", "roll_overs"), [(85_500.0, 3), (20_000.0, 12)])
def test_560_kline_streams_are_held_for_a_day_on_three_connections(life_s: float, roll_overs: int) -> None:
    async def test(host: DayHost) -> None:
        witness, streams = Witness(), Traffic(SYMBOLS, 1, None).streams()
        feed = feed_of(host, witness, streams, life_s)
        async with running(feed.run()):
            await until(lambda: feed.report().live_streams == 560)
            assert feed.report().connections == 3
            for _ in range(DAY_STEPS):
                await host.pass_(life_s)
                await host.step()
            report = feed.report()
            assert not witness.faults
            assert witness.candles == dict.fromkeys(streams, BEGIN_MS + DAY_MS)
            assert (report.connections, report.live_streams, report.waiting) == (3, 560, 0)
            assert (report.statistics.roll_overs, report.statistics.reconnects, host.cut) == (roll_overs, 0, 0)
            assert [news.again for news in witness.news if isinstance(news, Connected)] == [False] * 3

    day(test)


def product(streams: Sequence[str], symbols: Sequence[str]) -> Others:
    """Give what the product's streams say besides candles: trades every minute, quotes now and then, some marks."""
    trades = [stream for stream in streams if stream.endswith("@aggTrade")]
    books = [stream for stream in streams if stream.endswith("@bookTicker")]

    def others(step: int, now_ms: int) -> dict[str, bytes]:
        pushed = {"!markPrice@arr@1s": marks_frame("!markPrice@arr@1s", symbols[:5], now_ms)}
        pushed |= {books[at]: best_frame(books[at], step, symbols[at]) for at in range(step % 10, len(books), 10)}
        if step % 2 == 0:
            pushed |= {stream: trade_frame(stream, step // 2, now_ms) for stream in trades}
        return pushed

    return others


@pytest.mark.slow
def test_the_products_own_streams_are_held_for_a_day_and_nothing_grows() -> None:
    traffic, life_s = Traffic(SYMBOLS, 1, 0), 20_000.0
    symbols = [stream.partition("@")[0].upper() for stream in traffic.streams() if stream.endswith("@bookTicker")]
    used: list[tuple[int, int]] = []

    async def test(host: DayHost) -> None:
        witness = Witness()
        witness.board = Board(symbols[:10], BEGIN_MS)  # summing the trades of all up would take longer than the rest
        feed = feed_of(host, witness, traffic.streams(), life_s)
        async with running(feed.run()):
            await until(lambda: feed.report().connected == 3)
            for step in range(DAY_STEPS):
                await host.pass_(life_s)
                await host.step()
                if step in {DAY_STEPS // 12 - 50, DAY_STEPS - 50}:
                    gc.collect()
                    used.append((sys.getallocatedblocks(), len(asyncio.all_tasks())))
            report = feed.report()
            assert not witness.faults
            assert witness.candles == {f"{name.lower()}@kline_1m": BEGIN_MS + DAY_MS for name in symbols}
            assert witness.trades == {f"{name.lower()}@aggTrade": DAY_STEPS // 2 + 1 for name in symbols}
            assert (report.connections, report.statistics.reconnects, host.cut) == (3, 0, 0)
            assert report.live_streams == len(traffic.streams()) - 2  # no mini ticker and no forced order was pushed
            assert report.statistics.roll_overs == 12

    day(test, product(traffic.streams(), symbols))
    (early_blocks, early_tasks), (late_blocks, late_tasks) = used
    assert late_tasks == early_tasks
    assert late_blocks < early_blocks * 1.01


@pytest.mark.slow
def test_connections_that_are_cut_again_and_again_cost_no_candle() -> None:
    streams = [stream for stream in Traffic(20, 1, None).streams() if stream.endswith("@kline_1m")]
    order = CandleOrder(MINUTE_MS)
    released: dict[str, list[int]] = {}

    async def fetch(symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        del symbol
        return [candle(opened) for opened in range(start_ms, end_ms, MINUTE_MS)]

    async def released_of(symbol: str, candles: tuple[Candle, ...], late: bool) -> None:
        del late
        released.setdefault(symbol, []).extend(one.open_time_ms for one in candles)
        assert all(one.close == candle(one.open_time_ms).close for one in candles)

    async def test(host: DayHost) -> None:
        fill = BackFill(order, fetch, released_of)
        cuts = 0

        async def take(batch: Sequence[Delivery]) -> None:
            for delivery in batch:
                message = delivery.message
                if isinstance(message, Kline) and message.bar.closed:
                    await fill.arrived(message.symbol, candle(message.bar.open_time_ms))

        settings = FeedSettings(streams_per_connection=7, close_timeout_s=0.2)
        feed = Feed(StreamHost(host.base), host.deliver_to(take), settings, host.timing, lambda: 0.5)
        feed.subscribe(streams)
        async with running(feed.run()):
            await until(lambda: feed.report().live_streams == 20)
            for stream in streams:
                order.begin(stream.partition("@")[0].upper(), BEGIN_MS)
            for step in range(DAY_STEPS):
                if step % 97 == 50 and host.lines:
                    cuts += 1
                    host.lines[cuts % len(host.lines)].socket.transport.abort()
                await host.pass_(1e9)
                await host.step()
                await fill.look(host.now_ms())
            await until(lambda: feed.report().live_streams == 20)
            await fill.look(host.now_ms() + 10_000)
            assert feed.report().statistics.reconnects >= cuts - 1 > 20
            assert fill.asked > 20

    day(test)
    assert order.lost == 0
    assert {symbol: len(opened) for symbol, opened in released.items()} == dict.fromkeys(released, 24 * 60)
    assert len(released) == 20
    assert all(opened == list(range(BEGIN_MS, BEGIN_MS + DAY_MS, MINUTE_MS)) for opened in released.values())
