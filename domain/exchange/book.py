"""One side of a book: anonymous levels that the market replaces, and clients' orders in price-time priority.

    price 100   [ anonymous ahead of A │ A │ anonymous that came later │ B │ … ]   first in, first out

The anonymous levels are kept as they came (best first) with a place and a quantity up to which they are consumed, so
that replacing a thousand levels costs nothing. Each resting order knows how much anonymous quantity stood `ahead` of it
at its price; that part shrinks when it trades, and when the market shows less (whoever stood in front has left).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from decimal import Decimal

from domain.exchange.listing import Level
from domain.exchange.orders import Order
from domain.values import ZERO, OrderSide


class Half:
    """The bids or the asks of one contract. Keys order prices from best to worst: ask = price, bid = -price."""

    __slots__ = ("_ascending", "_at", "_keys", "_levels", "_queues", "_taken", "side")

    def __init__(self, side: OrderSide) -> None:
        self.side = side
        self._ascending = side is OrderSide.SELL
        self._levels: Sequence[Level] = ()
        self._at = 0
        self._taken = ZERO
        self._keys: list[Decimal] = []
        self._queues: dict[Decimal, list[Order]] = {}

    def _key(self, price: Decimal) -> Decimal:
        return price if self._ascending else price.copy_negate()

    def reaches(self, price: Decimal, limit: Decimal) -> bool:
        """Say whether a taker with this limit would trade at this price of ours."""
        return price <= limit if self._ascending else price >= limit

    # ── anonymous levels ──────────────────────────────────────────────────────────────────────────────────────────

    def replace(self, levels: Sequence[Level]) -> None:
        """Put new anonymous levels (best first) in the place of the old; nobody's place in a queue gets worse."""
        self._levels = levels
        self._at = 0
        self._taken = ZERO
        for queue in self._queues.values():
            shown = self.anonymous_at(queue[0].price)
            for order in queue:
                order.ahead = min(order.ahead, shown)

    def anonymous_best(self) -> Level | None:
        """Give the best anonymous level that is left."""
        if self._at >= len(self._levels):
            return None
        price, quantity = self._levels[self._at]
        return price, quantity - self._taken

    def anonymous_at(self, price: Decimal) -> Decimal:
        """Give the anonymous quantity that is left at a price."""
        key = self._key(price)
        index = bisect_left(self._levels, key, lo=self._at, key=lambda level: self._key(level[0]))
        if index >= len(self._levels) or self._levels[index][0] != price:
            return ZERO
        quantity = self._levels[index][1]
        return quantity - self._taken if index == self._at else quantity

    def consume(self, quantity: Decimal) -> None:
        """Take from the best anonymous level, at most what is left there."""
        price, shown = self._levels[self._at]
        self._taken += quantity
        assert self._taken <= shown, f"took {self._taken} of {shown} at {price}"
        if self._taken == shown:
            self._at += 1
            self._taken = ZERO
        self.advance_queue(price, quantity)

    def advance_queue(self, price: Decimal, quantity: Decimal) -> None:
        """Let anonymous quantity at the front of a price leave: those behind move up."""
        for order in self._queues.get(self._key(price), ()):
            order.ahead = max(ZERO, order.ahead - quantity)

    # ── clients' orders ───────────────────────────────────────────────────────────────────────────────────────────

    def add(self, order: Order) -> None:
        """Let an order rest, behind all that stands at its price."""
        key = self._key(order.price)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = []
            insort(self._keys, key)
        order.ahead = self.anonymous_at(order.price)
        queue.append(order)

    def remove(self, order: Order) -> None:
        """Take an order out; one that doesn't rest here is none of ours."""
        key = self._key(order.price)
        queue = self._queues.get(key)
        if queue is None:
            return
        queue[:] = [other for other in queue if other is not order]
        if not queue:
            del self._queues[key]
            del self._keys[bisect_left(self._keys, key)]

    def first(self) -> Order | None:
        """Give the resting order with the highest priority."""
        return self._queues[self._keys[0]][0] if self._keys else None

    def queue(self, price: Decimal) -> Sequence[Order]:
        """Give the orders that rest at a price, first come first."""
        return self._queues.get(self._key(price), ())

    # ── both together ─────────────────────────────────────────────────────────────────────────────────────────────

    def best_price(self) -> Decimal | None:
        """Give the best price, whoever offers it."""
        level, order = self.anonymous_best(), self.first()
        if order is None:
            return level[0] if level else None
        if level is None or self._key(order.price) < self._key(level[0]):
            return order.price
        return level[0]

    def depth(self, count: int) -> tuple[Level, ...]:
        """Give up to `count` levels of anonymous and clients' quantity together, best first."""
        start = self._at
        levels = list(self._levels[start : start + count])
        if levels and self._taken:
            levels[0] = (levels[0][0], levels[0][1] - self._taken)
        if not self._keys:
            return tuple(levels)
        merged = {self._key(price): quantity for price, quantity in levels}
        for key in self._keys[:count]:
            resting = sum((order.remaining for order in self._queues[key]), ZERO)
            merged[key] = merged.get(key, ZERO) + resting
        best = sorted(merged)[:count]
        return tuple((abs(key), merged[key]) for key in best)

    def within(self, limit: Decimal, enough: Decimal, strange_to: str = "") -> Decimal:
        """Give the quantity that a taker with this limit could get, counting no further than `enough`.

        Orders of the account `strange_to` don't count.
        """
        total = ZERO
        for key in self._keys:
            if not self.reaches(abs(key), limit):
                break
            total += sum((o.remaining for o in self._queues[key] if o.account != strange_to), ZERO)
        taken = self._taken
        for index in range(self._at, len(self._levels)):
            price, quantity = self._levels[index]
            if total >= enough or not self.reaches(price, limit):
                break
            total += quantity - taken
            taken = ZERO
        return total
