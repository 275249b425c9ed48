"""`rebuild`: events a second of the read model `pnl`, built anew beside the live one, compared and swapped in.

The history holds nothing but what `pnl` asks about, so that every event costs its whole way: read, decoded, folded with
decimals, stored. The baseline is a bare read of the same rows.

`rebuild:beside` is what a run of 1,000 inputs a second feels of it: the median time from an input to its durable order
while another process rebuilds `pnl` again and again, beside the same without anybody rebuilding.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Generator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Event
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL

from domain.errors import Unavailable
from domain.market import CandleArrived
from infra.bench.context import BenchContext
from infra.bench.histories import candles, closed_positions
from infra.bench.measure import Measure, beside, percentile, rate, take_turns
from infra.bench.pacing import released
from infra.bench.storing import Storage
from infra.postgres.following import follower_of
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.priority import Breather, step_aside
from projections.pnl import PNL

BASELINE: Final = "a bare read of the same rows"
ALONE: Final = "the same run with nobody rebuilding"
RUN_SYMBOLS: Final = 140
_START_S: Final = 60.0


def bench_rebuild(context: BenchContext) -> list[Measure]:
    """Measure a rebuild of `pnl`."""
    count = context.size(50_000, 500)
    with context.tables() as tables:
        with closing(Storage(context.url, tables)) as storage:
            storage.store(closed_positions(count))
        with (
            follower_of(context.url, tables.schema, (PNL,)) as follower,
            connect(context.url, "bench") as connection,
        ):
            follower.catch_up()
            ours, bare = take_turns(
                context.rounds,
                lambda: rate(count, lambda: follower.rebuild(["pnl"])),
                lambda: rate(count, lambda: _read(connection, tables)),
            )
        alone, disturbed = _commits_beside(context, tables)
    return [
        beside("rebuild", ours, "events/s", BASELINE, bare),
        beside("rebuild:beside", disturbed, "ms p50 to a durable order, lower is better", ALONE, alone),
    ]


def _commits_beside(context: BenchContext, tables: Tables) -> tuple[float, float]:
    """Give the median milliseconds of a run alone, and of one beside a rebuild. Each run has symbols of its own."""
    inputs = list(candles(RUN_SYMBOLS, context.size(24, 2)))
    turns = itertools.count()

    def half() -> float:
        turn = next(turns)
        own = [CandleArrived(f"RUN{turn}{arrived.symbol}", arrived.candle) for arrived in inputs]
        return 1_000.0 * percentile(released(context.url, tables, own), 0.5)

    def beside_rebuilds() -> float:
        with _rebuilding(context.url, tables.schema):
            return half()

    alone, disturbed = take_turns(context.rounds, half, beside_rebuilds)
    return alone, disturbed


@contextmanager
def _rebuilding(url: str, schema: str) -> Generator[None]:
    """Let another process rebuild `pnl` until the end, as `run.py rebuild` does."""
    spawn = multiprocessing.get_context("spawn")
    begun, stop = spawn.Event(), spawn.Event()
    process = spawn.Process(target=_rebuild_again, args=(url, schema, begun, stop))
    process.start()
    try:
        if not begun.wait(_START_S):
            raise Unavailable("The other process", f"it did not begin to rebuild within {_START_S:g} s")
        yield
    finally:
        stop.set()
        process.join()


def _rebuild_again(url: str, schema: str, begun: Event, stop: Event) -> None:
    step_aside()
    with follower_of(url, schema, (PNL,)) as follower:
        begun.set()
        breather = Breather()
        while not stop.is_set():
            follower.rebuild(["pnl"], lambda _name, _done, _total: breather.breathe())


def _read(connection: Connection[Any], tables: Tables) -> None:
    select = SQL(
        "SELECT notification_id, originator_id, originator_version, topic, state FROM {events} WHERE topic = ANY(%s)"
        " ORDER BY notification_id"
    ).format(**tables.identifiers())
    connection.cursor(binary=True).execute(select, [list(PNL.topic_names)]).fetchall()
