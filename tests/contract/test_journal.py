"""What every journal owes to the kernel, its driver and its readers, in memory as in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from histories import OPERATIONS, Author, all_events
from journals import Watch

from actors.ports import Head, Reader
from domain.operations import RunStopped
from infra.durability import DurableJournal, OnDurable, StoreState
from infra.memory import MemoryJournal
from infra.postgres.journal import PostgresJournal
from infra.postgres.reader import PostgresReader
from infra.postgres.tables import Tables

SHAPE = "shape-1"

Opened = tuple[DurableJournal, Reader]
Open = Callable[[OnDurable], AbstractContextManager[Opened]]


def ignore(_: int) -> None: ...


class MemoryStore:
    """Keeps a journal in memory over several openings."""

    def __init__(self) -> None:
        self._journal: MemoryJournal | None = None

    @contextmanager
    def open(self, on_durable: OnDurable = ignore) -> Iterator[Opened]:
        last = self._journal
        journal = MemoryJournal(on_durable, checkpoint_schema=SHAPE) if last is None else last.after_crash(on_durable)
        self._journal = journal
        yield journal, journal
        journal.close()


class PostgresStore:
    """A run in PostgreSQL."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._tables = url, Tables(schema)

    @contextmanager
    def open(self, on_durable: OnDurable = ignore) -> Iterator[Opened]:
        journal = PostgresJournal(self._url, self._tables, on_durable, clock_kind="test")
        with PostgresReader(self._url, self._tables, checkpoint_schema=SHAPE) as reader:
            yield journal, reader
            journal.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Open:
    if request.param == "memory":
        return MemoryStore().open
    return PostgresStore(request.getfixturevalue("database_url"), request.getfixturevalue("schema")).open


def test_an_empty_store_has_the_head_of_nothing(store: Open) -> None:
    with store(ignore) as (journal, reader):
        assert reader.head() == Head()
        assert journal.durable_input() == 0
        assert list(reader.events(0)) == []
        assert list(reader.frames(0)) == []
        assert list(reader.of_stream(OPERATIONS)) == []


def test_what_was_appended_is_read_back_as_it_was(store: Open) -> None:
    author, durable = Author(), Watch()
    steps = [*author.ticks(5), author.nothing(), author.stop()]
    with store(durable) as (journal, reader):
        for step in steps:
            journal.append(step)
        journal.commit_soon()
        durable.wait_durable(7)
        assert list(reader.events(0)) == all_events(steps)
        assert list(reader.frames(0)) == [step.frame for step in steps]
        assert reader.head() == author.head
        assert journal.durable_input() == 7


def test_closing_makes_everything_durable(store: Open) -> None:
    author = Author()
    steps = author.ticks(50)
    with store(ignore) as (journal, _):
        for step in steps:
            journal.append(step)
    with store(ignore) as (_, reader):
        assert list(reader.events(0)) == all_events(steps)
        assert reader.head() == author.head


def test_a_second_session_goes_on_where_the_first_one_ended(store: Open) -> None:
    author = Author()
    first = author.ticks(3)
    with store(ignore) as (journal, _):
        for step in first:
            journal.append(step)
    with store(ignore) as (journal, reader):
        assert journal.durable_input() == 3
        again = Author(reader.head(), author.versions)
        second = again.ticks(3)
        for step in second:
            journal.append(step)
    with store(ignore) as (_, reader):
        assert list(reader.events(0)) == all_events([*first, *second])
        assert reader.head() == again.head


def test_the_head_is_the_same_wherever_commits_were_cut(store: Open) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, reader):
        for step in [*author.ticks(4), author.stop(), author.nothing()]:
            journal.append(step)
            journal.commit_soon()
            durable.wait_durable(step.frame.input_seq)
        other = Author()
        steps = [*other.ticks(4), other.stop(), other.nothing()]
        in_one = MemoryJournal(manual=True)
        for step in steps:
            in_one.append(step)
        in_one.commit()
        assert reader.head() == in_one.head()


def test_a_driver_is_told_what_is_durable_and_never_less_than_before(store: Open) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, reader):
        for step in author.ticks(20):
            journal.append(step)
            journal.commit_soon()
        durable.wait_durable(20)
        assert durable.told == sorted(durable.told)
        assert reader.head().input_seq == 20


def test_a_group_is_committed_without_being_asked(store: Open) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, _):
        for step in author.ticks(1_000):
            journal.append(step)
        durable.wait_durable(1_000)


def test_events_are_read_from_behind_a_place_up_to_and_with_another(store: Open) -> None:
    author = Author()
    steps = author.ticks(10)
    with store(ignore) as (journal, _):
        for step in steps:
            journal.append(step)
    with store(ignore) as (_, reader):
        assert [event.seq for event in reader.events(3, 6)] == [4, 5, 6]
        assert [event.seq for event in reader.events(8, 99)] == [9, 10]
        assert [event.seq for event in reader.events(10)] == []


def test_events_are_chosen_by_name(store: Open) -> None:
    author = Author()
    steps = [author.stop(), *author.ticks(4), author.stop()]
    with store(ignore) as (journal, _):
        for step in steps:
            journal.append(step)
    with store(ignore) as (_, reader):
        assert [event.seq for event in reader.events(0, topics=["RunStopped"])] == [2, 8]
        assert [event.event for event in reader.events(2, topics=("RunStopped",))] == [RunStopped("asked to")]
        assert [event.seq for event in reader.events(0, topics=("NoSuchEvent",))] == []


def test_frames_are_read_from_behind_an_input_up_to_and_with_another(store: Open) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, reader):
        for step in author.ticks(9):
            journal.append(step)
            if step.frame.input_seq % 4 == 0:
                journal.commit_soon()
                durable.wait_durable(step.frame.input_seq)
        journal.commit_soon()
        durable.wait_durable(9)
        assert [frame.input_seq for frame in reader.frames(2, 6)] == [3, 4, 5, 6]
        assert [frame.input_seq for frame in reader.frames(4)] == [5, 6, 7, 8, 9]
        assert [frame.input_seq for frame in reader.frames(9)] == []


def test_a_stream_is_read_alone_and_in_order(store: Open) -> None:
    author = Author()
    steps = author.ticks(9)
    with store(ignore) as (journal, _):
        for step in steps:
            journal.append(step)
    with store(ignore) as (_, reader):
        stream = list(reader.of_stream("symbol:B"))
        assert [event.version for event in stream] == [1, 2, 3]
        assert [event.seq for event in stream] == [2, 5, 8]


def test_the_journal_gives_a_stream_with_the_tail_that_is_not_yet_durable(store: Open) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, _):
        for step in author.ticks(6):
            journal.append(step)
        journal.commit_soon()
        durable.wait_durable(6)
        for step in author.ticks(3):
            journal.append(step)
        assert [event.seq for event in journal.of_stream("symbol:A")] == [1, 4, 7]
        assert [event.seq for event in journal.of_stream("symbol:Z")] == []


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_a_stream_is_given_from_behind_a_version_whether_durable_or_held(store: Open, after: int) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, reader):
        for step in author.ticks(6):
            journal.append(step)
        journal.commit_soon()
        durable.wait_durable(6)
        for step in author.ticks(3):
            journal.append(step)
        assert [event.version for event in journal.of_stream("symbol:A", after)] == [1, 2, 3][after:]
        journal.close()
        assert [event.version for event in reader.of_stream("symbol:A", after)] == [1, 2, 3][after:]


def test_a_stream_is_given_once_though_its_tail_becomes_durable_meanwhile(store: Open) -> None:
    author, durable = Author(), Watch()
    with store(durable) as (journal, _):
        for step in author.ticks(6):
            journal.append(step)
        stream = journal.of_stream("symbol:A")
        journal.commit_soon()
        durable.wait_durable(6)
        assert [event.seq for event in stream] == [1, 4]


def test_a_stream_that_exists_in_the_tail_only_is_given(store: Open) -> None:
    author = Author()
    with store(ignore) as (journal, _):
        step = author.stop()
        journal.append(step)
        assert list(journal.of_stream(OPERATIONS)) == list(step.events)


def test_the_newest_checkpoint_of_our_schema_at_or_before_an_input_is_found(store: Open) -> None:
    author, durable = Author(), Watch()
    saved = []
    with store(durable) as (journal, reader):
        for schema in (SHAPE, SHAPE, "shape-0"):
            for step in author.ticks(4):
                journal.append(step)
            saved.append(author.checkpoint(schema))
            journal.save(saved[-1])
            journal.commit_soon()
            durable.wait_durable(author.head.input_seq)
    with store(ignore) as (_, reader):
        assert reader.checkpoint(3) is None
        assert reader.checkpoint(4) == saved[0]
        assert reader.checkpoint(7) == saved[0]
        assert reader.checkpoint(99) == saved[1]


def test_a_checkpoint_is_kept_only_when_everything_before_it_is_durable(store: Open) -> None:
    author = Author()
    with store(ignore) as (journal, reader):
        for step in author.ticks(2):
            journal.append(step)
        journal.save(author.checkpoint())
        found = reader.checkpoint(2)
        assert found is None or reader.head().input_seq >= 2
    with store(ignore) as (_, reader):
        assert reader.checkpoint(2) == author.checkpoint()


@pytest.mark.parametrize("lost", ["an input", "an event"])
def test_a_gap_is_refused(store: Open, lost: str) -> None:
    author = Author()
    first = author.ticks(1)[0]
    skipped = author.ticks(1)[0]
    after = Author(author.head if lost == "an input" else Head(5, 1, first.frame.at_ms, first.content_hash))
    with store(ignore) as (journal, _):
        journal.append(first)
        with pytest.raises(AssertionError, match="does not follow"):
            journal.append(after.ticks(1)[0])
        journal.append(skipped)


def test_a_healthy_store_says_so(store: Open) -> None:
    with store(ignore) as (journal, _):
        assert journal.condition().state is StoreState.OK
        assert journal.lease_valid()
        assert journal.wait_for_room(0.0)
        assert journal.error is None


def test_closing_again_does_nothing(store: Open) -> None:
    with store(ignore) as (journal, _):
        journal.close()
        journal.close()
