"""`rebuild`: events a second of the read model `pnl`, built anew beside the live one, compared and swapped in.

The history holds nothing but what `pnl` asks about, so that every event costs its whole way: read, decoded, folded with
decimals, stored. The baseline is a bare read of the same rows.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL

from infra.bench.context import BenchContext
from infra.bench.histories import closed_positions
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.bench.storing import Storage
from infra.postgres.following import follower_of
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from projections.pnl import PNL

BASELINE: Final = "a bare read of the same rows"


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
    return [beside("rebuild", ours, "events/s", BASELINE, bare)]


def _read(connection: Connection[Any], tables: Tables) -> None:
    select = SQL(
        "SELECT notification_id, originator_id, originator_version, topic, state FROM {events} WHERE topic = ANY(%s)"
        " ORDER BY notification_id"
    ).format(**tables.identifiers())
    connection.cursor(binary=True).execute(select, [list(PNL.topic_names)]).fetchall()
