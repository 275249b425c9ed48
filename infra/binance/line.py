"""A line: some streams, and one connection that carries them; after a loss, or before the exchange's limit, the next.

    ┌── back-off ◀── failed ──┐
    ▼                         │
  connect ──▶ connected ──▶ lost
                 │  ▲
     life is over│  │the old one hangs up
                 ▼  │
              overlap: old and new both deliver, `Once` drops what is seen twice

The new connection takes over when it has delivered every stream that the old one had, and the old one every trade
before the first that the new one brought (or `overlap_s` is over). So a candle that closes at that moment, and every
trade, comes from at least one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from websockets.exceptions import WebSocketException

from domain.base import Message
from domain.errors import HindsightError
from infra.binance.back_off import BackOff
from infra.binance.connection import Connection, Lost, open_socket
from infra.binance.feed_values import Connected, Delivery, Disconnected, FeedSettings, Statistics
from infra.binance.intake import Intake
from infra.binance.timing import Timing

QUIET_OVERLAP_S: Final = 2.0
UNREACHABLE: Final = (OSError, TimeoutError, WebSocketException, HindsightError, EOFError, Lost)


class Line:
    """Streams of one route that share a connection. `address` gives the URL that carries given streams.

    `quiet` is true for accounts: nothing need be delivered before a new connection takes over.
    """

    def __init__(
        self,
        streams: Iterable[str],
        address: Callable[[tuple[str, ...]], Awaitable[str]],
        settings: FeedSettings,
        intake: Intake,
        timing: Timing,
        dice: Callable[[], float],
        *,
        quiet: bool = False,
    ) -> None:
        self._streams = dict.fromkeys(streams)
        self._address = address
        self._settings = settings
        self._intake = intake
        self._timing = timing
        self._dice = dice
        self._quiet = quiet
        self._back_off = BackOff(settings.back_off, dice)
        self._connections: list[Connection] = []
        self._replace = asyncio.Event()
        self._ever_connected = False

    @property
    def streams(self) -> tuple[str, ...]:
        """What this line carries, or shall carry."""
        return tuple(self._streams)

    @property
    def connected(self) -> bool:
        """True while a socket is open."""
        return bool(self._connections)

    @property
    def live(self) -> frozenset[str]:
        """The streams that a message came of on the present connection, or, in an overlap, on either."""
        return frozenset[str]().union(*(connection.seen for connection in self._connections)) & self._streams.keys()

    @property
    def _statistics(self) -> Statistics:
        return self._intake.statistics

    def wish(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Change what the line carries. Open connections follow by SUBSCRIBE and UNSUBSCRIBE."""
        self._streams.update(dict.fromkeys(add))
        for name in remove:
            self._streams.pop(name, None)
        for connection in self._connections:
            connection.rewished.set()

    def replace(self) -> None:
        """Let another connection take over now: the present one is of no use any more, and may have missed things."""
        self._replace.set()

    async def run(self) -> None:
        """Keep the line connected until it is cancelled, or has no streams left."""
        try:
            while self._streams:
                connection = await self._connect_patiently()
                reason = await self._stay(connection)
                self._tell(Disconnected(self.streams, reason))
        finally:
            await self._hang_up(*self._connections)

    # ── connecting ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _connect_patiently(self) -> Connection:
        """Try until it works; after a loss, too, the first attempt waits."""
        if self._ever_connected:
            await self._timing.wait(self._back_off.failed())
        while True:
            self._replace.clear()  # before the address is asked for: a later wish is about this connection
            try:
                connection = await self._connect()
            except UNREACHABLE as error:
                self._statistics.failed(sentence(error))
                await self._timing.wait(self._back_off.failed())
                continue
            again, self._ever_connected = self._ever_connected, True
            self._statistics.reconnects += again
            self._back_off.succeeded()
            if again:
                self._intake.once.forget(frozenset(self._streams))
            self._tell(Connected(self.streams, again))
            return connection

    async def _connect(self) -> Connection:
        streams = self.streams
        socket = await open_socket(await self._address(streams), self._settings)
        self._statistics.connects += 1
        connection = Connection(socket, streams, self._wished, self._settings, self._intake, self._timing)
        self._connections.append(connection)
        return connection

    def _wished(self) -> Iterable[str]:
        return self._streams

    # ── staying ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _stay(self, connection: Connection) -> str:
        """Keep connected, one connection after the other without a break; give the reason of the loss in the end."""
        wait_s, failed = self._life_s(), False
        while True:
            if await self._time_to_replace(connection, wait_s, heed_wishes=not failed):
                before = connection
                connection, wait_s = await self._take_over(before)
                failed = connection is before
                continue
            reason = _reason(connection)
            await self._hang_up(*self._connections)
            if self._streams:
                self._statistics.failed(reason)
            return reason

    def _life_s(self) -> float:
        return self._settings.life_s * (1.0 - 0.01 * self._dice())  # not all lines at once

    async def _time_to_replace(self, connection: Connection, wait_s: float, *, heed_wishes: bool) -> bool:
        """Wait until the connection is lost (False), or too old or useless (True).

        After a failure its uselessness is known already: only the time says when to try again.
        """
        old_age = asyncio.create_task(self._timing.wait(wait_s))
        useless = [asyncio.create_task(self._replace.wait())] if heed_wishes else []
        try:
            await asyncio.wait({connection.task, old_age, *useless}, return_when=asyncio.FIRST_COMPLETED)
            return not connection.task.done()
        finally:
            for task in (old_age, *useless):
                task.cancel()

    async def _take_over(self, old: Connection) -> tuple[Connection, float]:
        """Open a new connection beside the old one; give the one that stays and how long it may."""
        useless = self._replace.is_set()
        self._replace.clear()  # a wish from here on is about the new one
        new = await self._successor(old, at_once=useless)
        if new is None:
            if useless:
                self._replace.set()
            return old, self._back_off.failed()
        self._back_off.succeeded()
        self._statistics.roll_overs += 1
        died = old.task.done()
        await self._hang_up(old)
        if broken := self._broken_trades(new, old):
            self._tell(Disconnected(broken, "the connection before died before its successor was complete"))
            self._tell(Connected(broken, again=True))
        new.trades = None
        if useless or (self._quiet and died):  # what an account did meanwhile is in no other frame
            self._tell(Connected(self.streams, again=True))
        return new, self._life_s()

    async def _successor(self, old: Connection, *, at_once: bool) -> Connection | None:
        """Give a connection that does the old one's work; None if there is none to be had."""
        try:
            new = await self._connect()
        except UNREACHABLE as error:
            self._statistics.failed(sentence(error))
            return None
        self._follow_trades(new, old)
        if await self._covers(new, old, at_once=at_once):
            return new
        old.trades = None
        self._statistics.failed("a new connection delivered nothing; the old one stays")
        await self._hang_up(new)
        return None

    async def _covers(self, new: Connection, old: Connection, *, at_once: bool) -> bool:
        """Wait until the new connection does the old one's work; False if it does not and the old one is alive."""
        if self._quiet:
            if not at_once:  # the old one may still bring what was on its way to it
                await self._timing.wait(min(QUIET_OVERLAP_S, self._settings.overlap_s))
            return old.task.done() or not new.task.done()
        complete = asyncio.create_task(self._complete(new, old))
        overlap = asyncio.create_task(self._timing.wait(self._settings.overlap_s))
        try:
            await asyncio.wait({complete, overlap, old.task, new.task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            complete.cancel()
            overlap.cancel()
        if new.task.done():
            return old.task.done()
        return old.task.done() or bool(new.seen) or not old.seen

    def _follow_trades(self, new: Connection, old: Connection) -> None:
        """Let both say how far their trades are. All that came so far came on the old one."""
        newest = {name: self._intake.once.newest_trade(name) for name in self._streams}
        old.trades = {name: (number, number) for name, number in newest.items() if number is not None}
        new.trades = {}
        old.widened = new.widened  # whoever gets further wakes who waits

    async def _complete(self, new: Connection, old: Connection) -> None:
        while not self._is_complete(new, old):
            new.widened.clear()
            await new.widened.wait()

    def _is_complete(self, new: Connection, old: Connection) -> bool:
        """Tell whether nothing is missing when the old one hangs up now: neither a stream, nor a trade on its way."""
        if not (new.seen and new.seen >= (old.seen & self._streams.keys())):
            return False
        return not self._broken_trades(new, old)

    def _broken_trades(self, new: Connection, old: Connection) -> tuple[str, ...]:
        """Name the streams of which a trade may be missing between what the old one brought and what the new one."""
        before = old.trades or {}
        return tuple(
            name
            for name, (first, _) in (new.trades or {}).items()
            if name in old.carried and (name not in before or before[name][1] < first - 1)
        )

    async def _hang_up(self, *connections: Connection) -> None:
        for connection in connections:
            await connection.close()
            if connection in self._connections:
                self._connections.remove(connection)

    def _tell(self, news: Message) -> None:
        self._intake.mailbox.tell(Delivery("", news, self._timing.now_ms()))


def _reason(connection: Connection) -> str:
    error = None if connection.task.cancelled() else connection.task.exception()
    if error is not None and not isinstance(error, Lost):
        raise error
    return str(error) if error is not None else "closed by us"


def sentence(error: Exception) -> str:
    """Say what went wrong."""
    if isinstance(error, Lost):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
