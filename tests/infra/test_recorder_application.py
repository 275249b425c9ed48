"""Applications, snapshots, subscriptions and projections of the library, unchanged, on our recorder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, BaseAggregate, CanInitAggregate, CanMutateAggregate, event
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import ApplicationSubscription
from eventsourcing.tests import application as application_cases
from eventsourcing.tests import projection as projection_cases
from eventsourcing.tests.application import BankAccounts
from eventsourcing.tests.projection import EventCountersView
from psycopg.sql import SQL, Identifier

from infra.postgres.recorder import JournalFactory, JournalProcessRecorder, JournalRecorder
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store


@pytest.fixture
def env(library_env: dict[str, str]) -> dict[str, str]:
    return library_env | {"ORIGINATOR_ID_TYPE": "uuid"}


class OnOurDatabase:
    @pytest.fixture(autouse=True)
    def use(self, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        self.env = env


class CountersInPostgres(PostgresTrackingRecorder, EventCountersView):
    """A read model: its rows and its position in one transaction."""

    def __init__(self, datastore: Any, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.table = Identifier(datastore.schema, "counters")
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, n bigint NOT NULL)").format(self.table)
        )

    def get_created_event_counter(self) -> int:
        return self._count("created")

    def get_subsequent_event_counter(self) -> int:
        return self._count("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increment("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increment("subsequent", tracking)

    def _count(self, name: str) -> int:
        with self.datastore.transaction() as cursor:
            found = cursor.execute(SQL("SELECT n FROM {} WHERE name = %s").format(self.table), (name,)).fetchone()
        return found["n"] if found else 0

    def _increment(self, name: str, tracking: Tracking) -> None:
        statement = SQL("INSERT INTO {0} VALUES (%s, 1) ON CONFLICT (name) DO UPDATE SET n = {0}.n + 1")
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement.format(self.table), (name,))


class TestView(OnOurDatabase, projection_cases.EventCountersViewTestCase):
    def construct_event_counters_view(self) -> EventCountersView:
        self.factory = JournalFactory(self.env)
        self.addCleanup(self.factory.close)
        return self.factory.tracking_recorder(CountersInPostgres)


class TestProjection(OnOurDatabase, projection_cases.AggregateEventCountersProjectionTestCase):
    view_class = CountersInPostgres


class TestEventSourcedProjection(OnOurDatabase, projection_cases.EventSourcedProjectionTestCase):
    pass


class TestExampleApplication(OnOurDatabase, application_cases.ExampleApplicationTestCase):
    expected_factory_topic = "infra.postgres.recorder:JournalFactory"


def test_a_plain_application_finds_the_recorder_by_the_module(env: dict[str, str]) -> None:
    with BankAccounts(env) as bank:
        assert type(bank.recorder) is JournalRecorder


def test_an_application_with_snapshots_is_a_verified_store(env: dict[str, str], database_url: str, schema: str) -> None:
    with BankAccounts(env | {"IS_SNAPSHOTTING_ENABLED": "y"}) as bank:
        account = bank.open_account("Alice", "alice@example.com")
        bank.credit_account(account, Decimal(10))
        bank.take_snapshot(account)
        bank.credit_account(account, Decimal(5))
        assert bank.get_balance(account) == 15

    verification = verify_store(database_url, Tables(schema, "bankaccounts_events"))
    assert verification.ok, verification.problems
    assert (verification.checked_commits, verification.checked_events) == (3, 3)


def test_a_subscription_sees_events_as_they_come(env: dict[str, str]) -> None:
    with BankAccounts(env) as bank:
        first = bank.open_account("Alice", "alice@example.com")
        with ApplicationSubscription(bank, gt=0) as subscription:
            assert next(subscription)[0].originator_id == first
            second = bank.open_account("Bob", "bob@example.com")
            event, tracking = next(subscription)

    assert (event.originator_id, tracking.notification_id) == (second, 2)


def test_two_that_save_the_same_version_conflict(env: dict[str, str]) -> None:
    with Application[UUID](env) as application:
        aggregate = Aggregate()
        application.save(aggregate)
        mine, theirs = (application.repository.get(aggregate.id) for _ in range(2))
        for copy in (mine, theirs):
            copy.trigger_event(Aggregate.Event)
        application.save(mine)

        with pytest.raises(IntegrityError):
            application.save(theirs)


@dataclass(frozen=True)
class PositionEvent(CanMutateAggregate[str]):
    originator_id: str
    originator_version: int
    timestamp: datetime


@dataclass(frozen=True)
class PositionOpened(CanInitAggregate[str], PositionEvent):
    originator_topic: str
    symbol: str


class Position(BaseAggregate[str]):
    """An aggregate whose id is a text, as those of Hindsight's streams are."""

    class Event(PositionEvent):
        pass

    @event(PositionOpened)
    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.moves = 0

    @staticmethod
    def create_id(symbol: str) -> str:
        return f"position:{symbol}"

    @event("Moved")
    def move(self) -> None:
        self.moves += 1


def test_streams_may_have_text_ids(library_env: dict[str, str]) -> None:
    with Application[str](library_env) as application:
        position = Position("BTCUSDT")
        position.move()
        application.save(position)

        found = application.repository.get("position:BTCUSDT")
    assert (found.symbol, found.moves) == ("BTCUSDT", 1)


def test_a_process_recorder_makes_commits_too(env: dict[str, str]) -> None:
    with JournalFactory(env) as factory:
        recorder = factory.process_recorder()
        assert isinstance(recorder, JournalProcessRecorder)
        assert isinstance(recorder, JournalRecorder)
