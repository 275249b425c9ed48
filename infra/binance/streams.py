"""The one feed class for all market streams.

    feed = Feed(StreamHost("wss://fstream.binance.com"), deliver)
    feed.subscribe(["btcusdt@kline_1m", "!markPrice@arr@1s", …])      before or while it runs
    await feed.run()                                                  until cancelled

Streams are sorted by route, put on as few connections as they fit on, and stay there. `deliver` gets what came in
batches, in order, on the feed's event loop; while it works, the mailbox fills, see `mailbox.py`. An error that it
raises ends the feed: whoever started it decides.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence

from infra.binance.feed_values import Delivery, FeedReport, FeedSettings, Statistics
from infra.binance.intake import Intake
from infra.binance.line import Line
from infra.binance.mailbox import Mailbox
from infra.binance.routes import Route, StreamHost, by_route
from infra.binance.timing import RealTiming, Timing


class Feed:
    """Streams in, deliveries out. `timing` and `dice` (in [0, 1)) are handed in by tests."""

    def __init__(
        self,
        host: StreamHost,
        deliver: Callable[[Sequence[Delivery]], Awaitable[None]],
        settings: FeedSettings | None = None,
        timing: Timing | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._host = host
        self._deliver = deliver
        self._settings = settings or FeedSettings()
        self._timing = timing or RealTiming()
        self._dice = dice
        self._statistics = Statistics()
        self._mailbox: Mailbox[Delivery] = Mailbox(self._settings.queue)
        self._intake = Intake(self._mailbox, self._statistics)
        self._lines: list[tuple[Route, Line]] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[Line, asyncio.Task[None]] = {}

    @property
    def streams(self) -> tuple[str, ...]:
        """All streams that are wished."""
        return tuple(name for _, line in self._lines for name in line.streams)

    def subscribe(self, streams: Iterable[str]) -> None:
        """Add streams, each at most once. Open connections with room take them by SUBSCRIBE."""
        held = set(self.streams)
        for route, names in by_route(streams).items():
            self._place(route, [name for name in names if name not in held])

    def unsubscribe(self, streams: Iterable[str]) -> None:
        """Take streams away. A line without any hangs up."""
        names = frozenset(streams)
        for _, line in self._lines:
            line.wish(remove=names)
            if not line.streams and line in self._running:
                self._running.pop(line).cancel()
        self._lines = [(route, line) for route, line in self._lines if line.streams]

    async def run(self) -> None:
        """Receive and deliver until cancelled. Raises what `deliver` raises."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                for _, line in self._lines:
                    self._running[line] = tasks.create_task(line.run())
                await self._deliver_all()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        finally:
            self._tasks = None
            self._running.clear()

    @property
    def last_message_ms(self) -> int:
        """When the last message came, 0 before the first (UTC ms of our clock). From any thread."""
        return self._statistics.last_message_ms

    def report(self) -> FeedReport:
        """Give the feed's state in numbers."""
        return FeedReport(
            connections=len(self._lines),
            connected=sum(line.connected for _, line in self._lines),
            streams=len(self.streams),
            live_streams=sum(len(line.live) for _, line in self._lines),
            waiting=len(self._mailbox),
            conflated=self._mailbox.conflated,
            paused=self._mailbox.paused,
            longest_queue=self._mailbox.longest,
            statistics=self._statistics,
        )

    def live_streams(self) -> frozenset[str]:
        """Give the streams that a message was seen of on their present connection."""
        return frozenset[str]().union(*(line.live for _, line in self._lines))

    async def _deliver_all(self) -> None:
        while True:
            await self._deliver(await self._mailbox.take())

    def _place(self, route: Route, names: list[str]) -> None:
        for its_route, line in self._lines:
            room = self._settings.streams_per_connection - len(line.streams)
            if its_route is route and room > 0 and names:
                line.wish(add=names[:room])
                names = names[room:]
        while names:
            part, names = names[: self._settings.streams_per_connection], names[self._settings.streams_per_connection :]
            self._begin(route, part)

    def _begin(self, route: Route, names: Sequence[str]) -> None:
        async def address(streams: tuple[str, ...]) -> str:
            return self._host.combined(route, streams)

        line = Line(names, address, self._settings, self._intake, self._timing, self._dice)
        self._lines.append((route, line))
        if self._tasks is not None:
            self._running[line] = self._tasks.create_task(line.run())
