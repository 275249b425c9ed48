"""The operator's door: a table through which another process asks the running system for something.

    asked ──(an Input, then an event that carries the command's id, durable)──▶ taken
      └──(not something that this system understands)──▶ refused

A command stays `asked` until the event that answers it is durable. So a crash in between loses nothing: the next
session finds it asked, either answered in history already (`settle`), or not, and then it is offered again. Should it
be offered twice all the same, the operations actor knows its id, and nothing follows.

Every function raises `Unavailable` if PostgreSQL does not answer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier

from actors.ports import Step
from domain.base import Recorded
from domain.catalog import name_of
from domain.errors import Unavailable
from domain.operations import OperatorCommandAccepted
from infra.postgres.session import reaching
from infra.postgres.tables import Tables

ANSWERING_EVENT: Final = name_of(OperatorCommandAccepted)


class Asked(msgspec.Struct, frozen=True):
    """What an operator asked for, and has not been answered yet."""

    id: int
    kind: str
    argument: str
    who: str
    issued_at: datetime


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a command: the event that answered it and its place, or why it was refused."""

    event: str = ""
    seq: int = 0
    refused: str = ""


def issue(connection: Connection[Any], tables: Tables, kind: str, argument: str, who: str) -> int:
    """Ask the running system for something, and give the command's id."""
    with reaching(), connection.transaction():
        row = connection.execute(
            _statement("INSERT INTO {commands} (kind, argument, who) VALUES (%s, %s, %s) RETURNING id", tables),
            (kind, argument, who),
        ).fetchone()
        _notify(connection, tables)
    assert row is not None
    return row[0]


def pending(connection: Connection[Any], tables: Tables) -> list[Asked]:
    """Give what was asked and not answered yet, in order."""
    with reaching(), connection.cursor(row_factory=class_row(Asked)) as cursor:
        statement = "SELECT id, kind, argument, who, issued_at FROM {commands} WHERE state = 'asked' ORDER BY id"
        return cursor.execute(_statement(statement, tables)).fetchall()


def answer(connection: Connection[Any], tables: Tables, command_id: int, input_seq: int, event: str, seq: int) -> None:
    """Note the durable event that answers a command. The first answer stays."""
    text = msgspec.json.encode(Answer(event=event, seq=seq)).decode()
    _close(connection, tables, command_id, "taken", input_seq, text)


def refuse(connection: Connection[Any], tables: Tables, command_id: int, why: str) -> None:
    """Say that a command can't be carried out. The first answer stays."""
    _close(connection, tables, command_id, "refused", None, msgspec.json.encode(Answer(refused=why)).decode())


def settle(connection: Connection[Any], tables: Tables, history: Iterable[Recorded]) -> None:
    """Answer the commands whose events are in a history: those that a crash left unanswered."""
    for recorded in history:
        event = recorded.event
        if isinstance(event, OperatorCommandAccepted):
            answer(connection, tables, event.command_id, recorded.input_seq, ANSWERING_EVENT, recorded.seq)


def wait_for_answer(connection: Connection[Any], tables: Tables, command_id: int, timeout_s: float) -> Answer:
    """Wait for what becomes of a command.

    Raises `Unavailable` if nothing does within `timeout_s`; the command stays asked.
    """
    deadline = time.monotonic() + timeout_s
    _listen(connection, tables)
    while True:
        found = _answer_of(connection, tables, command_id)
        if found is not None:
            return found
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise Unavailable(
                "The running system",
                f"it did not answer command {command_id} within {timeout_s:g} s; it will when it runs again",
            )
        _woken(connection, left_s)


class OperatorDoor:
    """The running system's side. Offers every command once in a session, and answers it when its event is durable.

    On a connection of its own, used by one thread; `note` alone may be called from another one, the kernel's.
    """

    def __init__(self, connection: Connection[Any], tables: Tables) -> None:
        self._connection = connection
        self._tables = tables
        self._offered: set[int] = set()
        self._unanswered: deque[Recorded] = deque()
        _listen(connection, tables)

    def offers(self, wait_s: float = 0.0) -> list[Asked]:
        """Give the commands that were not offered yet; if there are none, wait for one, up to `wait_s`."""
        new = self._new()
        if not new and _woken(self._connection, wait_s):
            new = self._new()
        return new

    def note(self, step: Step) -> None:
        """Remember the events of a step that answer commands."""
        self._unanswered.extend(one for one in step.events if isinstance(one.event, OperatorCommandAccepted))

    def durable(self, input_seq: int) -> None:
        """Answer the commands whose events are durable now."""
        while self._unanswered and self._unanswered[0].input_seq <= input_seq:
            settle(self._connection, self._tables, (self._unanswered[0],))
            self._unanswered.popleft()

    def refuse(self, command: Asked, why: str) -> None:
        """Say that a command can't be carried out."""
        refuse(self._connection, self._tables, command.id, why)

    def _new(self) -> list[Asked]:
        asked = pending(self._connection, self._tables)
        new = [command for command in asked if command.id not in self._offered]
        self._offered = {command.id for command in asked}
        return new


def _answer_of(connection: Connection[Any], tables: Tables, command_id: int) -> Answer | None:
    statement = _statement("SELECT answer FROM {commands} WHERE id = %s AND state <> 'asked'", tables)
    with reaching():
        row = connection.execute(statement, (command_id,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Answer)


def _close(
    connection: Connection[Any], tables: Tables, command_id: int, state: str, input_seq: int | None, text: str
) -> None:
    with reaching(), connection.transaction():
        connection.execute(
            _statement(
                "UPDATE {commands} SET state = %s, input_seq = %s, answer = %s WHERE id = %s AND state = 'asked'",
                tables,
            ),
            (state, input_seq, text, command_id),
        )
        _notify(connection, tables)


def _channel(tables: Tables) -> str:
    return tables.plain("commands")


def _notify(connection: Connection[Any], tables: Tables) -> None:
    connection.execute("SELECT pg_notify(%s, '')", (_channel(tables),))


def _listen(connection: Connection[Any], tables: Tables) -> None:
    with reaching():
        connection.execute(SQL("LISTEN {}").format(Identifier(_channel(tables))))


def _woken(connection: Connection[Any], wait_s: float) -> bool:
    with reaching():
        return any(True for _ in connection.notifies(timeout=wait_s, stop_after=1))


def _statement(template: LiteralString, tables: Tables) -> Composed:
    return SQL(template).format(**tables.identifiers())
