"""The gate in front of the exchange: `Governor` for coroutines of one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from domain.errors import Unavailable
from infra.binance.faults import EXCHANGE, Busy
from infra.binance.limits import Governor, Ticket
from infra.binance.priority import Priority


def monotonic_ms() -> int:
    """Give the machine's monotonic time in ms."""
    return time.monotonic_ns() // 1_000_000


class Gate:
    """Lets callers through as the governor grants it. Share one among all accounts that use the same address."""

    def __init__(self, governor: Governor, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self.governor = governor
        self.now_ms = now_ms
        self._callers: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, cost: Mapping[str, int], priority: Priority) -> Ticket:
        """Wait for the grant. Raises `Busy` while the address is banned, also to those who already wait."""
        self._refuse_while_banned()
        ticket = self.governor.enter(cost, priority)
        granted = asyncio.get_running_loop().create_future()
        self._callers[ticket] = granted
        self._pump()
        try:
            await granted
            self._refuse_while_banned()  # a ban may have come between the grant and this moment
        except BaseException:
            self._callers.pop(ticket, None)
            if ticket.granted:
                self.settle(ticket)
            else:
                self.governor.leave(ticket)
                self._pump()
            raise
        return ticket

    def settle(self, ticket: Ticket) -> None:
        """The call is over; others may go."""
        self.governor.settle(ticket, self.now_ms())
        self._pump()

    def stop(self, wait_ms: int) -> None:
        """HTTP 429: everybody waits."""
        self.governor.stop(self.now_ms() + wait_ms)

    def ban(self, wait_ms: int) -> None:
        """HTTP 418: everybody is sent home."""
        self.governor.ban(self.now_ms() + wait_ms)
        self._send_home(self._banned)

    def closed_ms(self) -> int:
        """Say how long nobody at all goes through."""
        return self.governor.closed_ms(self.now_ms())

    def close(self) -> None:
        """Nobody goes through any more; whoever waits is told so."""
        self._send_home(lambda: Unavailable(EXCHANGE, "this client was closed"))
        self._stop_timer()

    def _send_home(self, why: Callable[[], Unavailable]) -> None:
        callers, self._callers = self._callers, {}
        for caller in callers.values():
            if not caller.done():
                caller.set_exception(why())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pump(self) -> None:
        now_ms = self.now_ms()
        for ticket in self.governor.grant(now_ms):
            caller = self._callers.pop(ticket, None)
            if caller is not None and not caller.done():
                caller.set_result(None)
        self._stop_timer()
        wait_ms = self.governor.wait_ms(now_ms)
        if wait_ms is not None:
            self._timer = asyncio.get_running_loop().call_later(wait_ms / 1_000, self._pump)

    def _refuse_while_banned(self) -> None:
        if self.governor.banned_ms(self.now_ms()):
            raise self._banned()

    def _banned(self) -> Busy:
        left_ms = self.governor.banned_ms(self.now_ms())
        detail = f"this address is banned for another {left_ms / 1_000:.0f} s (HTTP 418); nothing is sent until then"
        return Busy(EXCHANGE, detail, left_ms)
