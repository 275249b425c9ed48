"""A process is named so that nobody takes another one for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from infra.postgres import process
from infra.postgres.process import Process, is_gone, this_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def named(pid: int) -> Process:
    return replace(this_process(), pid=pid, started=process._start_time(pid))


def test_a_running_process_is_not_gone(child: subprocess.Popen[bytes]) -> None:
    assert not is_gone(this_process())
    assert not is_gone(named(child.pid))


def test_a_process_that_ended_is_gone(child: subprocess.Popen[bytes]) -> None:
    was = named(child.pid)
    child.kill()
    child.wait()
    assert is_gone(was)


def test_a_process_that_was_killed_is_gone_before_its_parent_has_looked(child: subprocess.Popen[bytes]) -> None:
    was = named(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it ended, and stays a zombie
    assert is_gone(was)


def test_a_reused_pid_is_not_taken_for_the_process_that_had_it() -> None:
    assert is_gone(replace(this_process(), started="1"))


@pytest.mark.parametrize("elsewhere", [{"boot": "another"}, {"namespace": "pid:[1]"}, {"started": ""}])
def test_what_cannot_be_proven_counts_as_alive(elsewhere: dict[str, str]) -> None:
    assert not is_gone(replace(this_process(), pid=2**22 + 1, **{"started": "1", **elsewhere}))


def test_a_process_says_its_pid_and_host() -> None:
    assert str(Process("box", 42)) == "process 42 on box"
