"""The `eventsourcing` library's own way, as its manual shows it, for benchmarks to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from eventsourcing.domain import CanMutateAggregate
from eventsourcing.persistence import (
    ApplicationRecorder,
    DatetimeAsISO,
    JSONTranscoder,
    Mapper,
    StoredEvent,
    Transcoding,
)

from actors.ports import Step
from domain.base import Decider, Event, kind_of
from domain.catalog import EVENTS, name_of
from domain.market import Candle
from domain.symbol.events import CandleClosed

COMMIT: Final = 100
"""A pipeline of a thousand full analyses never comes back from the library's `insert_events`."""
PAGE: Final = 2_000


class StockAggregate:
    """A stream as the library's events evolve it; what happened is one of ours, and so are the rules."""

    def __init__(self, stream: str, rules: Decider[Any]) -> None:
        self.id = stream
        self.version = 0
        self.modified_on: datetime | None = None
        self.evolve = rules.evolve
        self.state = rules.initial(stream)


class StockEvent(CanMutateAggregate[str]):
    """A domain event as the library knows it."""

    originator_id: str
    originator_version: int

    def __init__(self, originator_id: str, originator_version: int, timestamp: datetime, event: Event) -> None:
        self.originator_id = originator_id
        self.originator_version = originator_version
        self.timestamp = timestamp
        self.event = event

    def apply(self, aggregate: StockAggregate) -> None:
        """Evolve; the library's `mutate` calls this after its own checks."""
        aggregate.state = aggregate.evolve(aggregate.state, self.event)


class _CandleAsList(Transcoding):
    type = Candle
    name = "candle"

    def encode(self, obj: Candle) -> list[Any]:
        return list(msgspec.structs.astuple(obj))

    def decode(self, data: list[Any]) -> Candle:
        return Candle(*data)


class _CandleClosedAsCandle(Transcoding):
    type = CandleClosed
    name = "candle_closed"

    def encode(self, obj: CandleClosed) -> Candle:
        return obj.candle

    def decode(self, data: Candle) -> CandleClosed:
        return CandleClosed(data)


class _AsBuiltins(Transcoding):
    """Any other event as what JSON knows."""

    def __init__(self, kind: type[Event]) -> None:
        self._kind = self.type = kind
        self.name = name_of(kind)

    def encode(self, obj: Event) -> object:
        return msgspec.to_builtins(obj)

    def decode(self, data: object) -> Event:
        return msgspec.convert(data, self._kind)


def stock_mapper() -> Mapper[str]:
    """Give the library's mapper for all events."""
    transcoder = JSONTranscoder()
    for transcoding in (DatetimeAsISO(), _CandleAsList(), _CandleClosedAsCandle()):
        transcoder.register(transcoding)
    for kind in EVENTS:
        if kind is not CandleClosed:
            transcoder.register(_AsBuiltins(kind))
    return Mapper(transcoder)


def store_stock(recorder: ApplicationRecorder, mapped: Mapper[str], steps: Sequence[Step]) -> int:
    """Insert the events of all streams; give how many they were."""
    stored: list[StoredEvent] = []
    for recorded in (recorded for step in steps for recorded in step.events):
        timestamp = datetime.fromtimestamp(recorded.at_ms / 1000, UTC)
        event = StockEvent(recorded.stream, recorded.version, timestamp, recorded.event)
        stored.append(mapped.to_stored_event(event))
    for at in range(0, len(stored), COMMIT):
        recorder.insert_events(stored[at : at + COMMIT])
    return len(stored)


def read_stock(recorder: ApplicationRecorder, mapped: Mapper[str]) -> Iterator[StockEvent]:
    """Read everything that was stored, page by page."""
    after = 0
    while notifications := recorder.select_notifications(after, PAGE, inclusive_of_start=False):
        for notification in notifications:
            yield cast("StockEvent", mapped.to_domain_event(notification))
        after = notifications[-1].id


def fold_stock(events: Iterable[StockEvent], rules: Mapping[str, Decider[Any]]) -> dict[str, StockAggregate]:
    """Evolve the aggregates of all events; `rules` are those of each kind of stream."""
    aggregates: dict[str, StockAggregate] = {}
    for event in events:
        stream = event.originator_id
        aggregate = aggregates.get(stream)
        if aggregate is None:
            aggregate = aggregates[stream] = StockAggregate(stream, rules[kind_of(stream)])
        event.mutate(cast("Any", aggregate))  # the library asks for its own base class, and uses no more than this
    return aggregates
