"""The values of a feed: its settings, what it delivers, what it counts."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.base import Message
from infra.binance.back_off import BackOffPolicy

UNKNOWN_NAMES_MAX: Final = 64


class FeedSettings(msgspec.Struct, frozen=True):
    """How a feed keeps its connections (product.md §2). Seconds are real ones.

    `silent_s`: so long without a message and a connection is dead (None for accounts, where silence is normal).
    `life_s`: how old a connection gets before another one takes over; the exchange cuts at 24 h. `overlap_s`: how long
    both may run side by side.
    """

    streams_per_connection: int = 200
    controls_per_second: int = 5
    streams_per_control: int = 100
    queue: int = 10_000
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    answer_timeout_s: float = 10.0
    silent_s: float | None = 60.0
    life_s: float = 85_500.0
    overlap_s: float = 60.0
    frame_bytes_max: int = 1 << 20
    back_off: BackOffPolicy = BackOffPolicy()


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message with its stream ("" if it came raw) and when it was received (UTC ms)."""

    stream: str
    message: Message
    received_ms: int


class Connected(Message, frozen=True, gc=False):
    """These streams are (or, `again`, are back) on a connection. What was missed in between must be asked for."""

    streams: tuple[str, ...]
    again: bool


class Disconnected(Message, frozen=True, gc=False):
    """These streams are silent from here on, until `Connected`."""

    streams: tuple[str, ...]
    reason: str


class Statistics(msgspec.Struct):
    """What a feed has seen. Mutable; the feed is its only writer.

    `refuted` counts numbers of frames that were so high that all after them seemed late, until those proved them wrong.
    """

    messages: int = 0
    duplicates: int = 0
    refuted: int = 0
    broken_frames: int = 0
    broken_items: int = 0
    connects: int = 0
    reconnects: int = 0
    roll_overs: int = 0
    connection_errors: int = 0
    refused_requests: int = 0
    unknown: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    last_error: str = ""
    last_message_ms: int = 0

    def count_unknown(self, event: str) -> None:
        """Note an event type without a struct. The exchange names them, so their number is bounded."""
        name = event if event in self.unknown or len(self.unknown) < UNKNOWN_NAMES_MAX else "(others)"
        self.unknown[name] = self.unknown.get(name, 0) + 1

    def failed(self, error: str) -> None:
        """Note that a connection could not be made, or was lost."""
        self.connection_errors += 1
        self.last_error = error


class FeedReport(msgspec.Struct, frozen=True):
    """The state of a feed in numbers. A *live* stream is one that a message was seen of on its present connection."""

    connections: int
    connected: int
    streams: int
    live_streams: int
    waiting: int
    conflated: int
    paused: int
    longest_queue: int
    statistics: Statistics
