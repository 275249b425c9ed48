"""Stepping aside, in a process of its own: it can't be taken back."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAID = "import os; from infra.priority import step_aside; step_aside(); print(os.nice(0), os.sched_getscheduler(0))"


@pytest.mark.skipif(sys.platform != "linux", reason="the idle class is Linux's own")
def test_who_steps_aside_has_only_what_others_leave() -> None:
    import os

    said = subprocess.run([sys.executable, "-c", SAID], check=True, capture_output=True, text=True).stdout.split()
    assert said == ["19", str(os.SCHED_IDLE)]
