"""`fold`: events read, decoded and evolved a second: what a restore does after the last checkpoint.

Ours is `PostgresReader.events` into the actors of a kernel, each by its own decider. Baselines: the library's way,
`select_notifications` and its JSON transcoder, which evolves nothing; and one plain SELECT with typed msgspec decoders.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import msgspec
from eventsourcing.persistence import ApplicationRecorder, JSONTranscoder, StoredEvent
from eventsourcing.postgres import PostgresFactory
from psycopg import Connection
from psycopg.sql import SQL

from actors.kernel import Kernel
from actors.ports import Step
from domain.catalog import EVENTS, name_of
from infra.bench.context import BenchContext
from infra.bench.histories import SYMBOLS, analysed
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.bench.storing import EVENTS_A_COMMIT, Storage
from infra.code_version import strategy_named
from infra.postgres.reader import EVENTS_A_READ, PostgresReader
from infra.postgres.session import connect
from infra.postgres.tables import Tables

UNIT: Final = "events/s"
STOCK: Final = "the stock select_notifications and JSON transcoder, nothing evolved"
BARE: Final = "a bare read and msgspec decode, nothing evolved"

_DECODERS: Final = {name_of(kind): msgspec.msgpack.Decoder(tuple[int, int, kind]).decode for kind in EVENTS}


def fold(context: BenchContext) -> list[Measure]:
    """Measure the fold of a stored run against both baselines."""
    steps = analysed(SYMBOLS, context.size(1_250, 10))
    count = sum(len(step.events) for step in steps)
    with (
        context.tables() as tables,
        context.schema() as schema,
        PostgresFactory(context.library_environment(schema)) as library,
        PostgresReader(context.url, tables) as reader,
        connect(context.url, "bench") as connection,
    ):
        with closing(Storage(context.url, tables)) as storage:
            storage.store(steps)
        recorder = library.application_recorder()
        _store_as_json(recorder, steps)
        ours, stock, bare = take_turns(
            context.rounds,
            lambda: rate(count, lambda: _restore(reader)),
            lambda: rate(count, lambda: _select(recorder)),
            lambda: rate(count, lambda: _read(connection, tables)),
        )
    return [beside("fold", ours, UNIT, STOCK, stock), beside("fold", ours, UNIT, BARE, bare)]


def _restore(reader: PostgresReader) -> None:
    head = reader.head()
    kernel = Kernel(reader, strategy_named)
    kernel.restore(None, reader.events(0, head.seq), head)


def _store_as_json(recorder: ApplicationRecorder, steps: Sequence[Step]) -> None:
    encode = JSONTranscoder().encode
    events = [
        StoredEvent(
            recorded.stream,
            recorded.version,
            name_of(type(recorded.event)),
            encode(msgspec.to_builtins((recorded.input_seq, recorded.at_ms, recorded.event))),
        )
        for step in steps
        for recorded in step.events
    ]
    for at in range(0, len(events), EVENTS_A_COMMIT):
        recorder.insert_events(events[at : at + EVENTS_A_COMMIT])


def _select(recorder: ApplicationRecorder) -> None:
    decode = JSONTranscoder().decode
    after = 0
    while notifications := recorder.select_notifications(after, EVENTS_A_READ, inclusive_of_start=False):
        for notification in notifications:
            decode(notification.state)
        after = notifications[-1].id


def _read(connection: Connection[Any], tables: Tables) -> None:
    select = SQL(
        "SELECT notification_id, originator_id, originator_version, topic, state FROM {events} ORDER BY notification_id"
    ).format(**tables.identifiers())
    rows: list[tuple[Any, ...]] = connection.cursor(binary=True).execute(select).fetchall()
    for _, _, _, topic, state in rows:
        _DECODERS[topic](state)
