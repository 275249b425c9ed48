"""The `eventsourcing` library's own way, as its manual shows it, for benchmarks to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from domain.market import Candle
from domain.symbol.decider import evolve
from domain.symbol.events import CandleClosed, SymbolAnalyzed, SymbolEvent
from domain.symbol.state import SymbolState

COMMIT: Final = 1_000
PAGE: Final = 2_000


class StockAggregate:
    """A symbol as the library's events evolve it."""

    def __init__(self, stream: str, state: SymbolState) -> None:
        self.id = stream
        self.version = 0
        self.modified_on: datetime | None = None
        self.state = state


class StockEvent(CanMutateAggregate[str]):
    """A domain event as the library knows it; what happened is one of ours, and so is the rule that it evolves by."""

    originator_id: str
    originator_version: int

    def __init__(self, originator_id: str, originator_version: int, timestamp: datetime, event: SymbolEvent) -> None:
        self.originator_id = originator_id
        self.originator_version = originator_version
        self.timestamp = timestamp
        self.event = event

    def apply(self, aggregate: StockAggregate) -> None:
        """Evolve; the library's `mutate` calls this after its own checks."""
        aggregate.state = evolve(aggregate.state, self.event)


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


class _SymbolAnalyzedAsDict(Transcoding):
    type = SymbolAnalyzed
    name = "symbol_analyzed"

    def encode(self, obj: SymbolAnalyzed) -> dict[str, Any]:
        return cast("dict[str, Any]", msgspec.to_builtins(obj))

    def decode(self, data: dict[str, Any]) -> SymbolAnalyzed:
        return msgspec.convert(data, SymbolAnalyzed)


def stock_mapper() -> Mapper[str]:
    """Give the library's mapper for the events of a symbol's stream."""
    transcoder = JSONTranscoder()
    for transcoding in (DatetimeAsISO(), _CandleAsList(), _CandleClosedAsCandle(), _SymbolAnalyzedAsDict()):
        transcoder.register(transcoding)
    return Mapper(transcoder)


def store_stock(recorder: ApplicationRecorder, mapped: Mapper[str], steps: Sequence[Step]) -> int:
    """Insert the candles and analyses of all symbols (the few other events are left out); give how many they were."""
    versions: dict[str, int] = {}
    stored: list[StoredEvent] = []
    for recorded in (recorded for step in steps for recorded in step.events):
        if isinstance(recorded.event, CandleClosed | SymbolAnalyzed):
            version = versions[recorded.stream] = versions.get(recorded.stream, 0) + 1
            timestamp = datetime.fromtimestamp(recorded.at_ms / 1000, UTC)
            stored.append(mapped.to_stored_event(StockEvent(recorded.stream, version, timestamp, recorded.event)))
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


def fold_stock(events: Iterable[StockEvent], initial: Callable[[str], SymbolState]) -> dict[str, StockAggregate]:
    """Evolve the aggregates of all events."""
    aggregates: dict[str, StockAggregate] = {}
    for event in events:
        stream = event.originator_id
        aggregate = aggregates.get(stream)
        if aggregate is None:
            aggregate = aggregates[stream] = StockAggregate(stream, initial(stream))
        event.mutate(cast("Any", aggregate))  # the library asks for its own base class, and uses no more than this
    return aggregates
