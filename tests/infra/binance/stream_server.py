"""A stream host on 127.0.0.1 that a test holds in its hand, and a clock that it moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from infra.binance.feed_values import Delivery

PATIENCE_S = 20.0


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a loop of its own, and not for ever."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(bounded())


async def turn() -> None:
    """Let the loop go round, sockets included."""
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.call_later(0.002, gone.set_result, None)
    await gone


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; the test's own timeout bounds it."""
    while not holds():
        await turn()


class HandTiming:
    """A clock that stands still until `pass_` moves it, and wakes who waited long enough."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.waits: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.seconds

    def now_ms(self) -> int:
        return int(1_700_000_000_000 + self.seconds * 1_000)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if seconds <= 0.0:
            asyncio.get_running_loop().call_soon(awake.set_result, None)
        else:
            self._sleepers.append((self.seconds + seconds, awake))
        await awake

    def asleep(self, seconds: float) -> bool:
        """Tell whether somebody wakes within so many seconds."""
        return any(due <= self.seconds + seconds + 1e-9 and not awake.done() for due, awake in self._sleepers)

    async def pass_(self, seconds: float) -> None:
        """Wait until somebody sleeps no longer than this, then let the time pass."""
        await until(lambda: self.asleep(seconds))
        self.seconds += seconds
        for due, awake in self._sleepers:
            if due <= self.seconds + 1e-9 and not awake.done():
                awake.set_result(None)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]
        await turn()


class Caller:
    """One connection to the server: its path, the streams that it carries, what it asked for."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        assert socket.request is not None
        self.url = urlsplit(socket.request.path)
        named = parse_qs(self.url.query).get("streams", [""])[0]
        self.streams = [name for name in named.split("/") if name]
        self.requests: list[dict[str, Any]] = []

    async def send(self, stream: str, data: object) -> None:
        """Push one combined frame."""
        await self.socket.send(json.dumps({"stream": stream, "data": data}, separators=(",", ":")))

    async def kill(self) -> None:
        """Cut the wire without a word."""
        self.socket.transport.abort()


class StreamServer:
    """Takes connections, answers control messages, pushes what the test says."""

    def __init__(self) -> None:
        self.base = ""
        self.callers: list[Caller] = []
        self.all: list[Caller] = []
        self.duplicate_subscriptions = 0
        self.refuse = 0
        self.answers = True
        self.error_frame: dict[str, Any] | None = None

    async def push(self, stream: str, data: object) -> None:
        """Push to every connection that carries the stream."""
        for caller in list(self.callers):
            if stream in caller.streams:
                await caller.send(stream, data)

    def greet(self, socket: ServerConnection, _: Request) -> Response | None:
        """Answer the handshake: with a refusal, so often as `refuse` says."""
        if self.refuse > 0:
            self.refuse -= 1
            return socket.respond(503, "maintenance")
        return None

    async def serve(self, socket: ServerConnection) -> None:
        caller = Caller(socket)
        self.callers.append(caller)
        self.all.append(caller)
        try:
            async for text in socket:
                await self._control(caller, json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            self.callers.remove(caller)

    async def _control(self, caller: Caller, request: dict[str, Any]) -> None:
        caller.requests.append(request)
        for name in request["params"]:
            if request["method"] == "SUBSCRIBE":
                self.duplicate_subscriptions += name in caller.streams
                caller.streams.append(name)
            elif name in caller.streams:
                caller.streams.remove(name)
        if self.error_frame is not None:
            await caller.socket.send(json.dumps(self.error_frame))
        elif self.answers:
            await caller.socket.send(json.dumps({"result": None, "id": request["id"]}))


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    """Serve on a free port of 127.0.0.1."""
    host = StreamServer()
    async with serve(host.serve, "127.0.0.1", 0, process_request=host.greet, close_timeout=0.2) as server:
        host.base = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield host


class Inbox:
    """What a feed delivered, in order. While `open` is not set the consumer is slow: it takes nothing."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, batch: Sequence[Delivery]) -> None:
        await self.open.wait()
        self.deliveries += batch

    def of(self, stream: str) -> list[Any]:
        """Give the messages of one stream."""
        return [delivery.message for delivery in self.deliveries if delivery.stream == stream]

    def kinds(self, kind: type) -> list[Any]:
        """Give the messages of one type."""
        return [delivery.message for delivery in self.deliveries if isinstance(delivery.message, kind)]


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run something beside the test and cancel it afterwards; its own failure fails the test."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


def kline(symbol: str, open_ms: int, *, closed: bool = True, close: str = "2", event_ms: int = 0) -> dict[str, Any]:
    """Give a kline frame of one minute."""
    return {
        "e": "kline", "E": event_ms or open_ms + 60_000, "s": symbol,
        "k": {"t": open_ms, "T": open_ms + 59_999, "s": symbol, "i": "1m", "f": 1, "L": 2, "o": "1", "c": close,
              "h": "3", "l": "0.5", "v": "10", "n": 2, "x": closed, "q": "20", "V": "4", "Q": "8", "B": "0"},
    }  # fmt: skip


def book_ticker(symbol: str, update_id: int, bid: str = "1", ask: str = "2") -> dict[str, Any]:
    """Give a bookTicker frame."""
    return {"e": "bookTicker", "u": update_id, "s": symbol, "b": bid, "B": "1", "a": ask, "A": "1", "T": 1, "E": 2}


def agg_trade(symbol: str, number: int, *, sold: bool = False, price: str = "2", quantity: str = "3") -> dict[str, Any]:
    """Give an aggTrade frame."""
    return {"e": "aggTrade", "E": number, "s": symbol, "a": number, "p": price, "q": quantity, "f": number, "l": number,
            "T": number, "m": sold}  # fmt: skip
