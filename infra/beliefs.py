"""What the kernel believes of one account, for threads that compare it with a venue outside.

The kernel's thread notes every step; any thread may look. States are immutable, so a look is a consistent set of them.
"""

from __future__ import annotations

import threading
from decimal import Decimal

import msgspec

from actors.population import Population
from actors.ports import Step
from domain.account import Active
from domain.deal import Deal
from domain.orders import LiveOrder, Stage
from domain.position import Closed, Entering, Exiting, Open
from domain.values import Side


class Believed(msgspec.Struct, frozen=True):
    """One look: the balance (USDT) as booked, and every deal that is held or still has orders; `seen` counts steps."""

    balance: Decimal | None
    deals: tuple[Deal, ...]
    seen: int

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
        self._seen = 0

    def adopt(self, population: Population) -> None:
        """Begin with what was restored. Before the kernel's thread runs."""
        self._population = population
        for actor in population.actors():
            self._note(actor.stream, actor.state)

    def take(self, step: Step) -> None:
        """Note what a step changed. To be called by the kernel's thread."""
        touched = {recorded.stream for recorded in step.events}
        with self._lock:
            self._seen += 1
            for stream in touched:
                actor = self._population.get(stream) if self._population is not None else None
                self._note(stream, actor.state if actor is not None else None)

    def look(self) -> Believed:
        """Give what is believed now."""
        with self._lock:
            return Believed(self._balance, tuple(self._deals.values()), self._seen)

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
