"""`append`: events made durable a second, 1,000 a commit, with tape and hash chain.

Ours goes the product's whole way: steps as the kernel makes them, the journal's backlog, its writer's thread. A second
figure is the way of an `eventsourcing` application, `JournalRecorder.insert_events`, with a chain but without a tape.
Baselines: the library's own recorder, and nothing but a binary COPY of the same rows into the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Final

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresFactory
from psycopg.sql import SQL, Identifier

from actors.ports import Step
from infra.bench.context import BenchContext
from infra.bench.histories import SYMBOLS, analysed
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.bench.storing import EVENTS_A_COMMIT, Storage
from infra.postgres import small_commit
from infra.postgres.recorder import JournalFactory

UNIT: Final = "events/s"
STOCK: Final = "the stock eventsourcing recorder"
BARE: Final = "a bare binary COPY of the same rows"
_COLUMN_TYPES: Final = ("text", "int8", "text", "bytea", "int8")


def bench_append(context: BenchContext) -> list[Measure]:
    """Measure the journal and the recorder of the library against both baselines."""
    steps = analysed(SYMBOLS, context.size(2_500, 10))
    rows = [small_commit.columns_of(row) for step in steps for row in step.rows]
    stored = [StoredEvent(stream, version, topic, state) for stream, version, topic, state, _ in rows]
    ours, library, stock, bare = take_turns(
        context.rounds,
        lambda: _journal(context, steps, len(rows)),
        lambda: _insert(context, JournalFactory, stored),
        lambda: _insert(context, PostgresFactory, stored),
        lambda: _copy(context, rows),
    )
    return [
        beside("append", ours, UNIT, STOCK, stock),
        beside("append", ours, UNIT, BARE, bare),
        beside("append:library", library, UNIT, STOCK, stock),
        beside("append:library", library, UNIT, BARE, bare),
    ]


def _journal(context: BenchContext, steps: Sequence[Step], events: int) -> float:
    with context.tables() as tables, closing(Storage(context.url, tables)) as storage:
        return rate(events, lambda: storage.store(steps))


def _insert(context: BenchContext, factory: type[PostgresFactory], stored: Sequence[StoredEvent]) -> float:
    commits = _in_commits(stored)
    with context.schema() as schema, factory(context.library_environment(schema)) as made:
        recorder = made.application_recorder()
        return rate(len(stored), lambda: _each(recorder.insert_events, commits))


def _copy(context: BenchContext, rows: Sequence[tuple[Any, ...]]) -> float:
    commits = _in_commits(rows)
    with context.schema() as schema, PostgresFactory(context.library_environment(schema)) as made:
        recorder = made.application_recorder()
        assert isinstance(recorder, PostgresApplicationRecorder), "the library's own, which has made its table"
        with psycopg.connect(context.url, autocommit=True) as connection:
            load = SQL(
                "COPY {} (originator_id, originator_version, topic, state, notification_id) FROM STDIN (FORMAT BINARY)"
            ).format(Identifier(schema, recorder.events_table_name))

            def commit(part: Sequence[tuple[Any, ...]]) -> None:
                with connection.transaction(), connection.cursor().copy(load) as copy:
                    copy.set_types(_COLUMN_TYPES)
                    for row in part:
                        copy.write_row(row)

            return rate(len(rows), lambda: _each(commit, commits))


def _in_commits(events: Sequence[Any]) -> list[Sequence[Any]]:
    return [events[at : at + EVENTS_A_COMMIT] for at in range(0, len(events), EVENTS_A_COMMIT)]


def _each(work: Callable[[Any], object], parts: Sequence[Sequence[Any]]) -> None:
    for part in parts:
        work(part)
