"""Stepping aside, in a process of its own: it can't be taken back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infra.priority import Breather

SAID = "import os; from infra.priority import step_aside; step_aside(); print(os.nice(0), os.sched_getscheduler(0))"


@pytest.mark.skipif(sys.platform != "linux", reason="the idle class is Linux's own")
def test_who_steps_aside_has_only_what_others_leave() -> None:
    import os

    said = subprocess.run([sys.executable, "-c", SAID], check=True, capture_output=True, text=True).stdout.split()
    assert said == ["19", str(os.SCHED_IDLE)]


def test_whoever_breathes_rests_as_long_as_he_worked() -> None:
    now, rested = [0.0], list[float]()

    def rest(seconds: float) -> None:
        rested.append(seconds)
        now[0] += seconds

    breather = Breather(lambda: now[0], rest)
    for worked in (3.0, 0.5):
        now[0] += worked
        breather.breathe()
    assert rested == [3.0, 0.5]
