"""`fold`: events read, decoded and evolved a second: what a restore does after the last checkpoint.

The histories are those of a run with `trend`, which keeps candles and indicators, and of one with `hybrid`, the
default, which keeps structure and factors. Ours is `PostgresReader.events` into the actors of a kernel. The baselines
end with the same states by the same `evolve`, so that a ratio compares what is ours: reading, decoding, and the actors
around the rules. One is the way of an `eventsourcing` application (`stock.py`): `select_notifications`, mapper, JSON
transcoder, `mutate`. The other is written by hand: one SELECT, a typed msgspec decoder a topic, a dict of states.
`fold:read` leaves `evolve` out; its history is the second one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec
from eventsourcing.postgres import PostgresFactory
from psycopg import Connection
from psycopg.sql import SQL

from actors.kernel import KINDS, Kernel
from domain.base import Decider, Event, kind_of
from domain.catalog import EVENTS, name_of
from domain.config import Config, StrategyConfig
from infra.bench.context import BenchContext
from infra.bench.histories import SYMBOLS, traded
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.bench.stock import fold_stock, read_stock, stock_mapper, store_stock
from infra.bench.storing import Storage
from infra.code_version import strategy_named
from infra.postgres.reader import PostgresReader
from infra.postgres.session import connect
from infra.postgres.tables import Tables

UNIT: Final = "events/s"
STOCK: Final = "the stock select_notifications and JSON transcoder"
BARE: Final = "a bare read and msgspec decode"

_DECODERS: Final = {name_of(kind): msgspec.msgpack.Decoder(tuple[int, int, kind]).decode for kind in EVENTS}


def bench_fold(context: BenchContext) -> list[Measure]:
    """Measure each history, and reading alone, against both baselines."""
    return [*_folded(context, "fold", "trend"), *_folded(context, "fold:hybrid", "hybrid", reading="fold:read")]


def _folded(context: BenchContext, name: str, strategy: str, reading: str | None = None) -> list[Measure]:
    with (
        context.tables() as tables,
        context.schema() as schema,
        PostgresFactory(context.library_environment(schema)) as library,
        PostgresReader(context.url, tables) as reader,
        connect(context.url, "bench") as connection,
    ):
        config = Config(strategy=StrategyConfig(name=strategy))
        rules = {kind: actor.decider_for(config, strategy_named(strategy)) for kind, actor in KINDS.items()}
        recorder, mapped = library.application_recorder(), stock_mapper()
        count = _fill(context, tables, recorder, mapped, config)
        evolving = (
            lambda: rate(count, lambda: _restore(reader)),
            lambda: rate(count, lambda: fold_stock(read_stock(recorder, mapped), rules)),
            lambda: rate(count, lambda: _evolve(_bare(connection, tables), rules)),
        )
        only_reading = (
            lambda: rate(count, lambda: _exhaust(reader.events(0))),
            lambda: rate(count, lambda: _exhaust(read_stock(recorder, mapped))),
            lambda: rate(count, lambda: _exhaust(_bare(connection, tables))),
        )
        figures = take_turns(context.rounds, *evolving, *(only_reading if reading else ()))
    return [
        *_beside(name, figures[:3], ", same evolve in its mutate", ", same evolve"),
        *(_beside(reading, figures[3:]) if reading else ()),
    ]


def _beside(name: str, figures: Sequence[float], stock: str = "", bare: str = "") -> list[Measure]:
    ours, theirs, by_hand = figures
    return [beside(name, ours, UNIT, STOCK + stock, theirs), beside(name, ours, UNIT, BARE + bare, by_hand)]


def _fill(context: BenchContext, tables: Tables, recorder: Any, mapped: Any, config: Config) -> int:
    """Store the same history on both sides, and give how many events it has."""
    steps = traded(SYMBOLS, context.size(1_250, 10), config)
    with closing(Storage(context.url, tables)) as storage:
        storage.store(steps)
    return store_stock(recorder, mapped, steps)


def _restore(reader: PostgresReader) -> None:
    head = reader.head()
    with closing(Kernel(reader, strategy_named)) as kernel:
        kernel.restore(None, reader.events(0, head.seq), head)


def _bare(connection: Connection[Any], tables: Tables) -> Iterator[tuple[str, Event]]:
    select = SQL(
        "SELECT notification_id, originator_id, originator_version, topic, state FROM {events} ORDER BY notification_id"
    ).format(**tables.identifiers())
    rows: list[tuple[Any, ...]] = connection.cursor(binary=True).execute(select).fetchall()
    for _, stream, _, topic, state in rows:
        yield stream, _DECODERS[topic](state)[2]


def _evolve(events: Iterable[tuple[str, Any]], rules: Mapping[str, Decider[Any]]) -> None:
    states: dict[str, Any] = {}
    for stream, event in events:
        decider = rules[kind_of(stream)]
        state = states.get(stream)
        states[stream] = decider.evolve(decider.initial(stream) if state is None else state, event)


def _exhaust(things: Iterable[object]) -> None:
    for _ in things:
        pass
