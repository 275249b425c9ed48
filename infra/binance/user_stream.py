"""The events of one account: the listen key's life, and every event once.

    POST listenKey ──▶ connect /private/ws/<key> ──▶ events
         ▲                    │ every 15 min: PUT (3 tries)
         └── new key ◀── refused, or listenKeyExpired, or the connection was lost

The old connection hangs up only when the new one is open. After every reconnect the consumer is told (`Connected` with
`again`): what happened meanwhile is in no event, and only reconciliation finds it. Deliveries never drop: while the
consumer works the socket waits.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from domain.errors import ExchangeRejected, HindsightError
from infra.binance.feed_values import Delivery, FeedSettings, Statistics
from infra.binance.intake import Intake
from infra.binance.line import Line
from infra.binance.mailbox import Mailbox
from infra.binance.routes import StreamHost
from infra.binance.seen_events import SeenEvents
from infra.binance.timing import RealTiming, Timing
from infra.binance.wire.user_frames import ListenKeyExpired, UserEvent


class ListenKeys(Protocol):
    """The three REST calls of a listen key. They raise `Unavailable`, or `ExchangeRejected` with Binance's code."""

    async def create(self) -> str:
        """POST: give a key, valid for 60 minutes. A second call gives the same key and extends it."""
        ...

    async def renew(self, key: str) -> None:
        """PUT: extend it. -1125 if it is dead."""
        ...

    async def delete(self, key: str) -> None:
        """DELETE: close it."""
        ...


class UserStreamSettings(msgspec.Struct, frozen=True):
    """A listen key is renewed every `renew_s`, with `tries` tries `retry_s` apart (selflearningtrader.md §1.2).

    In the end it is given back, but nobody waits longer than `give_back_s` for that.
    """

    renew_s: float = 900.0
    tries: int = 3
    retry_s: float = 5.0
    give_back_s: float = 2.0


class UserStream:
    """One account's events. `deliver` gets them in order, each once, together with `Connected` and `Disconnected`."""

    def __init__(
        self,
        host: StreamHost,
        keys: ListenKeys,
        deliver: Callable[[Sequence[Delivery]], Awaitable[None]],
        settings: UserStreamSettings | None = None,
        feed: FeedSettings | None = None,
        timing: Timing | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._host = host
        self._keys = keys
        self._deliver = deliver
        self._settings = settings or UserStreamSettings()
        self._timing = timing or RealTiming()
        feed_settings = msgspec.structs.replace(feed or FeedSettings(), silent_s=None)  # an idle account is normal
        self.statistics = Statistics()
        self._mailbox: Mailbox[Delivery] = Mailbox(feed_settings.queue)
        intake = Intake(self._mailbox, self.statistics)
        self._line = Line(("account",), self._address, feed_settings, intake, self._timing, dice, quiet=True)
        self._seen = SeenEvents()
        self._key = ""
        self._lost_at: float | None = None
        self.keys_created = 0

    @property
    def connected(self) -> bool:
        """True while a socket is open."""
        return self._line.connected

    def lost_s(self) -> float:
        """Say for how long no socket is open, counted from the first look that found none; 0 while one is."""
        if self.connected:
            self._lost_at = None
            return 0.0
        now = self._timing.monotonic()
        if self._lost_at is None:
            self._lost_at = now
        return now - self._lost_at

    async def run(self) -> None:
        """Receive and deliver until cancelled; then give the key back. Raises what `deliver` raises."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._line.run())
                tasks.create_task(self._keep_key())
                await self._deliver_all()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        finally:
            await self._give_back()

    # ── the key ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _address(self, _: tuple[str, ...]) -> str:
        self._key = await self._keys.create()
        self.keys_created += 1
        return self._host.user(self._key)

    async def _keep_key(self) -> None:
        while True:
            await self._timing.wait(self._settings.renew_s)
            key = self._key
            if key and not await self._renewed(key) and key == self._key:
                self._line.replace()

    async def _renewed(self, key: str) -> bool:
        for attempt in range(self._settings.tries):
            if attempt:
                await self._timing.wait(self._settings.retry_s)
            try:
                await self._keys.renew(key)
            except ExchangeRejected as error:
                self.statistics.last_error = str(error)
                return False  # a dead key does not come back to life
            except HindsightError as error:
                self.statistics.last_error = str(error)
            else:
                return True
        return False

    async def _give_back(self) -> None:
        if self._key:
            try:
                async with asyncio.timeout(self._settings.give_back_s):
                    await self._keys.delete(self._key)
            except (HindsightError, TimeoutError) as error:  # it dies by itself within the hour
                self.statistics.last_error = str(error) or "the listen key could not be given back in time"

    # ── the events ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _deliver_all(self) -> None:
        while True:
            fresh = [delivery for delivery in await self._mailbox.take() if self._is_for_consumer(delivery)]
            if fresh:
                await self._deliver(fresh)

    def _is_for_consumer(self, delivery: Delivery) -> bool:
        event = delivery.message
        if isinstance(event, ListenKeyExpired):
            if event.listen_key in {"", self._key}:
                self._line.replace()
            return False
        if isinstance(event, UserEvent) and not self._seen.is_new(event):
            self.statistics.duplicates += 1
            return False
        return True
