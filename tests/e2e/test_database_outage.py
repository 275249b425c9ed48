"""PostgreSQL dies under the running system, and comes back or not; and how the system ends when it is asked to.

But for one test, the system is told the server's URL: it is somebody else's then, and stays away until he starts it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from program import Running, run, running
from recorded_run import assert_replays, assert_whole, events, head

from domain.operations import (
    Condition,
    ConditionCleared,
    ConditionRaised,
    Health,
    HealthChanged,
    OperatorCommandAccepted,
    RunStopped,
    StateRestored,
)
from domain.position_events import PositionClosed
from infra.postgres import embedded
from infra.postgres.server.place import Place, read_postmaster

pytestmark = pytest.mark.slow

SYSTEM = (
    "--symbols", "4", "--speed", "1200", "--seed", "11", "--no-dashboard", "--json",
    "--set", "market.tick_ms=5000", "--set", "strategy.time_stop_minutes=20", "--set", "strategy.cooldown_minutes=0",
    "--set", "strategy.name=trend",
)  # fmt: skip
IDLE = """
from domain.strategies import Pass

def propose(view):
    return Pass("IDLE")
"""


class Ground:
    """A home with a server that can be taken away."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = embedded.start(home)

    @contextmanager
    def system(self, *more: object) -> Iterator[Running]:
        """Run the system on the server as if it were somebody else's, and wait until it runs."""
        with self.keeping_system("--store", self.url, *more) as system:
            yield system

    @contextmanager
    def keeping_system(self, *more: object) -> Iterator[Running]:
        """Run the system on the server as its own, and wait until it runs."""
        with running(*SYSTEM, "--home", self.home, *more) as system:
            system.until(system.started)
            yield system

    def kill_server(self) -> None:
        """End PostgreSQL at this instruction."""
        found = read_postmaster(Place.of(self.home))
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)

    def answers(self) -> bool:
        """Whether PostgreSQL takes connections at this moment."""
        return embedded.is_running(self.home)

    def start_server(self) -> None:
        """Bring it back, at the same place."""
        assert embedded.start(self.home) == self.url


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield Ground(tmp_path)
    embedded.stop(tmp_path)


def test_an_outage_is_critical_and_over_when_the_server_is_back(ground: Ground, tmp_path: Path) -> None:
    idle = tmp_path / "idle.py"
    idle.write_text(IDLE, "utf-8")
    with ground.system("--strategy", idle) as system:
        assert system.lives_for(0.5)
        ground.kill_server()
        assert system.lives_for(2.0), system.ended()
        ground.start_server()
        system.until(lambda: Condition.JOURNAL_LOST in _cleared(ground))
        halted = run("halt", "--home", ground.home, "--json")
        assert (halted.code, halted.json["event"]) == (0, OperatorCommandAccepted.__name__), halted
        ended = system.signal(signal.SIGINT)
    assert (ended.code, ended.json["events"]) == (0, head(ground.url).seq), ended

    raised = [r for r in events(ground.url, ConditionRaised) if r.event.condition is Condition.JOURNAL_LOST]
    assert len(raised) == 1
    health = [r.event for r in events(ground.url, HealthChanged) if r.input_seq == raised[0].input_seq]
    assert [change.health for change in health] == [Health.CRITICAL]
    assert_whole(ground.url)
    assert assert_replays(ground.url).inputs == head(ground.url).input_seq


def _cleared(ground: Ground) -> set[Condition]:
    return {recorded.event.condition for recorded in events(ground.url, ConditionCleared)}


def test_trading_goes_on_after_outages_with_nothing_lost_and_nothing_twice(ground: Ground) -> None:
    with ground.system() as system:
        for _ in range(3):
            before = head(ground.url).seq
            system.until(lambda before=before: head(ground.url).seq > before + 50)
            ground.kill_server()
            assert system.lives_for(0.7), system.ended()
            ground.start_server()
        before = len(events(ground.url, PositionClosed))
        system.until(lambda: len(events(ground.url, PositionClosed)) > before)
        ended = system.signal(signal.SIGTERM)
    assert ended.code == 0, ended
    now = assert_whole(ground.url)
    assert (ended.json["inputs"], ended.json["events"]) == (now.input_seq, now.seq)
    assert ended.json["chain_head"] == now.content_hash.hex()
    assert assert_replays(ground.url).effects > 0
    rebuilt = run("rebuild", "--home", ground.home, "--json").json["projections"]
    assert [view["name"] for view in rebuilt if not view["equal_to_previous"]] == []


def test_the_system_starts_its_own_server_again(ground: Ground) -> None:
    with ground.keeping_system() as system:
        for _ in range(2):
            before = head(ground.url).seq
            system.until(lambda before=before: head(ground.url).seq > before + 20)
            before = head(ground.url).seq
            ground.kill_server()
            system.until(lambda before=before: ground.answers() and head(ground.url).seq > before + 20)
        ended = system.signal(signal.SIGINT)
    assert ended.code == 0, ended
    assert ended.seconds < 5.0
    ground.start_server()
    assert ended.json["chain_head"] == assert_whole(ground.url).content_hash.hex()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_within_five_seconds(ground: Ground, number: signal.Signals) -> None:
    with ground.system() as system:
        assert system.lives_for(0.5)
        ended = system.signal(number, to_group=True)
    assert ended.code == 0, ended
    assert ended.seconds < 5.0
    assert ended.json["chain_head"] == head(ground.url).content_hash.hex()
    assert "Traceback" not in ended.err
    (stopped,) = events(ground.url, RunStopped)
    assert stopped.event.reason == "asked"
    with ground.system() as system:
        system.signal(number)
    assert [recorded.event.unclean for recorded in events(ground.url, StateRestored)] == [False]


def test_a_signal_while_the_database_is_away_ends_with_a_sentence_and_loses_nothing_durable(ground: Ground) -> None:
    with ground.system() as system:
        system.until(lambda: head(ground.url).seq > 50)
        before = head(ground.url)
        ground.kill_server()
        assert system.lives_for(0.5), system.ended()
        ended = system.signal(signal.SIGINT)
    assert ended.code == 2
    assert ended.seconds < 15.0
    assert ended.out == ""
    assert "PostgreSQL is not available" in ended.err
    assert "Traceback" not in ended.err
    ground.start_server()
    assert_whole(ground.url, before)
    assert_replays(ground.url)
