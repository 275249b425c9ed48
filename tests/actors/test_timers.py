"""Timers alone: what is due next, moved, canceled; against a model that keeps a plain dictionary."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.timers import Timers
from domain.base import Command, Timer
from domain.commands import HaltEntries

PATIENT = settings(deadline=None)  # the machine may be busy


def ring(word: str) -> Command:
    return HaltEntries(word)


def armed(*timers: tuple[str, str, int, str]) -> Timers:
    """Arm (stream, name, due, word)."""
    held = Timers()
    for stream, name, due_ms, word in timers:
        held.arm(stream, Timer(name, due_ms, ring(word)))
    return held


def fired(timers: Timers, until_ms: int) -> list[tuple[str, str]]:
    found = []
    while (due := timers.pop_due(until_ms)) is not None:
        stream, command = due
        assert isinstance(command, HaltEntries)
        found.append((stream, command.cause))
    return found


def test_nothing_armed_is_nothing_due() -> None:
    assert Timers().next_due_ms() is None
    assert Timers().pop_due(10**15) is None
    assert len(Timers()) == 0


def test_equal_times_fire_in_the_order_of_stream_and_name_however_they_were_armed() -> None:
    timers = armed(("b", "1", 5, "b1"), ("a", "2", 5, "a2"), ("a", "1", 5, "a1"), ("c", "0", 4, "c0"))
    assert fired(timers, 5) == [("c", "c0"), ("a", "a1"), ("a", "a2"), ("b", "b1")]


def test_a_timer_is_due_at_its_own_millisecond() -> None:
    timers = armed(("a", "t", 5, "x"))
    assert fired(timers, 4) == []
    assert fired(timers, 5) == [("a", "x")]
    assert fired(timers, 5) == []


def test_moving_a_timer_to_an_earlier_time_and_back_fires_it_once() -> None:
    timers = armed(("a", "t", 10, "first"), ("a", "t", 5, "second"), ("a", "t", 10, "third"))
    assert len(timers) == 1
    assert timers.next_due_ms() == 10
    assert fired(timers, 100) == [("a", "third")]


def test_a_timer_armed_twice_for_one_time_fires_once_with_the_newest_command() -> None:
    assert fired(armed(("a", "t", 5, "old"), ("a", "t", 5, "new")), 9) == [("a", "new")]


def test_a_canceled_timer_is_gone_and_can_be_armed_again() -> None:
    timers = armed(("a", "t", 5, "x"))
    timers.arm("a", Timer("t", 0, None))
    assert (len(timers), timers.next_due_ms(), timers.pop_due(99)) == (0, None, None)
    timers.arm("a", Timer("t", 5, ring("again")))
    assert fired(timers, 5) == [("a", "again")]


def test_a_timer_that_fired_can_be_armed_again_for_a_time_that_is_over() -> None:
    timers = armed(("a", "t", 5, "x"), ("a", "t", 7, "y"))
    assert fired(timers, 9) == [("a", "y")]
    timers.arm("a", Timer("t", 7, ring("z")))
    assert fired(timers, 9) == [("a", "z")]


def test_two_are_the_same_if_the_same_is_due_at_the_same_times() -> None:
    one = armed(("a", "t", 9, "x"), ("b", "t", 5, "y"), ("a", "t", 7, "x"))
    assert one.same_as(armed(("b", "t", 5, "y"), ("a", "t", 7, "x")))
    assert not one.same_as(armed(("b", "t", 5, "y"), ("a", "t", 9, "x")))
    assert not one.same_as(armed(("b", "t", 5, "other"), ("a", "t", 7, "x")))
    assert not one.same_as(armed(("b", "t", 5, "y")))


KEYS = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))
STEPS = st.lists(st.tuples(KEYS, st.integers(0, 20) | st.none() | st.just("pop"), st.integers(0, 20)), max_size=60)


@PATIENT
@given(STEPS)
def test_it_behaves_like_a_sorted_dictionary(steps: list[tuple[tuple[str, str], int | str | None, int]]) -> None:
    timers, model = Timers(), {}
    for number, ((stream, name), what, until_ms) in enumerate(steps):
        if what == "pop":
            due = sorted((due_ms, *key) for key, (due_ms, _) in model.items() if due_ms <= until_ms)
            expected = [(key[1], model.pop(key[1:])[1]) for key in due]
            assert fired(timers, until_ms) == expected
        elif what is None:
            timers.arm(stream, Timer(name, 0, None))
            model.pop((stream, name), None)
        else:
            timers.arm(stream, Timer(name, what, ring(f"{number}")))
            model[stream, name] = (what, f"{number}")
        assert len(timers) == len(model)
        assert timers.next_due_ms() == min((due_ms for due_ms, _ in model.values()), default=None)
