"""The weight governor: who may ask the exchange now, so that no sliding minute ever exceeds our share of its limits.

    enter ──▶ waiting ──grant──▶ in flight ──settle──▶ counted until one span after the answer
                 └──leave──▶ gone

A call is counted from its grant until `span` after its *answer*: the exchange booked it at some moment in between, so
two calls that it sees within one span are always counted together here. What the exchange reports beyond our own
bookings (another program on this address) is booked as foreign. Its report is as old as the request that it answers:
it is compared with what was booked from the grant of that request on, not with what is still booked when it is read.
Time comes in from outside (ms, monotonic).

More urgent calls go first. Where there is an account to look after (`keep_room`), less urgent ones also leave room for
them: each priority may then use its part of our share. Without one the whole share is everybody's.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

from domain.errors import InvalidInput
from infra.binance.endpoints import CONNECTIONS, FUNDING, FUTURES_DATA, ORDERS_1M, ORDERS_10S, WEIGHT
from infra.binance.priority import Priority

MINUTE_MS: Final = 60_000
SHARE: Final = 0.9
PARTS: Final = {Priority.LOW: 0.95, Priority.NORMAL: 0.98, Priority.HIGH: 0.99, Priority.CRITICAL: 1.0}
"""How much of our share each priority may use beside an account: 5 % of the weight are one look at all that it holds
and has resting (2 x 40 + 2 x 5), the last 2 % forty cancellations. Orders themselves weigh nothing.
"""
CONNECTION_PARTS: Final = {Priority.LOW: 0.86, Priority.NORMAL: 0.93, Priority.HIGH: 0.97, Priority.CRITICAL: 1.0}
"""The same for connections, which come back with the next answer."""


class Limit(msgspec.Struct, frozen=True):
    """The exchange allows `capacity` in any `span_ms`; 0 ms: in flight at once. `whole`: we may use all of it."""

    capacity: int
    span_ms: int = MINUTE_MS
    whole: bool = False


DEFAULTS: Final[Mapping[str, Limit]] = {
    WEIGHT: Limit(2_400),
    FUTURES_DATA: Limit(1_000, 5 * MINUTE_MS),
    FUNDING: Limit(500, 5 * MINUTE_MS),
    ORDERS_10S: Limit(300, 10_000),
    ORDERS_1M: Limit(1_200),
    CONNECTIONS: Limit(100, 0, whole=True),
}


class Ticket:
    """A call's place in the queue, and later its booking.

    `before` says, by pool, what was counted when it was granted, less all that had been booked until then: with all
    that is booked later on, the most that the exchange can have counted of us when it answers.
    """

    __slots__ = ("before", "cost", "gone", "granted", "order", "priority")

    def __init__(self, cost: Mapping[str, int], priority: Priority, order: int) -> None:
        self.cost = cost
        self.priority = priority
        self.order = order
        self.granted = False
        self.gone = False
        self.before: dict[str, int] = {}

    @property
    def urgency(self) -> tuple[int, int]:
        """Sorts the most urgent first, and among equals the one that came first."""
        return -self.priority, self.order


def _head(queue: deque[Ticket]) -> Ticket | None:
    """Give the first in a queue who still waits."""
    while queue and queue[0].gone:
        queue.popleft()
    return queue[0] if queue else None


class _Pool:
    """What counts against one limit: calls in flight, and settled ones until their span is over.

    `booked` is all that ever was.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.in_flight = 0
        self.booked = 0
        self._settled: list[tuple[int, int]] = []
        self._sum = 0

    def used(self, now_ms: int) -> int:
        while self._settled and self._settled[0][0] <= now_ms:
            self._sum -= heapq.heappop(self._settled)[1]
        return self.in_flight + self._sum

    def book(self, amount: int) -> None:
        self.in_flight += amount
        self.booked += amount

    def settle(self, amount: int, now_ms: int) -> None:
        self.in_flight -= amount
        self._count(amount, now_ms)

    def book_foreign(self, amount: int, now_ms: int) -> None:
        self.booked += amount
        self._count(amount, now_ms)

    def _count(self, amount: int, now_ms: int) -> None:
        heapq.heappush(self._settled, (now_ms + self.limit.span_ms, amount))
        self._sum += amount

    def next_ms(self) -> int | None:
        return self._settled[0][0] if self._settled else None


class Governor:
    """Grants calls. One for an address; an account's order pools are told apart by their name (`orders_1m:main`)."""

    def __init__(self, limits: Mapping[str, Limit] = DEFAULTS, share: float = SHARE) -> None:
        self._limits = {**DEFAULTS, **limits}
        self._share = share
        self._keeps_room = False
        self._pools: dict[str, _Pool] = {}
        self._queues: dict[tuple[Priority, tuple[str, ...]], deque[Ticket]] = {}
        self._orders = itertools.count()
        self._stopped_until_ms = 0
        self._banned_until_ms = 0

    def keep_room(self) -> None:
        """From now on there is an account: less urgent calls leave room for its own."""
        self._keeps_room = True

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, cost: Mapping[str, int], priority: Priority) -> Ticket:
        """Queue a call. Raises `InvalidInput` if it could never be granted."""
        for pool, amount in cost.items():
            allowed = self._allowed(pool, priority)
            if amount > allowed:
                expected = f"a limit that lets a call of {amount} through"
                raise InvalidInput(f"binance: limit of {pool}", expected, f"{allowed} for this kind of call")
        ticket = Ticket(cost, priority, next(self._orders))
        self._queues.setdefault((priority, tuple(cost)), deque()).append(ticket)
        return ticket

    def grant(self, now_ms: int) -> list[Ticket]:
        """Give the calls that may go now, most urgent first, and book them.

        A call that has to wait keeps the less urgent ones from the pools that it needs, so that none starves.
        """
        if self.closed_ms(now_ms):
            return []
        granted: list[Ticket] = []
        awaited: set[str] = set()
        heads: list[deque[Ticket]] = [queue for queue in self._queues.values() if _head(queue)]
        while heads:
            queue = min(heads, key=lambda waiting: waiting[0].urgency)
            ticket = queue[0]
            if awaited.isdisjoint(ticket.cost) and self._fits(ticket, now_ms):
                granted.append(queue.popleft())
                self._book(ticket, now_ms)
            else:
                awaited.update(ticket.cost)
                heads.remove(queue)
            heads = [waiting for waiting in heads if _head(waiting)]
        return granted

    def settle(self, ticket: Ticket, now_ms: int) -> None:
        """The call of a granted ticket is over, whatever became of it."""
        for pool, amount in ticket.cost.items():
            self._pool(pool).settle(amount, now_ms)

    def leave(self, ticket: Ticket) -> None:
        """A waiting caller gave up."""
        ticket.gone = True

    def wait_ms(self, now_ms: int) -> int | None:
        """Say after how long `grant` may give something that it does not give now; None: not before a `settle`."""
        heads = [head for head in map(_head, self._queues.values()) if head]
        if not heads:
            return None
        if closed_ms := self.closed_ms(now_ms):
            return closed_ms
        ends = [self._pool(pool).next_ms() for head in heads for pool in head.cost]
        return min((max(end - now_ms, 1) for end in ends if end is not None), default=None)

    # ── what the exchange says ────────────────────────────────────────────────────────────────────────────────────

    def observe(self, pool: str, used: int, now_ms: int, answered: Ticket | None = None) -> None:
        """The exchange counts `used` in the running span: what we don't know of was somebody else.

        It says so in its answer to `answered`, which may have been long on its way: what it counted then may be over
        here by now. None: this very moment.
        """
        held = self._pool(pool)
        ours = held.used(now_ms)
        if answered is not None and pool in answered.before:
            ours = answered.before[pool] + held.booked
        if used > ours:
            held.book_foreign(used - ours, now_ms)

    def exhausted(self, pool: str, now_ms: int) -> None:
        """The exchange refused for this limit: nothing more for one span."""
        self.observe(pool, self._pool(pool).limit.capacity, now_ms)

    def stop(self, until_ms: int) -> None:
        """HTTP 429: nothing at all until then."""
        self._stopped_until_ms = max(self._stopped_until_ms, until_ms)

    def ban(self, until_ms: int) -> None:
        """HTTP 418: nothing at all until then; every request in between would move the end."""
        self._banned_until_ms = max(self._banned_until_ms, until_ms)

    def closed_ms(self, now_ms: int) -> int:
        """Say how long nothing at all is granted, for whatever reason; 0: it is."""
        return max(max(self._stopped_until_ms, self._banned_until_ms) - now_ms, 0)

    def banned_ms(self, now_ms: int) -> int:
        """Say how long the ban still lasts; 0: there is none."""
        return max(self._banned_until_ms - now_ms, 0)

    def learn(self, limits: Mapping[str, Limit]) -> None:
        """Take over limits that the exchange publishes, for all pools of that kind."""
        self._limits.update(limits)
        for name, pool in self._pools.items():
            pool.limit = self._limits[name.partition(":")[0]]

    # ── what is used ──────────────────────────────────────────────────────────────────────────────────────────────

    def used(self, pool: str, now_ms: int) -> int:
        """Give what is booked in a pool now."""
        return self._pool(pool).used(now_ms)

    def waiting(self) -> int:
        """Say how many calls wait."""
        return sum(not ticket.gone for queue in self._queues.values() for ticket in queue)

    def _allowed(self, pool: str, priority: Priority) -> int:
        limit = self._pool(pool).limit
        if limit.whole:
            return max(int(limit.capacity * CONNECTION_PARTS[priority]), 1)
        return int(limit.capacity * self._share * (PARTS[priority] if self._keeps_room else 1.0))

    def _book(self, ticket: Ticket, now_ms: int) -> None:
        ticket.granted = True
        ticket.before = {name: pool.used(now_ms) - pool.booked for name, pool in self._pools.items()}
        for pool, amount in ticket.cost.items():
            self._pool(pool).book(amount)

    def _fits(self, ticket: Ticket, now_ms: int) -> bool:
        return all(
            self._pool(pool).used(now_ms) + amount <= self._allowed(pool, ticket.priority)
            for pool, amount in ticket.cost.items()
        )

    def _pool(self, name: str) -> _Pool:
        if name not in self._pools:
            self._pools[name] = _Pool(self._limits[name.partition(":")[0]])
        return self._pools[name]
