"""An actor's past, for a kernel that must not fail because the database is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from domain.base import Recorded
from domain.errors import Unavailable
from infra.durability import DurableJournal

RETRY_S: Final = 0.2


class PatientHistory:
    """Reads streams from a journal, and waits while PostgreSQL is away: nobody else can tell an actor's past.

    The kernel stands still meanwhile, as it does at the bound of what may be held. It is woken with `Unavailable` when
    the journal is given up.
    """

    def __init__(self, journal: DurableJournal, retry_s: float = RETRY_S) -> None:
        self._journal = journal
        self._retry_s = retry_s
        self._pause = threading.Event()

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        """Give the stream's events after a version in order, the tail that is not yet durable included."""
        while True:
            try:
                return iter(list(self._journal.of_stream(stream, after_version)))
            except Unavailable:
                if self._journal.error is not None:
                    raise
                self._pause.wait(self._retry_s)
