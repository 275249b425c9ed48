"""An account that nobody hears: told as a condition, first as a flaw of health, then as a reason to enter nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from worlds import World

from actors.ingress import Ingress
from domain.account import EntriesHalted, EntriesResumed
from domain.operations import Condition, ConditionChanged, HealthChanged, Restored
from infra.binance import live
from infra.binance.live import LiveExchange, Wish
from infra.clock import ExchangeClock
from infra.exchange.faults import Faults, Once, RestFault
from infra.simulator import settings_for
from tests.venue_worlds import EPOCH, SYMBOL, WAIT_S, Known, WireWorld

LOST, LOST_LONG = Condition.USER_STREAM_LOST, Condition.USER_STREAM_LOST_LONG


@pytest.fixture
def world() -> Iterator[WireWorld]:
    made = WireWorld()
    made.end_session()
    yield made
    made.close()


def until(condition: Callable[[], Any]) -> None:
    deadline, pause = time.monotonic() + WAIT_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S:g} s"
        pause.wait(0.02)


def test_a_user_stream_that_is_cut_and_can_not_be_opened_again_is_said_to_be_lost(
    world: WireWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "USER_STREAM_LOST_S", 0.1)
    monkeypatch.setattr(live, "USER_STREAM_LOST_LONG_S", 0.5)
    settings, key = settings_for(world._settings, world.server.announced)
    exchange = LiveExchange(
        settings, key, ExchangeClock(1.0), Ingress(), Wish((SYMBOL,), (SYMBOL,), ()), account=(Known(), EPOCH)
    )
    stop = threading.Event()
    thread = threading.Thread(target=exchange.run, args=(stop,), daemon=True)
    thread.start()
    until(lambda: exchange._desk is not None and exchange._desk.stream.connected)
    assert not {LOST, LOST_LONG} & set(exchange.conditions())
    world.misbehave(Faults(next=(Once(RestFault.SERVER_ERROR, "/fapi/v1/listenKey", "POST", 1_000),)))
    world.on_loop(lambda: [client.close(0) for client in tuple(world.stage.hub.clients)])
    until(lambda: LOST in exchange.conditions())
    until(lambda: LOST_LONG in exchange.conditions())
    assert exchange.conditions()[LOST].startswith("no user data stream for ")
    stop.set()
    thread.join(WAIT_S)
    assert exchange.conditions() == {}, "after the end nobody is missed"


def test_entries_are_halted_only_when_it_is_lost_for_long_and_go_on_when_it_is_back() -> None:
    world = World()

    def told(condition: Condition, *, active: bool) -> None:
        world.runner.feed(world.kernel.head.at_ms + 1, ConditionChanged(condition, active))

    told(LOST, active=True)
    assert not world.events(EntriesHalted)
    told(LOST_LONG, active=True)
    assert [recorded.event.cause for recorded in world.events(EntriesHalted)] == [LOST_LONG]
    told(LOST_LONG, active=False)
    told(LOST, active=False)
    assert [recorded.event.cause for recorded in world.events(EntriesResumed)] == [LOST_LONG]
    assert [f"{r.event.health}" for r in world.events(HealthChanged)] == [
        "DEGRADED",
        "UNHEALTHY",
        "DEGRADED",
        "HEALTHY",
    ]


def test_a_halt_of_a_session_that_died_does_not_outlive_it() -> None:
    world = World()
    world.runner.feed(world.kernel.head.at_ms + 1, ConditionChanged(LOST_LONG, active=True))
    world.runner.feed(world.kernel.head.at_ms + 1, Restored(1, ""))
    assert [recorded.event.cause for recorded in world.events(EntriesResumed)] == [LOST_LONG]
