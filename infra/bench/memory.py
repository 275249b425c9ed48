"""`memory`: how much of the machine's memory the running system takes, in MB resident.

The system runs in a process of its own, as `run.py` does, over a simulator in another, with 140 symbols: histories
loaded, streams running. What the store takes (PostgreSQL's own processes) does not count. The baseline is the same
interpreter with everything imported and nothing begun.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from infra.bench.context import BenchContext
from infra.bench.exchange_side import Served
from infra.bench.measure import Measure, beside
from infra.bench.neighbour import Neighbour
from infra.bench.starts import database, exchange_at, place_over, settings_over
from infra.cli.running import System
from infra.cli.system import opened

SYMBOLS: Final = 140
UNIT: Final = "MB, lower is better"
BARE: Final = "the same process before it begins"
_PATIENCE_S: Final = 120.0
_LOOK_S: Final = 0.05


class Running:
    """The whole system in a process of its own. `told(seconds)` lets it run on and gives its resident MB."""

    def __init__(self, served: Served, url: str, symbols: int) -> None:
        self._opened: AbstractContextManager[System] = opened(url, settings_over(served), place_over(symbols))
        self._system: System | None = None

    async def start(self) -> float:
        """Give the resident MB before anything began."""
        return resident_mb()

    async def told(self, wish: float) -> float:
        """Begin if need be, wait until every history is there and so many seconds more, and give the resident MB."""
        if self._system is None:
            self._system = await asyncio.to_thread(self._opened.__enter__)
        system = self._system
        deadline = time.monotonic() + _PATIENCE_S
        while not system.warm() and not system.ended and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_S)
        await asyncio.sleep(wish)
        return resident_mb()

    async def stop(self) -> None:
        """Stop the system."""
        if self._system is not None:
            await asyncio.to_thread(self._system.stop, "measured")
            await asyncio.to_thread(self._opened.__exit__, None, None, None)


def bench_memory(context: BenchContext) -> list[Measure]:
    """Measure the system's process in steady state."""
    symbols = context.size(SYMBOLS, 4)
    with (
        exchange_at(0, symbols) as exchange,
        database(context) as url,
        Neighbour(Running, exchange.said, url, symbols) as system,
    ):
        bare: float = system.said
        steady: float = system.ask(context.size(20, 1))
    return [beside("memory", steady, UNIT, BARE, bare)]


def resident_mb() -> float:
    """Give this process's resident memory; where the system does not tell it, the most that it ever was."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1_048_576.0
