"""The tail: what is held until it is durable."""

from __future__ import annotations

import pytest
from histories import OPERATIONS, Author, all_events
from msgspec.structs import replace

from infra.durability import Tail, size_of

MANY = 1_000_000


def filled(author: Author, steps: int, max_weight: int = MANY, max_bytes: int = MANY) -> Tail:
    tail = Tail(Author().head, max_weight, max_bytes)
    for step in author.ticks(steps):
        tail.add(step)
    return tail


def test_steps_come_out_in_the_order_in_which_they_came_in() -> None:
    tail = filled(Author(), 5)
    assert [step.frame.input_seq for step in tail.first(MANY, MANY)] == [1, 2, 3, 4, 5]
    tail.drop(3)
    assert [step.frame.input_seq for step in tail.first(MANY, MANY)] == [4, 5]
    tail.drop(5)
    assert tail.first(MANY, MANY) == []


def test_a_group_has_a_weight_and_a_size() -> None:
    tail = filled(Author(), 5)
    one = size_of(tail.first(1, MANY)[0])
    assert len(tail.first(3, MANY)) == 3
    assert len(tail.first(MANY, 2 * one)) == 2
    assert len(tail.first(0, 0)) == 1, "a step that is too large alone must come out all the same"


def test_a_step_counts_its_events_and_an_empty_one_counts_too() -> None:
    author = Author()
    tail = Tail(Author().head, MANY, MANY)
    tail.add(author.stop())
    tail.add(author.nothing())
    assert tail.weight == 3
    tail.drop(1)
    assert tail.weight == 1
    tail.drop(2)
    assert (tail.weight, len(tail), tail._bytes) == (0, 0, 0)


@pytest.mark.parametrize(("max_weight", "max_bytes"), [(3, MANY), (MANY, 1)])
def test_it_is_full_at_either_bound_and_has_room_again_when_steps_are_durable(max_weight: int, max_bytes: int) -> None:
    assert not Tail(Author().head, max_weight, max_bytes).full
    tail = filled(Author(), 3, max_weight, max_bytes)
    assert tail.full
    tail.drop(3)
    assert not tail.full


def test_it_gives_the_held_events_of_a_stream() -> None:
    author = Author()
    tail = Tail(Author().head, MANY, MANY)
    steps = [author.stop(), *author.ticks(3), author.stop()]
    for step in steps:
        tail.add(step)
    wanted = tuple(event for event in all_events(steps) if event.stream == OPERATIONS)
    assert len(wanted) == 4
    assert tail.of_stream(OPERATIONS) == wanted
    tail.drop(1)
    assert tail.of_stream(OPERATIONS) == wanted[2:]
    assert tail.of_stream("symbol:Z") == ()


def test_what_does_not_follow_is_refused_and_changes_nothing() -> None:
    author = Author()
    tail = filled(author, 2)
    good = author.ticks(1)[0]
    event = good.events[0]
    broken = {
        "does not follow": replace(good, frame=replace(good.frame, input_seq=9)),
        "before its predecessor": replace(good, frame=replace(good.frame, at_ms=1)),
        "has its row": replace(good, rows=()),
        "event 9 does not follow 2": replace(good, events=(replace(event, seq=9),)),
        "gap between events 3 and 5": replace(
            good, events=(event, replace(event, seq=5)), rows=(good.rows[0], good.rows[0])
        ),
    }
    for why, step in broken.items():
        with pytest.raises(AssertionError, match=why):
            tail.add(step)
    tail.add(good)
    assert len(tail) == 3
