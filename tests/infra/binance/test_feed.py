"""The feed against a stream host on 127.0.0.1: everything arrives, and goes on arriving, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from infra.binance.feed_values import Connected, Delivery, Disconnected, FeedSettings
from infra.binance.routes import StreamHost
from infra.binance.streams import Feed
from infra.binance.wire.frames import BookTicker, Kline
from tests.infra.binance.stream_server import (
    HandTiming,
    Inbox,
    StreamServer,
    agg_trade,
    book_ticker,
    kline,
    run,
    running,
    stream_server,
    until,
)

MARKS = "!markPrice@arr@1s"
MINUTE = 60_000
KLINE, BOOK, TRADES = "btcusdt@kline_1m", "btcusdt@bookTicker", "btcusdt@aggTrade"


def feed_of(
    host: StreamServer, inbox: Inbox, timing: HandTiming | None = None, *, routed: bool = True, **settings: object
) -> Feed:
    made = FeedSettings(**{"close_timeout_s": 0.2, **settings})  # type: ignore[arg-type]
    return Feed(StreamHost(host.base, routed), inbox, made, timing or HandTiming(), dice=lambda: 0.5)


def test_streams_go_to_their_route_and_everything_is_delivered() -> None:
    async def test() -> None:
        inbox = Inbox()
        async with stream_server() as host:
            feed = feed_of(host, inbox)
            feed.subscribe([KLINE, BOOK, TRADES, MARKS])
            async with running(feed.run()):
                await until(lambda: len(host.callers) == 2)
                paths = {caller.url.path: caller.streams for caller in host.callers}
                assert paths == {"/market/stream": [KLINE, TRADES, MARKS], "/public/stream": [BOOK]}
                await host.push(KLINE, kline("BTCUSDT", 0))
                await host.push(BOOK, book_ticker("BTCUSDT", 1))
                await host.push(TRADES, agg_trade("BTCUSDT", 1))
                await host.push(MARKS, [{"e": "markPriceUpdate", "E": 1, "s": name, "p": "1"} for name in "AB"])
                await until(lambda: len(inbox.deliveries) == 2 + 5)
                assert [mark.symbol for mark in inbox.of(MARKS)] == ["A", "B"]
                report = feed.report()
                assert (report.connections, report.connected, report.streams, report.live_streams) == (2, 2, 4, 4)
                assert report.statistics.messages == 4

    run(test)


def test_the_old_family_of_addresses_has_no_route() -> None:
    async def test() -> None:
        async with stream_server() as host:
            feed = feed_of(host, Inbox(), routed=False)
            feed.subscribe([BOOK])
            async with running(feed.run()):
                await until(lambda: host.callers)
                assert host.callers[0].url.path == "/stream"

    run(test)


def test_streams_are_spread_over_connections_and_none_twice() -> None:
    async def test() -> None:
        names = [f"s{number}usdt@kline_1m" for number in range(45)]
        async with stream_server() as host:
            feed = feed_of(host, Inbox(), streams_per_connection=20)
            feed.subscribe([*names, *names])
            feed.subscribe(names)
            async with running(feed.run()):
                await until(lambda: len(host.callers) == 3)
                assert sorted(len(caller.streams) for caller in host.callers) == [5, 20, 20]
                assert sorted(name for caller in host.callers for name in caller.streams) == sorted(names)

    run(test)


def test_a_killed_connection_is_back_with_all_its_streams_none_twice() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        names = [f"s{number}usdt@kline_1m" for number in range(30)]
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing)
            feed.subscribe(names[:20])
            async with running(feed.run()):
                await until(lambda: host.callers)
                feed.subscribe(names[20:])
                await until(lambda: len(host.callers[0].streams) == 30)
                await host.callers[0].kill()
                await until(lambda: inbox.kinds(Disconnected))
                assert feed.report().live_streams == 0
                await timing.pass_(5.0)
                await until(lambda: len(host.all) == 2 and host.callers)
                for number, name in enumerate(names):
                    await host.push(name, kline(f"S{number}USDT", MINUTE))
                await until(lambda: len(inbox.kinds(Kline)) == 30)
                assert feed.live_streams() == frozenset(names)
                assert (host.duplicate_subscriptions, host.all[1].requests) == (0, [])
                assert [news.again for news in inbox.kinds(Connected)] == [False, True]
                assert feed.report().statistics.reconnects == 1

    run(test)


def test_the_wait_grows_while_the_exchange_is_away_and_begins_anew_after_a_success() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing)
            feed.subscribe([KLINE])
            host.refuse = 3
            async with running(feed.run()):
                for wait in (5.0, 7.5, 11.25):
                    await timing.pass_(wait)
                await until(lambda: host.callers)
                await host.callers[0].kill()
                await until(lambda: inbox.kinds(Disconnected))
                await timing.pass_(5.0)
                await until(lambda: len(host.all) == 2)
                assert [wait for wait in timing.waits if wait in {5.0, 7.5, 11.25}] == [5.0, 7.5, 11.25, 5.0]
                assert feed.report().statistics.connection_errors == 4

    run(test)


def test_a_silent_connection_is_dead_and_replaced() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing, silent_s=60.0)
            feed.subscribe([KLINE])
            async with running(feed.run()):
                await until(lambda: host.callers)
                await timing.pass_(60.5)
                await until(lambda: inbox.kinds(Disconnected))
                assert inbox.kinds(Disconnected) == [Disconnected((KLINE,), "silent for 60 s")]
                await timing.pass_(5.0)
                await until(lambda: len(host.all) == 2)

    run(test)


def test_roll_over_loses_no_closed_candle_and_delivers_none_twice() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing, life_s=1_000.0, silent_s=None)
            feed.subscribe([KLINE, TRADES])
            async with running(feed.run()):
                await until(lambda: host.callers)
                await host.push(KLINE, kline("BTCUSDT", 0))
                await host.push(TRADES, agg_trade("BTCUSDT", 1))
                await until(lambda: feed.report().live_streams == 2)
                await timing.pass_(1_000.0)
                await until(lambda: len(host.callers) == 2)
                await host.push(KLINE, kline("BTCUSDT", MINUTE))  # from both
                await until(lambda: feed.report().statistics.messages == 4)
                assert len(host.callers) == 2  # the trades have not been heard on the new one yet
                await host.push(TRADES, agg_trade("BTCUSDT", 2))
                await until(lambda: len(host.callers) == 1)
                assert host.callers == host.all[1:]
                await host.push(KLINE, kline("BTCUSDT", 2 * MINUTE))
                await until(lambda: len(inbox.of(KLINE)) == 3)
                assert [message.bar.open_time_ms for message in inbox.of(KLINE)] == [0, MINUTE, 2 * MINUTE]
                assert len(inbox.of(TRADES)) == 2
                report = feed.report().statistics
                assert (report.roll_overs, report.duplicates, report.reconnects) == (1, 2, 0)
                assert not inbox.kinds(Disconnected)

    run(test)


def test_a_new_connection_that_delivers_nothing_does_not_take_over() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing, life_s=1_000.0, silent_s=None, overlap_s=30.0)
            feed.subscribe([KLINE])
            async with running(feed.run()):
                await until(lambda: host.callers)
                await host.push(KLINE, kline("BTCUSDT", 0))
                await until(lambda: feed.report().live_streams == 1)
                await timing.pass_(1_000.0)
                await until(lambda: len(host.callers) == 2)
                await timing.pass_(30.0)
                await until(lambda: len(host.callers) == 1)
                assert host.callers == host.all[:1]
                assert feed.report().statistics.roll_overs == 0

    run(test)


def test_control_messages_keep_to_five_a_second() -> None:
    async def test() -> None:
        timing = HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, Inbox(), timing, streams_per_control=1)
            feed.subscribe([KLINE])
            async with running(feed.run()):
                await until(lambda: host.callers)
                feed.subscribe([f"s{number}usdt@kline_1m" for number in range(12)])
                for sent in (5, 10, 12):
                    await until(lambda sent=sent: len(host.callers[0].requests) == sent)
                    if sent < 12:
                        await timing.pass_(1.0)
                assert len(host.callers[0].streams) == 13

    run(test)


def test_streams_that_are_not_wanted_any_more_leave_and_an_empty_connection_hangs_up() -> None:
    async def test() -> None:
        async with stream_server() as host:
            feed = feed_of(host, Inbox())
            feed.subscribe([KLINE, TRADES, BOOK])
            async with running(feed.run()):
                await until(lambda: len(host.callers) == 2)
                feed.unsubscribe([TRADES, BOOK])
                await until(lambda: len(host.callers) == 1 and host.callers[0].streams == [KLINE])
                assert feed.streams == (KLINE,)

    run(test)


@pytest.mark.parametrize("error", [
    {"code": 2, "msg": "Invalid request"}, {"error": {"code": 2, "msg": "Invalid request"}, "id": 1},
])  # fmt: skip
def test_a_refused_request_is_counted_and_not_repeated(error: dict[str, object]) -> None:
    async def test() -> None:
        async with stream_server() as host:
            feed = feed_of(host, Inbox())
            feed.subscribe([KLINE])
            async with running(feed.run()):
                await until(lambda: host.callers)
                host.error_frame = error
                feed.subscribe(["nonsense"])
                await until(lambda: feed.report().statistics.refused_requests == 1)
                assert feed.report().statistics.last_error == "refused: Invalid request (2)"
                assert len(host.callers[0].requests) == 1

    run(test)


def test_a_request_without_an_answer_means_that_the_connection_is_dead() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing, silent_s=None)
            feed.subscribe([KLINE])
            host.answers = False
            async with running(feed.run()):
                await until(lambda: host.callers)
                feed.subscribe([TRADES])
                await timing.pass_(10.0)
                await until(lambda: inbox.kinds(Disconnected))
                await timing.pass_(5.0)
                await until(lambda: len(host.all) == 2)
                assert host.all[1].streams == [KLINE, TRADES]

    run(test)


def test_while_the_consumer_is_slow_a_request_without_an_answer_is_nobody_s_fault() -> None:
    """The answer waits in the socket behind candles that nobody takes."""

    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing, queue=2, silent_s=None)
            feed.subscribe([KLINE])
            async with running(feed.run()):
                await until(lambda: inbox.kinds(Connected))
                inbox.open.clear()
                for minute in range(20):
                    await host.push(KLINE, kline("BTCUSDT", minute * MINUTE))
                await until(lambda: feed.report().paused)
                feed.subscribe([TRADES])
                await until(lambda: host.callers[0].requests)
                await timing.pass_(10.0)
                await timing.pass_(10.0)
                inbox.open.set()
                await until(lambda: len(inbox.of(KLINE)) == 20)
                assert (len(host.all), feed.report().statistics.connection_errors) == (1, 0)

    run(test)


def test_broken_and_unknown_frames_are_counted_and_cost_nothing_else() -> None:
    async def test() -> None:
        inbox = Inbox()
        async with stream_server() as host:
            feed = feed_of(host, inbox)
            feed.subscribe([KLINE])
            async with running(feed.run()):
                await until(lambda: host.callers)
                socket = host.callers[0].socket
                for text in ('{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1', "", '{"e":"novelty"}', "[[["):
                    await socket.send(text)
                await socket.send(b"\xff\x00")
                await host.push(KLINE, kline("BTCUSDT", 0))
                await until(lambda: inbox.of(KLINE))
                report = feed.report().statistics
                assert (report.broken_frames, report.unknown, report.reconnects) == (4, {"novelty": 1}, 0)

    run(test)


def test_one_bad_item_of_an_array_is_counted_and_costs_none_of_the_others() -> None:
    async def test() -> None:
        inbox = Inbox()
        async with stream_server() as host:
            feed = feed_of(host, inbox)
            feed.subscribe([MARKS])
            async with running(feed.run()):
                await until(lambda: host.callers)
                prices = {"A": "1", "B": "NaN", "C": "0.00000001"}
                marks = [{"e": "markPriceUpdate", "E": 1, "s": name, "p": price} for name, price in prices.items()]
                await host.push(MARKS, marks)
                await until(lambda: len(inbox.of(MARKS)) == 2)
                assert [(mark.symbol, mark.mark) for mark in inbox.of(MARKS)] == [("A", 1.0), ("C", 1e-8)]
                report = feed.report().statistics
                assert (report.broken_items, report.broken_frames) == (1, 0)
                assert report.last_error.startswith("!markPrice@arr@1s: ")
                assert "`$.data[1].p`" in report.last_error

    run(test)


def test_a_slow_consumer_loses_quotes_but_no_candle() -> None:
    async def test() -> None:
        inbox, timing = Inbox(), HandTiming()
        async with stream_server() as host:
            feed = feed_of(host, inbox, timing, queue=10)
            feed.subscribe([KLINE, BOOK])
            async with running(feed.run()):
                await until(lambda: len(host.callers) == 2)
                await until(lambda: len(inbox.deliveries) == 2)
                inbox.open.clear()
                for number in range(1, 101):
                    await host.push(BOOK, book_ticker("BTCUSDT", number))
                    await host.push(KLINE, kline("BTCUSDT", number * MINUTE))
                await until(lambda: feed.report().paused and feed.report().conflated)
                assert feed.report().longest_queue <= 12
                inbox.open.set()
                await until(lambda: len(inbox.of(KLINE)) == 100)
                assert [message.bar.open_time_ms // MINUTE for message in inbox.of(KLINE)] == list(range(1, 101))
                await until(lambda: inbox.of(BOOK)[-1].update_id == 100)
                assert len(inbox.of(BOOK)) < 100

    run(test)


def test_what_the_consumer_raises_ends_the_feed() -> None:
    async def fails(batch: Sequence[Delivery]) -> None:
        if any(isinstance(delivery.message, BookTicker) for delivery in batch):
            raise KeyError("consumer")

    async def test() -> None:
        async with stream_server() as host:
            feed = Feed(StreamHost(host.base), fails, FeedSettings(close_timeout_s=0.2), HandTiming())
            feed.subscribe([BOOK])
            task = asyncio.create_task(feed.run())
            await until(lambda: host.callers)
            await host.push(BOOK, book_ticker("BTCUSDT", 1))
            with pytest.raises(KeyError):
                await task
            await until(lambda: not host.callers)

    run(test)
