"""What the live system tells the kernel about its own state, as inputs."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from worlds import World

from actors.ingress import Ingress
from domain.operations import Condition, ConditionCleared, ConditionRaised, HealthChanged
from infra import live
from infra.clock import ScaledClock
from infra.durability import StoreCondition, StoreState
from infra.live import LOST_LONG_S, LiveSystem
from infra.memory import MemoryJournal


class Told(MemoryJournal):
    """A journal that is as its test says."""

    state = StoreState.OK

    def condition(self) -> StoreCondition:
        return StoreCondition(self.state, 1)


class Nothing:
    """A market in which nothing happens, over a feed that may be stale."""

    def __init__(self) -> None:
        self.stale: dict[Condition, str] = {}

    def run(self, stop: threading.Event) -> None:
        stop.wait()

    def conditions(self) -> Mapping[Condition, str]:
        return self.stale


def test_a_lost_store_is_told_once_and_told_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    journal = Told()
    world = World(journal=journal)
    clock = ScaledClock(world.kernel.head.at_ms, 1.0, lambda: 0.0)
    system = LiveSystem(world.runner, journal, clock, Nothing(), Ingress())

    def told_after(seconds: float, state: StoreState) -> list[str]:
        now[0] += seconds
        journal.state = state
        already = len(world.events())
        for _ in range(2):
            system._report_conditions()
        kinds = (ConditionRaised, ConditionCleared)
        return [f"{r.event.condition}" for r in world.events()[already:] if isinstance(r.event, kinds)]

    assert told_after(0, StoreState.OK) == []
    assert told_after(1, StoreState.LAGGING) == ["JOURNAL_LAGGING"]
    assert told_after(1, StoreState.LOST) == ["JOURNAL_LOST", "JOURNAL_LAGGING"], "what ends comes last"
    assert told_after(LOST_LONG_S - 1, StoreState.LOST) == []
    assert told_after(1, StoreState.LOST) == ["JOURNAL_LOST_LONG"]
    assert told_after(1, StoreState.OK) == ["JOURNAL_LOST", "JOURNAL_LOST_LONG"]
    assert told_after(1, StoreState.LOST) == ["JOURNAL_LOST"], "the minute begins anew"
    health = [f"{recorded.event.health}" for recorded in world.events(HealthChanged)]
    assert health == ["DEGRADED", "CRITICAL", "HEALTHY", "CRITICAL"]


def test_a_stale_feed_is_told_with_its_detail_and_again_when_it_is_back() -> None:
    world = World(journal=Told())
    feed = Nothing()
    clock = ScaledClock(world.kernel.head.at_ms, 1.0, lambda: 0.0)
    system = LiveSystem(world.runner, Told(), clock, feed, Ingress())
    feed.stale = {Condition.FEED_STALE: "no message for 11 s"}
    system._report_conditions()
    system._report_conditions()
    assert [raised.event.detail for raised in world.events(ConditionRaised)] == ["no message for 11 s"]
    feed.stale = {}
    system._report_conditions()
    assert len(world.events(ConditionCleared)) == 1
