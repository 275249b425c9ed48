"""The operator's door: nothing is lost in it, and nothing goes through twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from histories import OPERATIONS, Author
from psycopg import Connection

from domain.errors import Unavailable
from domain.operations import OperatorCommandAccepted, OperatorKind
from infra.postgres import commands
from infra.postgres.commands import ANSWERING_EVENT, Answer, OperatorDoor
from infra.postgres.migrate import migrate
from infra.postgres.session import connect
from infra.postgres.tables import Tables

WAIT_S = 10.0


@pytest.fixture
def tables(schema: str, operator: Connection[Any]) -> Tables:
    tables = Tables(schema)
    migrate(operator, tables)
    return tables


@pytest.fixture
def operator(database_url: str) -> Iterator[Connection[Any]]:
    with connect(database_url, "operator") as connection:
        yield connection


@pytest.fixture
def system(database_url: str) -> Iterator[Connection[Any]]:
    with connect(database_url, "system") as connection:
        yield connection


def halt(operator: Connection[Any], tables: Tables) -> int:
    return commands.issue(operator, tables, "halt", "", "ann")


def accepted(author: Author, command_id: int) -> Any:
    return author.step((OPERATIONS, OperatorCommandAccepted(command_id, OperatorKind.HALT, "", "ann")))


def test_what_was_asked_is_offered_in_order(operator: Connection[Any], system: Connection[Any], tables: Tables) -> None:
    first = commands.issue(operator, tables, "close", "BTCUSDT", "ann")
    second = halt(operator, tables)
    offered = OperatorDoor(system, tables).offers()
    assert [(one.id, one.kind, one.argument, one.who) for one in offered] == [
        (first, "close", "BTCUSDT", "ann"),
        (second, "halt", "", "ann"),
    ]


def test_a_command_is_offered_once_in_a_session_and_again_after_a_crash(
    operator: Connection[Any], system: Connection[Any], tables: Tables
) -> None:
    asked = halt(operator, tables)
    door = OperatorDoor(system, tables)
    assert [one.id for one in door.offers()] == [asked]
    assert door.offers() == []
    later = halt(operator, tables)
    assert [one.id for one in door.offers()] == [later]
    assert [one.id for one in OperatorDoor(system, tables).offers()] == [asked, later]


def test_a_command_is_answered_when_its_event_is_durable_and_not_before(
    operator: Connection[Any], system: Connection[Any], tables: Tables
) -> None:
    author, asked = Author(), halt(operator, tables)
    door = OperatorDoor(system, tables)
    door.offers()
    door.note(author.stop())
    door.note(accepted(author, asked))
    door.durable(1)
    assert [one.id for one in commands.pending(operator, tables)] == [asked]
    door.durable(2)
    assert commands.pending(operator, tables) == []
    assert commands.wait_for_answer(operator, tables, asked, 0.0) == Answer(ANSWERING_EVENT, seq=3)


def test_the_first_answer_stays(operator: Connection[Any], tables: Tables) -> None:
    asked = halt(operator, tables)
    commands.answer(operator, tables, asked, 7, ANSWERING_EVENT, 12)
    commands.answer(operator, tables, asked, 8, ANSWERING_EVENT, 13)
    commands.refuse(operator, tables, asked, "too late")
    assert commands.wait_for_answer(operator, tables, asked, 0.0).seq == 12


def test_a_command_that_a_crash_left_unanswered_is_answered_from_history(
    operator: Connection[Any], system: Connection[Any], tables: Tables
) -> None:
    author, done, lost = Author(), halt(operator, tables), halt(operator, tables)
    history = [*author.stop().events, *accepted(author, done).events]
    commands.settle(system, tables, history)
    assert commands.wait_for_answer(operator, tables, done, 0.0).seq == 3
    assert [one.id for one in OperatorDoor(system, tables).offers()] == [lost]


def test_what_the_system_does_not_understand_is_refused_with_a_reason(
    operator: Connection[Any], system: Connection[Any], tables: Tables
) -> None:
    asked = commands.issue(operator, tables, "dance", "", "ann")
    door = OperatorDoor(system, tables)
    door.refuse(door.offers()[0], "no such command: dance")
    assert commands.wait_for_answer(operator, tables, asked, 0.0) == Answer(refused="no such command: dance")
    assert door.offers() == []


def test_an_operator_who_waits_is_woken_by_the_answer(
    operator: Connection[Any], system: Connection[Any], tables: Tables
) -> None:
    asked = halt(operator, tables)
    found: list[Answer] = []
    waiting = threading.Thread(
        target=lambda: found.append(commands.wait_for_answer(operator, tables, asked, WAIT_S)),
    )
    waiting.start()
    commands.answer(system, tables, asked, 1, ANSWERING_EVENT, 1)
    waiting.join(WAIT_S / 2)
    assert found == [Answer(ANSWERING_EVENT, 1)]


def test_a_system_that_waits_is_woken_by_a_command(
    operator: Connection[Any], system: Connection[Any], tables: Tables
) -> None:
    door = OperatorDoor(system, tables)
    offered: list[int] = []
    waiting = threading.Thread(target=lambda: offered.extend(one.id for one in door.offers(WAIT_S)))
    waiting.start()
    asked = halt(operator, tables)
    waiting.join(WAIT_S / 2)
    assert offered == [asked]


def test_a_system_that_does_not_run_is_reported_and_the_command_stays(
    operator: Connection[Any], tables: Tables
) -> None:
    asked = halt(operator, tables)
    with pytest.raises(Unavailable, match=f"did not answer command {asked} within 0.01 s"):
        commands.wait_for_answer(operator, tables, asked, 0.01)
    assert [one.id for one in commands.pending(operator, tables)] == [asked]


def test_a_door_without_a_server_is_unavailable(operator: Connection[Any], tables: Tables) -> None:
    operator.close()
    with pytest.raises(Unavailable):
        commands.pending(operator, tables)
