"""Given / when / then over a decider: events that happened, a command, and the events that follow."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from domain.base import Decider, Event, Message, Reaction
from domain.deal import Plan
from domain.strategies import Proposal
from domain.values import Side


class Scenario:
    """One stream's life in a test."""

    def __init__(self, decider: Decider[Any], stream: str) -> None:
        self.decider = decider
        self.state = decider.initial(stream)
        self.events: list[Event] = []
        self.reactions: list[Reaction] = []

    def given(self, *events: Event) -> Scenario:
        for event in events:
            self.state = self.decider.evolve(self.state, event)
        return self

    def when(self, *commands: Message) -> Scenario:
        self.events, self.reactions = [], []
        for command in commands:
            for event in self.decider.decide(self.state, command):
                self.state = self.decider.evolve(self.state, event)
                self.events.append(event)
                self.reactions.extend(self.decider.react(self.state, event))
        return self

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def one(self, kind: type[Event]) -> Any:
        (found,) = [event for event in self.events if isinstance(event, kind)]
        return found

    def refolded(self, history: Iterable[Event], stream: str) -> Any:
        state = self.decider.initial(stream)
        for event in history:
            state = self.decider.evolve(state, event)
        return state


def plan(side: Side = Side.LONG, **changes: Any) -> Plan:
    far, near = (Decimal(95), Decimal(110)) if side is Side.LONG else (Decimal(105), Decimal(90))
    values: dict[str, Any] = {
        "account": "main",
        "symbol": "BTCUSDT",
        "side": side,
        "quantity": Decimal(2),
        "reference_price": Decimal(100),
        "stop": far,
        "target": near,
        "leverage": 5,
        "margin": Decimal(40),
        "time_stop_ms": 7_200_000,
        "signal_id": "symbol:BTCUSDT@7",
        "strategy": "trend",
        "confidence": 0.7,
        "win": 0.4,
    }
    return Plan(**(values | changes))


def proposal(side: Side = Side.LONG, entry: float = 100.0, risk: float = 2.0) -> Proposal:
    return Proposal(
        side=side,
        entry=entry,
        stop=entry - side.sign * risk,
        target=entry + side.sign * 1.5 * risk,
        confidence=0.7,
        win=0.4,
        reasons=("BECAUSE",),
    )
