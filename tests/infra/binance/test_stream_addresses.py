"""Where streams connect to: no proxy, no address that is none, and a listen key that nobody reads in a log or error."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback

import pytest

from infra.binance.connection import Lost, open_socket
from infra.binance.feed_values import FeedSettings
from infra.binance.line import UNREACHABLE, sentence
from infra.binance.routes import StreamHost
from infra.binance.user_stream import UserStream
from infra.binance.wire import decode
from infra.binance.wire.bodies import read_listen_key
from tests.infra.binance.stream_server import HandTiming, Inbox, run, running, stream_server, until
from tests.infra.binance.test_user_stream import EXPIRED, Keys, order_update

KEY = "LISTENKEY" * 7
PATH = f"/private/ws/{KEY}"


async def answering(raw: bytes) -> tuple[asyncio.Server, str]:
    """Serve these bytes to every handshake; give the base address."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    return server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 301 M\r\nLocation: http://127.0.0.1:1%s\r\nContent-Length: 0\r\n\r\n" % PATH.encode(),
    b"HTTP/1.1 302 M\r\nLocation: wss://[bad%s\r\nContent-Length: 0\r\n\r\n" % PATH.encode(),
    b"HTTP/1.1 200 OK\r\nContent-Length: 63\r\n\r\n%s" % KEY.encode(),
    b"HTTP/1.1 404 %s\r\nContent-Length: 0\r\n\r\n" % KEY.encode(),
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"\x00\xff\r\n\r\n",
    b"",
], ids=["redirect", "bad redirect", "a page", "not found", "no upgrade", "noise", "nothing"])  # fmt: skip
def test_a_handshake_that_fails_is_a_known_error_without_the_key(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        server, base = await answering(raw)
        async with server:
            with pytest.raises(UNREACHABLE) as caught:
                await open_socket(base + PATH, FeedSettings(open_timeout_s=5.0))
        told = [sentence(caught.value), *traceback.format_exception(caught.value), caplog.text]
        assert not [text for text in told if KEY in text]
        assert "\n" not in sentence(caught.value)

    with caplog.at_level(logging.DEBUG):
        run(test)


@pytest.mark.parametrize("base", [
    "ws://[::1", "ws://h:99999", "ws://h:x", "ws://", "ws://.", "ws://" + "a" * 70 + ".com", "http://127.0.0.1:1", "",
])  # fmt: skip
def test_an_address_that_is_none_is_said_without_showing_it(base: str) -> None:
    async def test() -> None:
        with pytest.raises(Lost, match="not a WebSocket URL") as caught:
            await open_socket(base + PATH, FeedSettings())
        assert KEY not in "".join(traceback.format_exception(caught.value))

    run(test)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """REST uses none either; and the simulator on loopback must be reached where a proxy is set for everything."""
    for name in ("http_proxy", "https_proxy", "ws_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    async def test() -> None:
        async with stream_server() as host:
            socket = await open_socket(f"{host.base}/public/stream?streams=ausdt@bookTicker", FeedSettings())
            await socket.close()

    run(test)


def test_the_key_of_a_whole_life_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Connect, an event, an expired key, a killed socket, a host that is gone: with every logger wide open."""

    async def test() -> None:
        keys, inbox, timing = Keys(), Inbox(), HandTiming()
        keys.valid = KEY
        async with stream_server() as host:
            stream = UserStream(StreamHost(host.base), keys, inbox, None, FeedSettings(close_timeout_s=0.2), timing)
            async with running(stream.run()):
                await until(lambda: len(host.all) == 1)
                assert host.all[0].url.path == PATH
                await host.all[0].socket.send(order_update(1))
                await host.all[0].socket.send(EXPIRED.replace("key1", KEY))
                await until(lambda: len(host.all) == 2)
                await until(lambda: len(host.callers) == 1)
                host.refuse = 1
                await host.callers[0].kill()
                await until(lambda: not stream.connected)
                await timing.pass_(6.0)
                await until(lambda: stream.statistics.connection_errors == 2)
            told.extend([repr(inbox.deliveries), repr(stream), repr(stream.statistics)])

    told: list[str] = []
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.WARNING, "websockets.server"):  # the toy is not ours
        run(test)
    assert not [text for text in (*told, caplog.text) if KEY in text]


def test_what_holds_a_key_does_not_show_it() -> None:
    assert KEY not in repr(decode(EXPIRED.replace("key1", KEY).encode()))
    assert KEY not in repr(read_listen_key(b'{"listenKey":"%s"}' % KEY.encode(), "here"))
