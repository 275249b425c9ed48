"""A stream host whose day passes in seconds: real sockets on 127.0.0.1, time moved by hand in steps of half a minute.

Every candle that closes is pushed to every connection that carries its stream; a new connection gets a running candle
of each of its streams at once, as the exchange's next push would be. A connection older than 24 h is cut, as there.
Behind each step every connection gets a *mark*, a frame of a stream of its own: when all marks are delivered, so is
everything before them, and time may go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.protocol import State

from domain.market import Candle
from infra.binance.feed_values import Delivery
from infra.binance.wire.frames import BookTicker
from infra.exchange.client import framed
from tests.infra.binance.stream_server import until

STEP_S = 30
BEGIN_MS = 1_746_057_600_000
MINUTE_MS = 60_000
DAY_STEPS = 2 * 60 * 24
CUT_S = 86_400.0
LENGTHS_MS = {"1m": MINUTE_MS, "15m": 15 * MINUTE_MS, "1h": 60 * MINUTE_MS, "4h": 240 * MINUTE_MS}
MARK = "mark"

Others: TypeAlias = Callable[[int, int], dict[str, bytes]]
"""What is pushed in a step besides candles, by stream; told the step's number and time (UTC ms)."""


def kline_frame(stream: str, opened: int, *, closed: bool) -> bytes:
    """Write a kline; its close tells which candle it is."""
    name, _, interval = stream.partition("@kline_")
    symbol, ends = name.upper(), opened + LENGTHS_MS[interval]
    return (
        f'{{"stream":"{stream}","data":{{"e":"kline","E":{ends},"s":"{symbol}","k":{{"t":{opened},"T":{ends - 1},'
        f'"s":"{symbol}","i":"{interval}","f":1,"L":2,"o":"1","c":"{closing_price(opened)}","h":"9999999","l":"0.5",'
        f'"v":"10","n":2,"x":{"true" if closed else "false"},"q":"20","V":"4","Q":"8","B":"0"}}}}}}'
    ).encode()


def closing_price(opened: int) -> int:
    """Give the close of the candle that opens then."""
    return opened // MINUTE_MS % 1_000_000 + 1


def candle(opened: int) -> Candle:
    """Give the same candle as REST would."""
    return Candle(opened, 1.0, 9_999_999.0, 0.5, float(closing_price(opened)), 10.0)


def trade_frame(stream: str, number: int, time_ms: int) -> bytes:
    """Write an aggTrade."""
    symbol = stream.partition("@")[0].upper()
    return (
        f'{{"stream":"{stream}","data":{{"e":"aggTrade","E":{time_ms},"s":"{symbol}","a":{number},"p":"2","q":"3",'
        f'"f":{number},"l":{number},"T":{time_ms},"m":true}}}}'
    ).encode()


def best_frame(stream: str, number: int, symbol: str) -> bytes:
    """Write a bookTicker."""
    return (
        f'{{"stream":"{stream}","data":{{"e":"bookTicker","u":{number},"s":"{symbol}","b":"1","B":"1",'
        f'"a":"2","A":"1","T":{number},"E":{number}}}}}'
    ).encode()


def marks_frame(stream: str, symbols: Iterable[str], time_ms: int) -> bytes:
    """Write the array of mark prices."""
    items = [f'{{"e":"markPriceUpdate","E":{time_ms},"s":"{symbol}","p":"1.5","i":"1.5"}}' for symbol in symbols]
    return f'{{"stream":"{stream}","data":[{",".join(items)}]}}'.encode()


class DayTiming:
    """A clock that goes when it is told to, whether anybody sleeps or not."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._sleepers: list[tuple[float, float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.seconds

    def now_ms(self) -> int:
        return int(self.seconds * 1_000)

    async def wait(self, seconds: float) -> None:
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((seconds, self.seconds + seconds, awake))
        await awake

    def go_on(self, seconds: float, long_s: float) -> int:
        """Let time pass; give how many woke who had wanted to sleep for `long_s`: lives that are over."""
        self.seconds += seconds
        over = 0
        for slept, due, awake in self._sleepers:
            if due <= self.seconds and not awake.done():
                over += slept >= long_s
                awake.set_result(None)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[2].done()]
        return over


class Line:
    """One connection to the host."""

    def __init__(self, number: int, socket: ServerConnection, since_s: float) -> None:
        assert socket.request is not None
        self.socket = socket
        self.since_s = since_s
        self.mark = f"{MARK}{number}@bookTicker"
        self.streams = parse_qs(urlsplit(socket.request.path).query)["streams"][0].split("/")

    @property
    def open(self) -> bool:
        """False as soon as one side began to close."""
        return self.socket.state is State.OPEN

    def write(self, frames: Iterable[bytes]) -> None:
        """Send frames in one piece."""
        data = b"".join([framed(raw) for raw in frames])
        if data and self.open:
            self.socket.transport.write(data)


class DayHost:
    """The exchange."""

    def __init__(self, timing: DayTiming, others: Others | None = None) -> None:
        self.timing = timing
        self.base = ""
        self.lines: list[Line] = []
        self.welcomed = 0
        self.cut = 0
        self.most_lines = 0
        self._others = others
        self._step = 0
        self._marked: dict[str, int] = {}
        self._all_marked = asyncio.Event()

    def deliver_to(self, take: Callable[[Sequence[Delivery]], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Give the consumer for a feed: it notes the marks, and hands all on."""

        async def deliver(batch: Sequence[Delivery]) -> None:
            await take([delivery for delivery in batch if not delivery.stream.startswith(MARK)])
            for delivery in batch:
                if delivery.stream.startswith(MARK) and isinstance(delivery.message, BookTicker):
                    self._marked[delivery.stream] = delivery.message.update_id
            self._look()

        return deliver

    def now_ms(self) -> int:
        """Give the time, as the feed knows it."""
        return self.timing.now_ms()

    async def welcome(self, socket: ServerConnection) -> None:
        """Serve a connection until it is closed."""
        self.welcomed += 1
        line = Line(self.welcomed, socket, self.timing.seconds)
        self.lines.append(line)
        self.most_lines = max(self.most_lines, len(self.lines))
        line.write(self._running(line))
        try:
            await socket.wait_closed()
        finally:
            self.lines.remove(line)
            self._look()

    def _running(self, line: Line) -> Iterable[bytes]:
        now_ms = self.now_ms()
        for stream in line.streams:
            _, found, interval = stream.partition("@kline_")
            if found:
                length = LENGTHS_MS[interval]
                yield kline_frame(stream, now_ms // length * length, closed=False)

    async def step(self) -> None:
        """Push what half a minute brings, and wait until all of it is delivered."""
        self._step += 1
        now_ms = self.now_ms()
        others = self._others(self._step, now_ms) if self._others is not None else {}
        for line in list(self.lines):
            if self.timing.seconds - line.since_s >= CUT_S:
                self.cut += 1
                line.socket.transport.abort()
                continue
            line.write(self._closing(line, now_ms))
            line.write(others[stream] for stream in line.streams if stream in others)
            line.write([best_frame(line.mark, self._step, "MARK")])
        self._all_marked.clear()
        self._look()
        await self._all_marked.wait()

    def _closing(self, line: Line, now_ms: int) -> Iterable[bytes]:
        if now_ms % MINUTE_MS == 0:
            ending = {interval for interval, length in LENGTHS_MS.items() if now_ms % length == 0}
            for stream in line.streams:
                _, found, interval = stream.partition("@kline_")
                if found and interval in ending:
                    yield kline_frame(stream, now_ms - LENGTHS_MS[interval], closed=True)

    def _look(self) -> None:
        """Wake who waits for the marks of all connections that were there when they were sent."""
        waiting = [line for line in self.lines if line.open and line.since_s < self.timing.seconds]
        if all(self._marked.get(line.mark, -1) >= self._step for line in waiting):
            self._all_marked.set()

    async def pass_(self, life_s: float) -> None:
        """Let half a minute pass. Connections whose life is over get their successors before time goes on."""
        before = self.welcomed
        over = self.timing.go_on(STEP_S, 0.9 * life_s)
        if over:
            await until(lambda: self.welcomed >= before + over)


@asynccontextmanager
async def day_host(others: Others | None = None) -> AsyncIterator[DayHost]:
    """Serve on a free port of 127.0.0.1, from midnight on."""
    host = DayHost(DayTiming(BEGIN_MS / 1_000), others)
    async with serve(host.welcome, "127.0.0.1", 0, close_timeout=0.2, compression=None) as server:
        host.base = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield host
