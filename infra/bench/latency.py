"""`latency`: from a candle's receipt to the moment at which the order that it caused may leave, at 1,000 a second.

Every input makes one small event and one order (`echo.py`), so every input has to be durable before its effect goes
out. Ours is the way of a live session: kernel, runner, journal, outbox, and the lease. The baseline is one bare INSERT
of a row of the same size and its commit, as often, at the same server. On both sides inputs come at their own times,
whether somebody is ready or not, and one that has to wait counts from when it was due.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final, TypeVar

from psycopg.sql import SQL, Identifier

from actors.kernel import Kernel
from actors.outbox import Outbox
from actors.runner import Runner
from domain.market import CandleArrived
from infra.bench.context import BenchContext
from infra.bench.echo import echo
from infra.bench.histories import START_MS, candles
from infra.bench.measure import Measure, beside, medians, percentile, undisturbed
from infra.code_version import strategy_named
from infra.postgres.journal import PostgresJournal
from infra.postgres.session import connect

PER_SECOND: Final = 1_000
SYMBOLS: Final = 140
BASELINE: Final = "one bare INSERT and commit"
ROW: Final = bytes(250)
"""About as long as what one of our inputs leaves: an event's row, and a frame on the tape."""
_MS: Final = 1_000.0

T = TypeVar("T")


def bench_latency(context: BenchContext) -> list[Measure]:
    """Measure the median and the 99th percentile of both."""
    inputs = list(candles(SYMBOLS, context.size(16, 2)))
    half, most, bare_half, bare_most = medians(
        (*_percentiles(_released(context, inputs)), *_percentiles(_inserted(context, len(inputs) - SYMBOLS)))
        for _ in range(context.rounds)
    )
    return [
        beside("latency", half, "ms p50, lower is better", f"{BASELINE}, p50", bare_half),
        beside("latency", most, "ms p99, lower is better", f"{BASELINE}, p99", bare_most),
    ]


def _released(context: BenchContext, inputs: Sequence[CandleArrived]) -> list[float]:
    """Give how long each order took. The first input of each symbol only starts its actor."""
    left: list[float] = []
    with context.tables() as tables:
        outbox = Outbox(lambda _: left.append(time.perf_counter()), lambda: journal.lease_valid())  # noqa: PLW0108
        journal = PostgresJournal(context.url, tables, lambda durable: _let_out(outbox, durable), clock_kind="bench")
        with closing(journal), closing(Kernel(journal, strategy_named)) as kernel:
            kernel.population.configure({"symbol": echo(orders=True)})
            runner = Runner(kernel, journal, outbox=outbox)
            for arrived in inputs[:SYMBOLS]:
                runner.feed(START_MS, arrived)
            received = _paced(inputs[SYMBOLS:], lambda arrived: runner.feed(START_MS, arrived))
    return [after - before for before, after in zip(received, left[SYMBOLS:], strict=True)]


def _let_out(outbox: Outbox, durable_input: int) -> None:
    outbox.release(durable_input)


def _inserted(context: BenchContext, count: int) -> list[float]:
    """Give how long each INSERT took."""
    with context.schema() as schema, connect(context.url, "bench") as connection:
        table = Identifier(schema, "rows")
        connection.execute(SQL("CREATE TABLE {} (seq bigint PRIMARY KEY, body bytea NOT NULL)").format(table))
        insert = SQL("INSERT INTO {} VALUES (%s, %b)").format(table).as_bytes(None)
        done: list[float] = []

        def commit(seq: int) -> None:
            connection.execute(insert, (seq, ROW), prepare=True)
            done.append(time.perf_counter())

        for warm_up in range(SYMBOLS):
            commit(-warm_up)
        received = _paced(range(1, count + 1), commit)
    return [after - before for before, after in zip(received, done[SYMBOLS:], strict=True)]


def _paced(things: Sequence[T], take: Callable[[T], object]) -> list[float]:
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


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    return percentile(seconds, 0.5) * _MS, percentile(seconds, 0.99) * _MS
