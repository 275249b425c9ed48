"""The running system's side of the operator's door, on a thread of its own: what was asked becomes inputs.

While PostgreSQL is away there is no door; when it is back, what was asked meanwhile is offered, and what was carried
out meanwhile is answered from history.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from actors.ports import Reader, Step
from domain.errors import Unavailable
from domain.operations import OperatorCommand, OperatorKind
from infra.postgres import commands
from infra.postgres.commands import Asked, OperatorDoor
from infra.postgres.session import connect
from infra.postgres.tables import Tables

WAIT_S: Final = 0.2


class DoorKeeper:
    """Watches the `commands` table of one run. `note` is called by the kernel's thread, `watch` is a thread's work."""

    def __init__(self, url: str, tables: Tables, reader: Reader, durable_input: Callable[[], int]) -> None:
        self._url = url
        self._tables = tables
        self._reader = reader
        self._durable_input = durable_input
        self._steps: deque[Step] = deque()

    def note(self, step: Step) -> None:
        """Remember a step that may answer a command."""
        if step.events and any(type(recorded.event).__name__ == commands.ANSWERING_EVENT for recorded in step.events):
            self._steps.append(step)

    def watch(self, offer: Callable[[OperatorCommand], object], stop: threading.Event) -> None:
        """Offer what is asked until `stop` is set, then answer what became durable at the end."""
        while not stop.is_set():
            try:
                self._watch_connected(offer, stop)
            except Unavailable:
                stop.wait(1.0)

    def _watch_connected(self, offer: Callable[[OperatorCommand], object], stop: threading.Event) -> None:
        with connect(self._url, "door") as connection:
            commands.settle(connection, self._tables, self._reader.events(0, topics=(commands.ANSWERING_EVENT,)))
            door = OperatorDoor(connection, self._tables)
            while not stop.is_set():
                for asked in door.offers(WAIT_S):
                    self._offer(door, asked, offer)
                self.answer(door)

    def answer(self, door: OperatorDoor) -> None:
        """Answer the commands whose events are durable."""
        while self._steps:
            door.note(self._steps.popleft())
        door.durable(self._durable_input())

    def _offer(self, door: OperatorDoor, asked: Asked, offer: Callable[[OperatorCommand], object]) -> None:
        try:
            kind = OperatorKind(asked.kind)
        except ValueError:
            door.refuse(asked, f"expected one of {', '.join(OperatorKind)}, found {asked.kind!r}")
            return
        if kind is OperatorKind.CLOSE and not asked.argument:
            door.refuse(asked, "expected a symbol to close, found none; `run.py flatten` closes everything")
            return
        offer(OperatorCommand(asked.id, kind, asked.argument, asked.who))
