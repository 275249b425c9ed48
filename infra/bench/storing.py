"""Storing steps as the product does: through the journal and its writer's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from actors.ports import Step
from domain.errors import Unavailable
from infra.postgres.backlog import Limits
from infra.postgres.journal import PostgresJournal
from infra.postgres.tables import Tables

EVENTS_A_COMMIT: Final = 1_000
WAIT_S: Final = 120.0


class Storage:
    """A journal with commits of at most `EVENTS_A_COMMIT` events."""

    def __init__(self, url: str, tables: Tables) -> None:
        self._durable = threading.Condition()
        self._durable_input = 0
        limits = Limits(group_events=EVENTS_A_COMMIT, commit_events=EVENTS_A_COMMIT)
        self.journal = PostgresJournal(url, tables, self._on_durable, clock_kind="bench", limits=limits)

    def store(self, steps: Iterable[Step]) -> None:
        """Append steps, and wait until the last one is durable."""
        last = 0
        for step in steps:
            self.journal.append(step)
            last = step.frame.input_seq
        self.journal.commit_soon()
        with self._durable:
            if not self._durable.wait_for(lambda: self._durable_input >= last, WAIT_S):
                raise Unavailable("PostgreSQL", f"input {last} was not durable after {WAIT_S:g} s")

    def close(self) -> None:
        """Let the store go."""
        self.journal.close()

    def _on_durable(self, input_seq: int) -> None:
        with self._durable:
            self._durable_input = input_seq
            self._durable.notify_all()
