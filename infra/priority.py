"""How much of the machine a process of ours may take from the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def step_aside() -> None:
    """Let this process have only what others leave: for long work beside a run that trades.

    On Linux it becomes idle-class work, which a waking kernel thread interrupts at once; elsewhere it is merely nice.
    """
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Breather:
    """Between two pieces of work, rests as long as the last one took: what works *for* us has no lower priority.

    The database's own process is such a one, and it shares the disk and the cores with the run.
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, rest: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = clock
        self._rest = rest
        self._since = clock()

    def breathe(self) -> None:
        """Rest, and begin the next piece."""
        self._rest(self._clock() - self._since)
        self._since = self._clock()
