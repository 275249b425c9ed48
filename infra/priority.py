"""How much of the machine a process of ours may take from the others."""

from __future__ import annotations

import os


def step_aside() -> None:
    """Let this process have only what others leave: for long work beside a run that trades.

    On Linux it becomes idle-class work, which a waking kernel thread interrupts at once; elsewhere it is merely nice.
    """
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
