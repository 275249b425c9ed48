"""The exchange's clock, estimated from ours: offset = server - middle of the round trip, the quickest trip counts."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

KEPT: Final = 8


class Sample(msgspec.Struct, frozen=True):
    """One question for the time. The offset is wrong by at most half the round trip."""

    at_ms: int
    offset_ms: float
    round_trip_ms: int


class ServerClock:
    """Keeps the newest samples and believes the one with the shortest round trip."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    @property
    def known(self) -> bool:
        """True once there is a sample."""
        return bool(self._samples)

    def observe(self, sent_ms: int, received_ms: int, server_ms: int) -> None:
        """Take in one answer. `sent_ms` and `received_ms` are of our clock."""
        trip = max(received_ms - sent_ms, 0)
        self._samples.append(Sample(received_ms, server_ms - (sent_ms + received_ms) / 2, trip))

    @property
    def offset_ms(self) -> int:
        """What has to be added to our clock; 0 before the first sample."""
        if not self._samples:
            return 0
        return round(min(self._samples, key=lambda sample: (sample.round_trip_ms, -sample.at_ms)).offset_ms)

    @property
    def uncertainty_ms(self) -> int | None:
        """By how much the offset may be wrong at most; None before the first sample."""
        trips = [sample.round_trip_ms for sample in self._samples]
        return (min(trips) + 1) // 2 if trips else None
