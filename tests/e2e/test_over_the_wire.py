"""The whole system over real sockets: the program, its simulator in another process, and what kills either of them.

Market time runs 120 times as fast, so that there are signals and positions within seconds.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Running, python, run, running

RUN = ("run", "--venue", "sim", "--symbols", "4", "--speed", "120", "--seed", "3", "--no-dashboard", "--json")
CHATTY = """
from domain.strategies import Pass, Proposal
from domain.values import Side


def propose(view):
    '''Propose a side every other minute, with narrow levels: something has to happen.'''
    minute = view.time_ms // 60_000
    if minute % 2:
        return Pass("REST")
    side = Side.LONG if minute // 2 % 2 else Side.SHORT
    risk = 0.002 * view.close * side.sign
    return Proposal(side, view.close, view.close - risk, view.close + risk, 0.7, 0.5)
"""
OPTIONS = ("--set", "strategy.analysis_interval=1m", "--set", "strategy.cooldown_minutes=0",
           "--set", "strategy.time_stop_minutes=8")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, ...]:
    """Options of a store of one's own, and a strategy that trades a lot."""
    strategy = tmp_path / "chatty.py"
    strategy.write_text(CHATTY)
    return ("--home", str(tmp_path / "var"), "--strategy", str(strategy), *OPTIONS)


def home(place: tuple[str, ...]) -> tuple[str, ...]:
    return place[:2]


def children(process: Running) -> list[int]:
    """Give the simulators that a program started."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(status[1]) == process.process.pid and b"infra.exchange.child" in command:
                found.append(int(entry.name))
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody waits for counts as ended."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def sound(place: tuple[str, ...]) -> None:
    """The store is whole, and today's code decides the same again."""
    verified = run("verify", *home(place), "--json")
    assert verified.code == 0, verified
    replayed = run("replay", "--verify", *home(place), "--json").json
    assert (replayed["divergences"], replayed["chain_equal"]) == (0, True), replayed


def orders(place: tuple[str, ...]) -> list[dict[str, Any]]:
    return run("report", "orders", *home(place), "--json").json


def fills_once(place: tuple[str, ...]) -> None:
    """Every order was filled for what it asked, never for more: nothing was carried out twice."""
    listed = orders(place)
    assert listed
    for order in listed:
        assert float(order["filled_quantity"]) <= float(order["quantity"]) * 1.000001, order


def test_the_system_trades_over_the_wire_and_goes_on_where_it_stopped(place: tuple[str, ...]) -> None:
    first = run(*RUN, *place, "--duration", "8")
    assert first.code == 0, first
    found = first.json
    assert found["positions_opened"] > 0
    assert found["orders"] >= 3 * found["positions_closed"]
    assert found["candle_calls"] >= 24, "cold: every interval of every symbol"
    second = run(*RUN, *place, "--speed", "0.05", "--duration", "3")  # so slowly that hardly a minute ever begins
    assert second.code == 0, second
    assert second.json["candle_calls"] in {0, 4}, "warm: at most the minute that closed while the first one stopped"
    sound(place)
    fills_once(place)


def test_ctrl_c_stops_it_and_its_simulator_within_seconds(place: tuple[str, ...]) -> None:
    with running(*RUN, *place) as process:
        process.until(process.started)
        pids = children(process)
        ended = process.signal(signal.SIGINT, to_group=True)
        assert ended.code == 0, ended
        assert ended.seconds <= 5.0
        assert len(pids) == 1
        assert all(gone(pid) for pid in pids)


def test_a_killed_program_takes_its_simulator_along_and_the_next_one_goes_on(place: tuple[str, ...]) -> None:
    with running(*RUN, *place) as process:
        process.until(process.started)
        process.lives_for(5.0)
        (simulator,) = children(process)
        process.kill9()
        with python("-c", "import threading; threading.Event().wait(10)") as other:  # something that lives meanwhile
            assert other.comes_to(lambda: gone(simulator), 5.0)
    after = run(*RUN, *place, "--duration", "3")
    assert after.code == 0, after
    sound(place)
    fills_once(place)


def test_a_killed_simulator_is_started_again_with_the_account_as_it_was(place: tuple[str, ...]) -> None:
    with running(*RUN, *place) as process:
        process.until(process.started)
        process.lives_for(4.0)
        (simulator,) = children(process)
        os.kill(simulator, signal.SIGKILL)
        process.until(lambda: "started again" in process.said())
        process.lives_for(6.0)
        assert len(children(process)) == 1
        ended = process.signal(signal.SIGTERM)
        assert ended.code == 0, ended
        assert ended.json["positions_closed"] > 0
    sound(place)
    fills_once(place)
