"""The hook of the crash tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from domain.errors import InvalidInput
from infra.postgres.fault import STEPS, from_environment, no_fault


def test_without_the_variable_nothing_happens() -> None:
    assert from_environment({}) is no_fault
    for step in STEPS:
        no_fault(step)


def test_the_named_step_kills_at_the_given_time_only() -> None:
    killed: list[str] = []
    fault = from_environment({"HINDSIGHT_FAULT": "before_commit:3"}, lambda: killed.append("now"))
    for step in ("before_commit", "after_commit", "before_commit", "after_commit"):
        fault(step)
    assert killed == []
    fault("before_commit")
    assert killed == ["now"]
    fault("before_commit")
    assert killed == ["now"]


@pytest.mark.parametrize("asked", ["before_commit", "before_commit:", "before_commit:0", "nowhere:1", "after_copy:x"])
def test_a_fault_that_would_never_strike_is_refused(asked: str) -> None:
    with pytest.raises(InvalidInput, match="HINDSIGHT_FAULT"):
        from_environment({"HINDSIGHT_FAULT": asked})


def test_killed_means_that_nothing_runs_afterwards() -> None:
    code = "import atexit; from infra.postgres.fault import kill_self; atexit.register(print, 'x'); kill_self()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -9
    assert done.stdout == b""
