"""`latency`: from a candle's receipt to the moment at which the order that it caused may leave, at 1,000 a second.

Ours is the way of a live session, see `pacing.py`. The baseline is one bare INSERT of a row of the same size and its
commit, as often, at the same server. On both sides inputs come at their own times, whether somebody is ready or not,
and one that has to wait counts from when it was due.
"""

from __future__ import annotations

import time
from typing import Final

from psycopg.sql import SQL, Identifier

from infra.bench.context import BenchContext
from infra.bench.histories import candles
from infra.bench.measure import Measure, beside, medians, percentile
from infra.bench.pacing import paced, released
from infra.postgres.session import connect

SYMBOLS: Final = 140
BASELINE: Final = "one bare INSERT and commit"
ROW: Final = bytes(250)
"""About as long as what one of our inputs leaves: an event's row, and a frame on the tape."""
_MS: Final = 1_000.0


def bench_latency(context: BenchContext) -> list[Measure]:
    """Measure the median and the 99th percentile of both."""
    inputs = list(candles(SYMBOLS, context.size(16, 2)))

    def ours() -> list[float]:
        with context.tables() as tables:
            return released(context.url, tables, inputs)

    half, most, bare_half, bare_most = medians(
        (*_percentiles(ours()), *_percentiles(_inserted(context, len(inputs) - SYMBOLS))) for _ in range(context.rounds)
    )
    return [
        beside("latency", half, "ms p50, lower is better", f"{BASELINE}, p50", bare_half),
        beside("latency", most, "ms p99, lower is better", f"{BASELINE}, p99", bare_most),
    ]


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
        received = paced(range(1, count + 1), commit)
    return [after - before for before, after in zip(received, done[SYMBOLS:], strict=True)]


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    return percentile(seconds, 0.5) * _MS, percentile(seconds, 0.99) * _MS
