"""`append`: events made durable a second, 1,000 a commit, with tape and hash chain.

Ours is the journal's writer, which is given steps as the kernel makes them. `append:journal` is the way there as well:
one thread hands steps over, another one groups and writes them, and both share an interpreter. `append:library` is the
way of an `eventsourcing` application, `JournalRecorder.insert_events`, with a chain but without a tape.

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
from infra.postgres.lease import Lease
from infra.postgres.recorder import JournalFactory
from infra.postgres.writer import Writer

UNIT: Final = "events/s"
STOCK: Final = "the stock eventsourcing recorder"
BARE: Final = "a bare binary COPY of the same rows"
_COLUMN_TYPES: Final = ("text", "int8", "text", "bytea", "int8")


def bench_append(context: BenchContext) -> list[Measure]:
    """Measure the journal and the recorder of the library against both baselines."""
    steps = analysed(SYMBOLS, context.size(2_500, 10))
    rows = [small_commit.columns_of(row) for step in steps for row in step.rows]
    stored = [StoredEvent(stream, version, topic, state) for stream, version, topic, state, _ in rows]
    commits = _in_commits(steps)
    ours, journal, library, stock, bare = take_turns(
        context.rounds,
        lambda: _writer(context, commits, len(rows)),
        lambda: _journal(context, steps, len(rows)),
        lambda: _insert(context, JournalFactory, stored),
        lambda: _insert(context, PostgresFactory, stored),
        lambda: _copy(context, rows),
    )
    figures = (("append", ours), ("append:journal", journal), ("append:library", library))
    baselines = ((STOCK, stock), (BARE, bare))
    return [beside(name, value, UNIT, *baseline) for name, value in figures for baseline in baselines]


def _in_commits(steps: Sequence[Step]) -> list[list[Step]]:
    """Group steps by 1,000 events, the last one of a group being the one that reaches it."""
    commits: list[list[Step]] = [[]]
    events = 0
    for step in steps:
        if events >= EVENTS_A_COMMIT:
            commits.append([])
            events = 0
        commits[-1].append(step)
        events += len(step.events)
    return commits


def _writer(context: BenchContext, commits: Sequence[Sequence[Step]], events: int) -> float:
    with context.tables() as tables:
        writer = Writer(context.url, tables, Lease(tables), clock_kind="bench")
        writer.open()
        try:
            return rate(events, lambda: _each(writer.commit, commits))
        finally:
            writer.release()


def _journal(context: BenchContext, steps: Sequence[Step], events: int) -> float:
    with context.tables() as tables, closing(Storage(context.url, tables)) as storage:
        return rate(events, lambda: storage.store(steps))


def _insert(context: BenchContext, factory: type[PostgresFactory], stored: Sequence[StoredEvent]) -> float:
    parts = _in_parts(stored)
    with context.schema() as schema, factory(context.library_environment(schema)) as made:
        recorder = made.application_recorder()
        return rate(len(stored), lambda: _each(recorder.insert_events, parts))


def _copy(context: BenchContext, rows: Sequence[tuple[Any, ...]]) -> float:
    parts = _in_parts(rows)
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

            return rate(len(rows), lambda: _each(commit, parts))


def _in_parts(events: Sequence[Any]) -> list[Sequence[Any]]:
    return [events[at : at + EVENTS_A_COMMIT] for at in range(0, len(events), EVENTS_A_COMMIT)]


def _each(work: Callable[[Any], object], parts: Sequence[Sequence[Any]]) -> None:
    for part in parts:
        work(part)
