"""What goes wrong at the worst moment: in mid-frame, in mid-connect, in mid-overlap."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from infra.binance.feed_values import Connected, Disconnected, FeedSettings
from infra.binance.line import UNREACHABLE, sentence
from infra.binance.routes import StreamHost
from infra.binance.streams import Feed
from infra.binance.user_stream import UserStream
from infra.binance.wire.frames import Kline
from tests.infra.binance.stream_server import (
    HandTiming,
    Inbox,
    StreamServer,
    agg_trade,
    kline,
    run,
    running,
    stream_server,
    until,
)
from tests.infra.binance.test_user_stream import Keys

MINUTE = 60_000
FIRST, SECOND, TRADES = "ausdt@kline_1m", "busdt@kline_1m", "ausdt@aggTrade"


class Scene:
    """A running feed of one stream, its host, its clock and its inbox."""

    def __init__(self, host: StreamServer, **settings: object) -> None:
        self.host = host
        self.inbox = Inbox()
        self.timing = HandTiming()
        values = {"close_timeout_s": 0.2, "silent_s": None, "life_s": 1_000.0, **settings}
        made = FeedSettings(**values)  # type: ignore[arg-type]
        self.feed = Feed(StreamHost(host.base), self.inbox, made, self.timing, dice=lambda: 0.5)
        self.feed.subscribe([FIRST])

    async def heard(self, minute: int, stream: str = FIRST) -> None:
        """Push a closed candle and wait until it is delivered."""
        await self.host.push(stream, kline(stream[:4].upper(), minute * MINUTE))
        await until(lambda: minute in [message.bar.open_time_ms // MINUTE for message in self.inbox.of(stream)])

    async def overlapping(self) -> None:
        """Bring the feed into the middle of a roll-over."""
        await until(lambda: self.host.callers)
        await self.heard(0)
        await self.timing.pass_(995.0)
        await until(lambda: len(self.host.callers) == 2)


def scene(test: object, **settings: object) -> None:
    async def go() -> None:
        async with stream_server() as host:
            at = Scene(host, **settings)
            async with running(at.feed.run()):
                await test(at)  # type: ignore[operator]

    run(go)


def test_a_connection_that_ends_in_mid_frame_is_made_again() -> None:
    async def test(at: Scene) -> None:
        await until(lambda: at.host.callers)
        whole = Frame(Opcode.TEXT, b'{"stream":"' + b"x" * 200).serialize(mask=False)
        at.host.callers[0].socket.transport.write(whole[:100])
        await at.host.callers[0].kill()
        await until(lambda: at.inbox.kinds(Disconnected))
        await at.timing.pass_(5.0)
        await until(lambda: len(at.host.all) == 2)
        await at.heard(1)

    scene(test)


def test_a_frame_that_is_too_long_ends_the_connection_not_the_feed() -> None:
    async def test(at: Scene) -> None:
        await until(lambda: at.host.callers)
        await at.host.callers[0].socket.send("x" * 2_000)
        await until(lambda: at.inbox.kinds(Disconnected))
        await at.timing.pass_(5.0)
        await until(lambda: len(at.host.all) == 2)

    scene(test, frame_bytes_max=1_000)


def test_a_host_that_answers_no_ping_is_dead() -> None:
    async def test(at: Scene) -> None:
        await until(lambda: at.host.callers)
        at.host.callers[0].socket.transport.pause_reading()
        await until(lambda: at.inbox.kinds(Disconnected))
        assert "keepalive ping timeout" in at.inbox.kinds(Disconnected)[0].reason

    scene(test, ping_interval_s=0.05, ping_timeout_s=0.05)


def test_what_is_wished_while_the_line_is_down_comes_with_the_next_connection() -> None:
    async def test(at: Scene) -> None:
        await until(lambda: at.host.callers)
        await at.host.callers[0].kill()
        await until(lambda: at.inbox.kinds(Disconnected))
        at.feed.subscribe([SECOND])
        await at.timing.pass_(5.0)
        await until(lambda: len(at.host.all) == 2)
        assert (at.host.all[1].streams, at.host.all[1].requests) == ([FIRST, SECOND], [])

    scene(test)


def test_what_is_wished_in_mid_overlap_reaches_both_connections_once() -> None:
    async def test(at: Scene) -> None:
        await at.overlapping()
        at.feed.subscribe([SECOND])
        await until(lambda: all(caller.streams == [FIRST, SECOND] for caller in at.host.callers))
        await at.heard(1, SECOND)
        assert [message.symbol for message in at.inbox.of(SECOND)] == ["BUSD"]
        await at.heard(1)
        await until(lambda: len(at.host.callers) == 1)
        assert at.host.duplicate_subscriptions == 0

    scene(test)


def test_an_old_connection_that_dies_in_mid_overlap_leaves_no_break() -> None:
    async def test(at: Scene) -> None:
        await at.overlapping()
        await at.host.callers[0].kill()
        await until(lambda: at.feed.report().statistics.roll_overs == 1)
        await at.heard(1)
        assert not at.inbox.kinds(Disconnected)
        assert len(at.host.all) == 2

    scene(test)


def test_a_new_connection_that_dies_in_mid_overlap_leaves_the_old_one_and_is_tried_again() -> None:
    async def test(at: Scene) -> None:
        await at.overlapping()
        await at.host.callers[1].kill()
        await at.timing.pass_(5.0)
        await until(lambda: len(at.host.all) == 3)
        await at.heard(1)
        await until(lambda: at.host.callers == at.host.all[2:])
        assert [message.bar.open_time_ms for message in at.inbox.kinds(Kline)] == [0, MINUTE]
        assert not at.inbox.kinds(Disconnected)

    scene(test)


def test_one_dead_line_does_not_stop_the_others() -> None:
    async def test(at: Scene) -> None:
        at.feed.subscribe([SECOND])
        await until(lambda: len(at.host.callers) == 2)
        await at.host.callers[0].kill()
        await until(lambda: at.inbox.kinds(Disconnected))
        survivor = at.host.callers[0].streams[0]
        await at.heard(1, survivor)
        assert len(at.inbox.kinds(Connected)) == 2

    scene(test, streams_per_connection=1)


def test_what_was_taken_back_before_the_start_is_never_connected() -> None:
    async def test() -> None:
        async with stream_server() as host:
            at = Scene(host)
            at.feed.subscribe([SECOND, "ausdt@bookTicker"])
            at.feed.unsubscribe([FIRST, "ausdt@bookTicker"])
            async with running(at.feed.run()):
                await until(lambda: host.callers)
                assert [caller.streams for caller in host.callers] == [[SECOND]]

    run(test)


@pytest.mark.parametrize(("base", "says"), [
    ("ws://127.0.0.1:1", "Connect call failed"), ("http://127.0.0.1:1", "not a WebSocket URL"),
])  # fmt: skip
def test_a_host_that_can_not_be_reached_is_one_sentence_without_the_key(base: str, says: str) -> None:
    async def test() -> None:
        keys, timing = Keys(), HandTiming()
        keys.valid = "SECRET" * 10
        stream = UserStream(StreamHost(base), keys, Inbox(), timing=timing, dice=lambda: 0.5)
        async with running(stream.run()):
            await until(lambda: stream.statistics.connection_errors == 1)
            assert says in stream.statistics.last_error
            assert "SECRET" not in stream.statistics.last_error
            assert "\n" not in stream.statistics.last_error

    run(test)


def test_an_error_without_words_is_named_by_its_kind() -> None:
    assert sentence(TimeoutError()) == "TimeoutError"
    assert isinstance(TimeoutError(), UNREACHABLE)


async def _trades_overlapping(at: Scene) -> None:
    """Bring a feed that has heard trade 1 into a roll-over, in which the new connection brings trade 4 first."""
    at.feed.subscribe([TRADES])
    await until(lambda: at.host.callers and TRADES in at.host.callers[0].streams)
    await at.host.push(TRADES, agg_trade("AUSDT", 1))
    await until(lambda: at.inbox.of(TRADES))
    await at.overlapping()
    old, new = at.host.callers
    await at.host.push(FIRST, kline("AUSDT", MINUTE))
    await new.send(TRADES, agg_trade("AUSDT", 4))
    await until(lambda: len(at.inbox.of(TRADES)) == 2)
    assert at.host.callers == [old, new], "trades 2 and 3 may be on their way on the old one"


def _ids(at: Scene) -> list[int]:
    return [trade.agg_trade_id for trade in at.inbox.of(TRADES)]


def test_trades_that_come_late_on_the_old_connection_are_waited_for_and_pass_once() -> None:
    async def test(at: Scene) -> None:
        await _trades_overlapping(at)
        old, new = at.host.callers
        await old.send(TRADES, agg_trade("AUSDT", 2))
        await until(lambda: len(at.inbox.of(TRADES)) == 3)
        assert at.host.callers == [old, new]
        await new.send(TRADES, agg_trade("AUSDT", 5))
        await old.send(TRADES, agg_trade("AUSDT", 3))
        await until(lambda: at.host.callers == [new])
        assert sorted(_ids(at)) == [1, 2, 3, 4, 5]
        assert not at.inbox.kinds(Disconnected)
        assert at.feed.report().statistics.roll_overs == 1

    scene(test)


def test_ids_that_are_left_out_hold_no_roll_over_up() -> None:
    """The insurance fund's trades have ids, too, and are not sent: then both bring the same trade next."""

    async def test(at: Scene) -> None:
        await _trades_overlapping(at)
        new = at.host.callers[1]
        await at.host.push(TRADES, agg_trade("AUSDT", 4))
        await until(lambda: at.host.callers == [new])
        assert _ids(at) == [1, 4]

    scene(test)


def test_trades_that_died_with_the_old_connection_are_said_to_be_missed() -> None:
    async def test(at: Scene) -> None:
        await _trades_overlapping(at)
        old, new = at.host.callers
        await old.kill()
        await until(lambda: at.host.callers == [new] and len(at.inbox.kinds(Disconnected)) == 1)
        (lost,) = at.inbox.kinds(Disconnected)
        assert lost.streams == (TRADES,), "the candles are complete"

    scene(test)
