"""When a commit is due, how large it is, and when the kernel has to wait."""

from __future__ import annotations

import threading

import pytest
from histories import Author

from actors.ports import Step
from infra.postgres.backlog import Backlog, Limits
from infra.postgres.lease import machine_ms

WAIT_S = 10.0
LONG_MS = 60_000


class Clock:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def author() -> Author:
    return Author()


def backlog(clock: Clock, **limits: int) -> Backlog:
    return Backlog(Author().head, Limits(**limits), clock)


def inputs(steps: list[Step] | None) -> list[int] | None:
    return None if steps is None else [step.frame.input_seq for step in steps]


def test_without_a_step_nothing_is_due(clock: Clock) -> None:
    assert backlog(clock).next_commit(idle_ms=0) == []


def test_a_young_group_is_not_due_and_one_that_is_old_enough_is(clock: Clock, author: Author) -> None:
    held = backlog(clock, group_ms=250)
    held.put(author.nothing())
    clock.now_ms += 249
    held.put(author.nothing())
    assert held.next_commit(idle_ms=0) == []
    clock.now_ms += 1
    assert inputs(held.next_commit(idle_ms=0)) == [1, 2]


def test_a_full_group_is_due_at_once(clock: Clock, author: Author) -> None:
    held = backlog(clock, group_events=3)
    for step in author.ticks(2):
        held.put(step)
    assert held.next_commit(idle_ms=0) == []
    held.put(author.stop())
    assert inputs(held.next_commit(idle_ms=0)) == [1, 2, 3]


def test_what_was_asked_for_is_due_until_all_of_it_is_durable(clock: Clock, author: Author) -> None:
    held = backlog(clock, commit_events=2)
    for step in author.ticks(3):
        held.put(step)
    held.want()
    held.put(author.nothing())
    assert inputs(held.next_commit(LONG_MS)) == [1, 2]
    held.durable(2)
    assert inputs(held.next_commit(LONG_MS)) == [3, 4]
    held.durable(3)
    assert held.next_commit(idle_ms=0) == []


def test_asking_without_a_step_makes_nothing_due(clock: Clock) -> None:
    held = backlog(clock)
    held.want()
    assert held.next_commit(idle_ms=0) == []


def test_a_step_that_is_not_durable_comes_again(clock: Clock, author: Author) -> None:
    held = backlog(clock, group_ms=0)
    held.put(author.nothing())
    assert inputs(held.next_commit(LONG_MS)) == [1]
    assert inputs(held.next_commit(LONG_MS)) == [1]


def test_after_the_end_what_is_held_is_due_and_then_it_is_over(clock: Clock, author: Author) -> None:
    held = backlog(clock)
    held.put(author.nothing())
    held.end()
    assert inputs(held.next_commit(LONG_MS)) == [1]
    held.durable(1)
    assert held.next_commit(LONG_MS) is None


def test_after_an_error_nothing_is_due_any_more(clock: Clock, author: Author) -> None:
    held = backlog(clock)
    held.put(author.nothing())
    held.want()
    held.fail(ZeroDivisionError())
    assert held.next_commit(LONG_MS) is None
    with pytest.raises(ZeroDivisionError):
        held.put(author.nothing())


def test_the_first_error_is_the_one_that_counts(clock: Clock) -> None:
    held = backlog(clock)
    held.fail(ZeroDivisionError())
    held.fail(KeyError())
    assert isinstance(held.error, ZeroDivisionError)


def test_the_age_of_the_oldest_held_step_is_known_within_50_ms(clock: Clock, author: Author) -> None:
    held = backlog(clock)
    assert held.oldest_ms() is None
    put_ms: list[int] = []
    for step in author.ticks(100):
        held.put(step)
        put_ms.append(clock.now_ms)
        clock.now_ms += 20
    for durable in (1, 2, 50, 77, 99):
        held.durable(durable)
        oldest_ms = held.oldest_ms()
        assert oldest_ms is not None
        assert put_ms[durable] - 50 <= oldest_ms <= put_ms[durable]
    held.durable(100)
    assert held.oldest_ms() is None


@pytest.mark.parametrize("call", ["append", "ask", "end"])
def test_the_writer_is_woken_when_something_is_due(author: Author, call: str) -> None:
    held = Backlog(author.head, Limits(group_ms=0 if call == "append" else LONG_MS), machine_ms)
    found: list[list[int] | None] = []
    writer = threading.Thread(target=lambda: found.append(inputs(held.next_commit(LONG_MS))))
    writer.start()
    held.put(author.nothing())
    if call == "ask":
        held.want()
    elif call == "end":
        held.end()
    writer.join(WAIT_S)
    assert found == [[1]]


def test_at_the_bound_a_step_waits_for_room(clock: Clock, author: Author) -> None:
    held = backlog(clock, held_events=2)
    for step in author.ticks(2):
        held.put(step)
    assert not held.wait_for_room(0.0)
    third = author.nothing()
    kernel = threading.Thread(target=held.put, args=(third,))
    kernel.start()
    assert inputs(held.next_commit(LONG_MS)) == [1, 2], "a full backlog is due"
    assert kernel.is_alive()
    held.durable(1)
    kernel.join(WAIT_S)
    assert not kernel.is_alive()
    held.durable(2)
    assert held.wait_for_room(WAIT_S)


def test_who_waits_for_room_is_told_of_an_error(clock: Clock, author: Author) -> None:
    held = backlog(clock, held_events=1)
    held.put(author.nothing())
    told: list[Exception] = []

    def wait() -> None:
        try:
            held.put(author.nothing())
        except ZeroDivisionError as error:
            told.append(error)

    kernel = threading.Thread(target=wait)
    kernel.start()
    held.fail(ZeroDivisionError())
    kernel.join(WAIT_S)
    assert len(told) == 1
    assert held.take_untold_error() is None


def test_an_error_that_nobody_heard_of_can_be_taken_once(clock: Clock) -> None:
    held = backlog(clock)
    held.fail(ZeroDivisionError())
    assert isinstance(held.take_untold_error(), ZeroDivisionError)
    assert held.take_untold_error() is None


def test_a_pause_ends_early_when_the_journal_is_given_up(clock: Clock) -> None:
    held = backlog(clock)
    writer = threading.Thread(target=held.pause, args=(LONG_MS,))
    writer.start()
    held.fail(ZeroDivisionError())
    writer.join(WAIT_S)
    assert not writer.is_alive()
