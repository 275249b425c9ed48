"""A live session's way from an input to its order, at 1,000 inputs a second: kernel, runner, journal, outbox, lease.

Every input makes one small event and one order (`echo.py`), so every input has to be durable before its effect goes
out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final, TypeVar

from actors.kernel import Kernel
from actors.outbox import Outbox
from actors.runner import Runner
from domain.market import CandleArrived
from infra.bench.echo import echo
from infra.bench.histories import START_MS
from infra.bench.measure import undisturbed
from infra.code_version import strategy_named
from infra.postgres.journal import PostgresJournal
from infra.postgres.reader import PostgresReader
from infra.postgres.tables import Tables

PER_SECOND: Final = 1_000

T = TypeVar("T")


def released(url: str, tables: Tables, inputs: Sequence[CandleArrived]) -> list[float]:
    """Give the seconds from each input's receipt to its order's release, behind whatever history there is.

    The first input of each symbol only starts its actor, and is not measured.
    """
    left: list[float] = []
    symbols = len({arrived.symbol for arrived in inputs})
    outbox = Outbox(lambda _: left.append(time.perf_counter()), lambda: journal.lease_valid())  # noqa: PLW0108
    journal = PostgresJournal(url, tables, lambda durable: _let_out(outbox, durable), clock_kind="bench")
    with closing(journal), PostgresReader(url, tables) as reader, closing(Kernel(journal, strategy_named)) as kernel:
        kernel.population.configure({"symbol": echo(orders=True)})
        kernel.restore(None, (), reader.head())
        runner = Runner(kernel, journal, outbox=outbox)
        at_ms = max(START_MS, kernel.head.at_ms)
        for arrived in inputs[:symbols]:
            runner.feed(at_ms, arrived)
        received = paced(inputs[symbols:], lambda arrived: runner.feed(at_ms, arrived))
    return [after - before for before, after in zip(received, left[symbols:], strict=True)]


def _let_out(outbox: Outbox, durable_input: int) -> None:
    outbox.release(durable_input)


def paced(things: Sequence[T], take: Callable[[T], object]) -> list[float]:
    """Take each thing at its time, and give when that was.

    Who is still busy with the one before takes it late: then it was received when it was due.
    """
    received: list[float] = []
    with undisturbed():
        start = time.perf_counter()
        for at, thing in enumerate(things):
            due = start + at / PER_SECOND
            pause = due - time.perf_counter()
            if pause > 0.0:
                time.sleep(pause)
                due = time.perf_counter()
            received.append(due)
            take(thing)
    return received
