"""The `eventsourcing` library's own way, as its manual shows it, for benchmarks to compare with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from eventsourcing.persistence import ApplicationRecorder, DatetimeAsISO, JSONTranscoder, Mapper, Transcoding

from actors.ports import Step
from domain.base import Event
from domain.market import Candle
from domain.symbol_events import CandleClosed, SymbolAnalyzed

COMMIT: Final = 1_000
PAGE: Final = 2_000


class StockEvent:
    """A domain event as the library knows it; what happened is one of ours."""

    originator_id: str
    originator_version: int
    timestamp: datetime
    event: Event

    def __init__(self, originator_id: str, originator_version: int, timestamp: datetime, event: Event) -> None:
        self.originator_id = originator_id
        self.originator_version = originator_version
        self.timestamp = timestamp
        self.event = event


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
        return msgspec.structs.asdict(obj)

    def decode(self, data: dict[str, Any]) -> SymbolAnalyzed:
        return SymbolAnalyzed(**data)


def stock_mapper() -> Mapper[str]:
    """Give the library's mapper for the events of a symbol's stream."""
    transcoder = JSONTranscoder()
    for transcoding in (DatetimeAsISO(), _CandleAsList(), _CandleClosedAsCandle(), _SymbolAnalyzedAsDict()):
        transcoder.register(transcoding)
    return Mapper(transcoder)


def store_stock(recorder: ApplicationRecorder, mapped: Mapper[str], steps: Sequence[Step]) -> int:
    """Insert the events of all symbols, and give how many they were."""
    stored = [
        mapped.to_stored_event(
            StockEvent(
                recorded.stream, recorded.version, datetime.fromtimestamp(recorded.at_ms / 1000, UTC), recorded.event
            )
        )
        for step in steps
        for recorded in step.events
        if isinstance(recorded.event, CandleClosed | SymbolAnalyzed)
    ]
    for at in range(0, len(stored), COMMIT):
        recorder.insert_events(stored[at : at + COMMIT])
    return len(stored)


def read_stock(recorder: ApplicationRecorder, mapped: Mapper[str]) -> Iterator[tuple[str, Event]]:
    """Read everything that was stored, page by page, as (stream, event)."""
    after = 0
    while notifications := recorder.select_notifications(after, PAGE, inclusive_of_start=False):
        for notification in notifications:
            read: Any = mapped.to_domain_event(notification)
            yield read.originator_id, read.event
        after = notifications[-1].id
