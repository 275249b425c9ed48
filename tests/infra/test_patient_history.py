"""A kernel waits for the past of an actor while the database is away, and no longer than its journal lives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from histories import Author

from domain.base import Recorded
from domain.errors import Unavailable
from infra.memory import MemoryJournal
from infra.patient_history import PatientHistory


class Away(MemoryJournal):
    """A journal whose store breaks off so many reads after the first event, and is then given up or back."""

    def __init__(self, breaks: int, *, gives_up: bool = False) -> None:
        super().__init__()
        self.breaks = breaks
        self._gives_up = gives_up

    @property
    def error(self) -> Exception | None:
        return Unavailable("PostgreSQL") if self._gives_up and not self.breaks else None

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        for recorded in super().of_stream(stream, after_version):
            yield recorded
            if self.breaks or self._gives_up:
                self.breaks = max(0, self.breaks - 1)
                raise Unavailable("PostgreSQL")


def filled(journal: Away) -> tuple[Away, str]:
    for step in Author().ticks(6):
        journal.append(step)
        if step.events:
            stream = step.events[0].stream
    return journal, stream


def test_a_past_that_breaks_off_is_read_again_from_its_beginning() -> None:
    journal, stream = filled(Away(breaks=2))
    past = list(PatientHistory(journal, retry_s=0.0).of_stream(stream))
    assert journal.breaks == 0
    assert past == list(MemoryJournal.of_stream(journal, stream))


def test_waiting_ends_with_the_journal() -> None:
    journal, stream = filled(Away(breaks=2, gives_up=True))
    with pytest.raises(Unavailable):
        PatientHistory(journal, retry_s=0.0).of_stream(stream)
