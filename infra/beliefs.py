"""What the kernel believes of one account, for threads that compare it with a venue outside.

The kernel's thread notes every step; any thread may look. States are immutable, so a look is a consistent set of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from actors.population import Population
from actors.ports import Reader, Step
from domain.account import Active
from domain.base import Recorded
from domain.catalog import name_of
from domain.deal import Deal
from domain.flow import HOUR_MS
from domain.orders import LiveOrder, Stage
from domain.position import Closed, Entering, Exiting, Open
from domain.position_events import PositionClosed
from domain.values import Side
from infra.moments import last_seq

OVER_MAX: Final = 256
"""So many positions that are over are remembered."""
RECALLED_MS: Final = 24 * HOUR_MS
"""How far back a new session looks for them: funding is told within minutes, unless nobody was there to hear it."""


class Over(msgspec.Struct, frozen=True):
    """A position that is over: in which symbol it held something, on which side, from when to when (exchange time)."""

    position: str
    symbol: str
    side: Side
    opened_ms: int
    closed_ms: int


class Believed(msgspec.Struct, frozen=True):
    """One look: the balance (USDT) as booked, and every deal that is held or still has orders; `seen` counts steps.

    `over` are the newest positions that ended, oldest first: the venue may still have something to say about them.
    `resumed_ms` is when the session before this one ended (exchange time), 0 if there was none.
    """

    balance: Decimal | None
    deals: tuple[Deal, ...]
    seen: int
    over: tuple[Over, ...] = ()
    resumed_ms: int = 0

    def open_orders(self) -> tuple[tuple[Deal, LiveOrder], ...]:
        """Give the orders that may be open at the venue."""
        return tuple((deal, order) for deal in self.deals for order in deal.orders)

    def unanswered(self) -> tuple[str, ...]:
        """Give the ids of the orders that were asked for, and of which nothing was heard."""
        return tuple(order.order_id for _, order in self.open_orders() if order.stage is Stage.REQUESTED)

    def holder(self, symbol: str, side: Side | None = None) -> Deal | None:
        """Find the deal that holds something in a symbol (on one side)."""
        for deal in self.deals:
            if deal.quantity > 0 and deal.plan.symbol == symbol and side in {None, deal.plan.side}:
                return deal
        return None

    def funded(self, symbol: str, time_ms: int, side: Side | None = None) -> tuple[str, int] | None:
        """Find the position (on one side) that a funding is of; give the time under which both of its sources name it.

        That is the full hour before `time_ms`, at which it was charged: the charge may come seconds later, and be of
        a position that was entered meanwhile; so where two could be meant, it is the one that held at the hour.
        """
        hour_ms = time_ms - time_ms % HOUR_MS
        held = [Over(d.id, d.plan.symbol, d.plan.side, d.opened_ms, time_ms) for d in self.deals if d.quantity > 0]
        meant = [
            (each.opened_ms, each.position)
            for each in (*held, *self.over)
            if each.symbol == symbol and side in {None, each.side} and each.opened_ms <= time_ms
            and each.closed_ms >= hour_ms
        ]  # fmt: skip
        found = min(meant, default=None)
        return None if found is None else (found[1], max(hour_ms, found[0]))


class Beliefs:
    """The account's and its positions' states, kept as the steps go by."""

    def __init__(self, account: str) -> None:
        self.account = account
        self._prefix = f"position:{account}/"
        self._stream = f"account:{account}"
        self._lock = threading.Lock()
        self._population: Population | None = None
        self._balance: Decimal | None = None
        self._deals: dict[str, Deal] = {}
        self._over: deque[Over] = deque(maxlen=OVER_MAX)
        self._seen = self._resumed_ms = 0

    def adopt(self, population: Population) -> None:
        """Begin with what was restored. Before the kernel's thread runs."""
        self._population = population
        for actor in population.actors():
            self._note(actor.stream, actor.state)

    def recall(self, reader: Reader) -> None:
        """Learn when a history ended, and what was over shortly before. Before the kernel's thread runs."""
        self._resumed_ms = reader.head().at_ms
        from_ms = self._resumed_ms - RECALLED_MS
        after = last_seq(reader, lambda recorded: recorded.at_ms <= from_ms)
        self._end(reader.events(after, topics=(name_of(PositionClosed),)))

    def take(self, step: Step) -> None:
        """Note what a step changed. To be called by the kernel's thread."""
        touched = {recorded.stream for recorded in step.events}
        with self._lock:
            self._seen += 1
            self._end(step.events)
            for stream in touched:
                actor = self._population.get(stream) if self._population is not None else None
                self._note(stream, actor.state if actor is not None else None)

    def look(self) -> Believed:
        """Give what is believed now."""
        with self._lock:
            return Believed(self._balance, tuple(self._deals.values()), self._seen, tuple(self._over), self._resumed_ms)

    def _end(self, events: Iterable[Recorded]) -> None:
        for recorded in events:
            event = recorded.event
            if isinstance(event, PositionClosed) and recorded.stream.startswith(self._prefix):
                opened_ms = event.time_ms - event.held_ms
                plan = event.plan
                self._over.append(Over(recorded.stream, plan.symbol, plan.side, opened_ms, event.time_ms))

    def _note(self, stream: str, state: object) -> None:
        if stream == self._stream:
            self._balance = state.balance if isinstance(state, Active) else None
        elif stream.startswith(self._prefix):
            match state:
                case Entering(deal) | Open(deal) | Exiting(deal):
                    self._deals[stream] = deal
                case Closed(deal) if deal.orders:
                    self._deals[stream] = deal
                case _:
                    self._deals.pop(stream, None)
