"""The library's own conformance cases, as its backends must pass them, on our recorder, for both kinds of ids."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import TestCase
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.postgres import PostgresAggregateRecorder, PostgresTrackingRecorder
from eventsourcing.utils import Environment

from infra.postgres.recorder import JournalFactory, JournalProcessRecorder, JournalRecorder

cases = pytest.importorskip(
    "eventsourcing.tests.persistence", reason="the library's own cases need pycryptodome, see the extra `dev`"
)


class OnOurDatabase(TestCase):
    """Gives the library's cases a factory in a schema of their own."""

    originator_id_type = "text"

    @pytest.fixture(autouse=True)
    def make_factory(self, library_env: dict[str, str]) -> Iterator[None]:
        self.env = Environment(env={**library_env, "ORIGINATOR_ID_TYPE": self.originator_id_type})
        with JournalFactory(self.env) as self.factory:
            yield

    def new_originator_id(self) -> UUID | str:
        return uuid4() if self.originator_id_type == "uuid" else f"stream:{uuid4()}"


class TestApplicationRecorder(OnOurDatabase, cases.ApplicationRecorderTestCase[JournalRecorder]):
    def create_recorder(self) -> JournalRecorder:
        recorder = self.factory.application_recorder()
        assert type(recorder) is JournalRecorder
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderWithUuids(TestApplicationRecorder):
    originator_id_type = "uuid"


class TestNotificationIdsDoNotInterleave(OnOurDatabase, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()


class TestAggregateRecorder(OnOurDatabase, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> PostgresAggregateRecorder:
        return self.factory.aggregate_recorder()


class TestTrackingRecorder(OnOurDatabase, cases.TrackingRecorderTestCase):
    def create_recorder(self) -> PostgresTrackingRecorder:
        return self.factory.tracking_recorder()


class TestProcessRecorder(OnOurDatabase, cases.ProcessRecorderTestCase):
    def create_recorder(self) -> JournalProcessRecorder:
        return self.factory.process_recorder()


class TestFactory(OnOurDatabase, cases.InfrastructureFactoryTestCase[JournalFactory]):
    def expected_factory_class(self) -> type[JournalFactory]:
        return JournalFactory

    def expected_aggregate_recorder_class(self) -> type[PostgresAggregateRecorder]:
        return PostgresAggregateRecorder

    def expected_application_recorder_class(self) -> type[JournalRecorder]:
        return JournalRecorder

    def expected_tracking_recorder_class(self) -> type[PostgresTrackingRecorder]:
        return PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[PostgresTrackingRecorder]:
        return _OwnTracking

    def expected_process_recorder_class(self) -> type[JournalProcessRecorder]:
        return JournalProcessRecorder


class _OwnTracking(PostgresTrackingRecorder):
    pass
