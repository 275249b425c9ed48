"""One socket's life: read, keep its subscriptions as they are wished, notice when it is dead.

It ends with `Lost`, always: the exchange hung up, a ping was not answered, nothing came for too long, a request was not
answered. What happens then is the business of its `Line`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI

from domain.base import Message
from domain.errors import WireError
from infra.binance.feed_values import Delivery, FeedSettings, Statistics
from infra.binance.intake import Intake
from infra.binance.once import trade_number
from infra.binance.timing import Pace, Timing
from infra.binance.wire import open_frame
from infra.binance.wire.control_frames import Answer, Refusal
from infra.binance.wire.frames import AggTrade, Trade

_quiet: Final = logging.getLogger("infra.binance.websocket")
_quiet.setLevel(logging.WARNING)  # below that the library writes down every handshake, listen key included


class Lost(Exception):
    """The connection is dead. The text says why."""


class Connection:
    """A socket that carries `carried`, and shall carry what `wished` says.

    `seen` are the streams that a message came of, `widened` is set whenever that grows. In a roll-over somebody also
    wants to know how far the trades are: then `trades` says of each stream the first id and the newest that came.
    """

    def __init__(
        self,
        socket: ClientConnection,
        carried: Iterable[str],
        wished: Callable[[], Iterable[str]],
        settings: FeedSettings,
        intake: Intake,
        timing: Timing,
    ) -> None:
        self._socket = socket
        self._wished = wished
        self._settings = settings
        self._intake = intake
        self._source = next(intake.sources)
        self._timing = timing
        self._pace = Pace(settings.controls_per_second, 1.0, timing)
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._next_id = 1
        self._heard_at = timing.monotonic()
        self._paused = False
        self.carried = set(carried)
        self.seen: set[str] = set()
        self.trades: dict[str, tuple[int, int]] | None = None
        self.widened = asyncio.Event()
        self.rewished = asyncio.Event()
        self.task: asyncio.Task[None] = asyncio.create_task(self._run())

    @property
    def _statistics(self) -> Statistics:
        return self._intake.statistics

    async def close(self) -> None:
        """Hang up and wait until it is done, `close_timeout_s` at most."""
        self.task.cancel()
        await asyncio.wait({self.task})
        await self._socket.close()
        error = None if self.task.cancelled() else self.task.exception()
        if error is not None and not isinstance(error, Lost):
            raise error

    async def _run(self) -> None:
        """Raises `Lost` when the connection is dead."""
        parts = [asyncio.create_task(part) for part in (self._read(), self._keep_subscribed(), self._watch())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _read(self) -> None:
        """Read until the connection is closed. The loop waits for frames, and for room where nothing may drop."""
        receive, accept, seen, source = self._socket.recv, self._intake.accept, self.seen, self._source
        monotonic, now, statistics = self._timing.monotonic, self._timing.now_ms, self._intake.statistics
        while True:
            try:
                raw = await receive(decode=False)
            except ConnectionClosed as closed:
                raise Lost(f"closed: {closed}") from closed
            statistics.messages += 1
            self._heard_at = monotonic()
            try:
                frame = open_frame(raw)
            except WireError as error:
                statistics.broken_frames += 1
                statistics.last_error = str(error)
                continue
            stream, message = frame.stream, frame.message
            now_ms = statistics.last_message_ms = now()
            if isinstance(message, tuple):
                await self._take_all(stream, message, now_ms)
            elif type(message) is Answer or type(message) is Refusal:  # see DECISIONS 42
                self._answered(message)
            elif (left := accept(stream, message, now_ms, source)) is not None:
                await self._wait_for_room(*left)
            if stream not in seen:
                self._notice(stream)
            if self.trades is not None and isinstance(message, AggTrade | Trade):
                self._follow(self.trades, stream, trade_number(message))

    async def _take_all(self, stream: str, messages: tuple[Message, ...], now_ms: int) -> None:
        """Take what one frame of an array stream holds."""
        for message in messages:
            if (left := self._intake.accept(stream, message, now_ms, self._source)) is not None:
                await self._wait_for_room(*left)

    async def _wait_for_room(self, delivery: Delivery, key: Hashable) -> None:
        """Hand over what must not drop; the time that it takes is not the exchange's silence."""
        self._paused = True
        try:
            await self._intake.mailbox.put(delivery, after=key)
        finally:
            self._paused = False
            self._heard_at = self._timing.monotonic()

    def _follow(self, trades: dict[str, tuple[int, int]], stream: str, number: int) -> None:
        first, newest = trades.get(stream, (number, number))
        trades[stream] = min(first, number), max(newest, number)
        self.widened.set()

    def _notice(self, stream: str) -> None:
        if stream in self.carried:
            self.seen.add(stream)
            self.widened.set()

    # ── subscriptions ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _keep_subscribed(self) -> None:
        while True:
            self.rewished.clear()
            wished = dict.fromkeys(self._wished())
            for names in _parts((name for name in wished if name not in self.carried), self._settings):
                await self._request("SUBSCRIBE", names)
                self.carried.update(names)
            for names in _parts(sorted(self.carried - wished.keys()), self._settings):
                await self._request("UNSUBSCRIBE", names)
                self.carried.difference_update(names)
                self.seen.difference_update(names)
            await self.rewished.wait()

    async def _request(self, method: str, names: list[str]) -> None:
        """Ask for a change and wait for the answer. A refusal is counted: the names are not asked for again."""
        await self._pace.turn()
        number = self._next_id
        self._next_id += 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        request = msgspec.json.encode({"method": method, "params": names, "id": number}).decode()
        try:
            await self._socket.send(request)
            await self._wait_for(answer, method)
        except ConnectionClosed as closed:
            raise Lost(f"closed: {closed}") from closed
        finally:
            del self._answers[number]

    async def _wait_for(self, answer: asyncio.Future[Message], method: str) -> None:
        """Wait for an answer as long as one may take; while we do not read ourselves that does not count."""
        while not answer.done():
            paused = self._paused
            patience = asyncio.create_task(self._timing.wait(self._settings.answer_timeout_s))
            try:
                await asyncio.wait({answer, patience}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                patience.cancel()
            if not (answer.done() or paused or self._paused):
                raise Lost(f"{method} was not answered within {self._settings.answer_timeout_s:g} s")

    def _answered(self, answer: Answer | Refusal) -> None:
        if isinstance(answer, Refusal):
            self._statistics.refused_requests += 1
            self._statistics.last_error = f"refused: {answer.text} ({answer.code})"
        number = answer.id
        waiting = self._answers.get(number) if isinstance(number, int) else None
        if waiting is None and isinstance(answer, Refusal) and number is None and self._answers:
            waiting = next(iter(self._answers.values()))  # an error without an id: one request waits at a time
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    # ── silence ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch(self) -> None:
        silent_s = self._settings.silent_s
        if silent_s is None:
            await asyncio.get_running_loop().create_future()  # for ever: an idle account is normal
            return
        while True:
            await self._timing.wait(max(0.0, self._heard_at + silent_s - self._timing.monotonic()) + 0.001)
            if self._paused:
                self._heard_at = self._timing.monotonic()  # it is us who do not listen
            elif self._timing.monotonic() - self._heard_at >= silent_s:
                raise Lost(f"silent for {silent_s:g} s")


def _parts(names: Iterable[str], settings: FeedSettings) -> Iterator[list[str]]:
    rest = iter(names)
    while part := list(islice(rest, settings.streams_per_control)):
        yield part


async def open_socket(url: str, settings: FeedSettings) -> ClientConnection:
    """Connect. The library pings every 20 s and hangs up 20 s after one that was not answered: the only heartbeat.

    As for REST, no proxy of the environment is used. Raises `Lost` if the address, which is not shown, can't be one.
    """
    try:
        return await connect(
            url,
            logger=_quiet,
            proxy=None,
            ping_interval=settings.ping_interval_s,
            ping_timeout=settings.ping_timeout_s,
            open_timeout=settings.open_timeout_s,
            close_timeout=settings.close_timeout_s,
            max_size=settings.frame_bytes_max,
            max_queue=256,
            compression=None,
        )
    except (InvalidURI, ValueError):
        pass
    raise Lost("the address of the stream host is not a WebSocket URL")  # without context: that shows the listen key
