"""The dispatcher without threads: one order, one driver, and nobody waits inside."""

import threading
from collections import deque

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.dispatch import DeterministicDispatcher, DispatchedActor, DispatchError


class Boom(Exception):
    pass


class Scripted(DispatchedActor):
    """Runs the message inside the actor if it is a function, else notes it down and sends it back."""

    def __init__(self, log=None, name="actor"):
        super().__init__()
        self.log = [] if log is None else log
        self.name = name

    def on_receive(self, message):
        if callable(message):
            return message(self)
        self.log.append((self.name, message))
        return message


class Lively(Scripted):
    def on_start(self):
        self.log.append((self.name, "on_start"))

    def on_stop(self):
        self.log.append((self.name, "on_stop"))


@pytest.fixture
def dispatcher():
    dispatcher = DeterministicDispatcher()
    yield dispatcher
    dispatcher.close()


def boom(_actor):
    raise Boom


def test_messages_run_in_the_order_in_which_they_were_sent_over_all_actors(dispatcher):
    log = []
    one, two = dispatcher.start(Scripted, log, "one"), dispatcher.start(Scripted, log, "two")
    for number in range(3):
        two.tell(number)
        one.tell(number)

    assert dispatcher.run_until_idle() == 6
    assert log == [("two", 0), ("one", 0), ("two", 1), ("one", 1), ("two", 2), ("one", 2)]


def test_on_start_runs_at_its_place_in_the_order(dispatcher):
    log = []
    one = dispatcher.start(Lively, log, "one")
    one.tell("hello")
    dispatcher.start(Lively, log, "two")

    dispatcher.run_until_idle()

    assert log == [("one", "on_start"), ("one", "hello"), ("two", "on_start")]


def test_nothing_runs_until_somebody_drives(dispatcher):
    log, threads_before = [], set(threading.enumerate())
    dispatcher.start(Lively, log).tell("hello")

    assert log == []
    assert set(threading.enumerate()) <= threads_before


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=3), min_size=5, max_size=5))
def test_any_cascade_of_messages_runs_as_a_single_queue_would(cascades):
    """A message n makes its receiver send the messages listed for n, each with a number below n: it always ends."""
    sends = [[(receiver, min(number, own - 1)) for receiver, number in row if own] for own, row in enumerate(cascades)]
    dispatcher, log = DeterministicDispatcher(), []

    class Cascading(Scripted):
        def on_receive(self, message):
            super().on_receive(message)
            for receiver, number in sends[message]:
                refs[receiver].tell(number)

    refs = [dispatcher.start(Cascading, log, name) for name in range(4)]
    refs[0].tell(4)
    handled = dispatcher.run_until_idle()
    dispatcher.close()

    queue, expected = deque([(0, 4)]), []
    while queue:
        expected.append(queue.popleft())
        queue.extend(sends[expected[-1][1]])
    assert log == expected
    assert handled == len(expected)


def test_a_bounded_run_stops_after_that_many_messages_and_goes_on_later(dispatcher):
    log = []
    ref = dispatcher.start(Scripted, log)
    for number in range(5):
        ref.tell(number)

    assert dispatcher.run_until_idle(max_messages=2) == 2
    assert dispatcher.run_until_idle(max_messages=0) == 0
    assert [number for _, number in log] == [0, 1]
    assert dispatcher.run_until_idle() == 3
    assert dispatcher.run_until_idle() == 0


def test_only_messages_that_an_actor_handled_are_counted(dispatcher):
    ref = dispatcher.start(Scripted)
    assert dispatcher.run_until_idle() == 0

    ref.tell(boom)
    ref.tell("never handled")
    left_behind = ref.ask("never handled", block=False)

    assert dispatcher.run_until_idle() == 1
    with pytest.raises(pykka.ActorDeadError):
        left_behind.get()


def test_running_the_dispatcher_inside_an_actor_is_refused(dispatcher):
    with pytest.raises(DispatchError, match=r"inside an actor, or on two threads"):
        dispatcher.start(Scripted).ask(lambda _actor: dispatcher.run_until_idle())

    assert dispatcher.run_until_idle() == 0


def test_running_the_dispatcher_on_a_second_thread_is_refused(dispatcher):
    refused = []

    def drive():
        try:
            dispatcher.run_until_idle()
        except DispatchError as error:
            refused.append(error)

    def drive_elsewhere(_actor):
        thread = threading.Thread(target=drive)
        thread.start()
        thread.join()

    dispatcher.start(Scripted).tell(drive_elsewhere)
    dispatcher.run_until_idle()

    assert len(refused) == 1


def test_waiting_for_an_answer_inside_an_actor_is_refused_instead_of_deadlocking(dispatcher):
    log = []
    other = dispatcher.start(Scripted, log, "other")
    asking = dispatcher.start(Scripted, log, "asking")

    with pytest.raises(DispatchError, match=r"Scripted .* not to wait"):
        asking.ask(lambda _actor: other.ask("question"))
    with pytest.raises(DispatchError, match=r"not to wait"):
        asking.ask(lambda _actor: other.proxy().name.get())
    assert dispatcher.run_until_idle() == 1
    assert log == [("other", "question")]


def test_an_answer_that_is_there_may_be_read_inside_an_actor(dispatcher):
    answer = dispatcher.start(Scripted).ask("known", block=False)
    dispatcher.run_until_idle()

    assert dispatcher.start(Scripted).ask(lambda _actor: answer.map(str.upper).get()) == "KNOWN"


def test_a_blocking_ask_outside_runs_the_actors_only_until_its_answer_is_there(dispatcher):
    log = []
    ref = dispatcher.start(Scripted, log)
    ref.tell("before")
    answer = ref.ask("question", block=False)
    ref.tell("after")

    assert answer.get() == "question"
    assert [message for _, message in log] == ["before", "question"]


def test_an_actor_asked_before_it_started_waits_for_its_start(dispatcher):
    log = []

    class AsksWhileBorn(Lively):
        def __init__(self, log, name, other):
            super().__init__(log, name)
            self.actor_ref.tell("from the constructor")
            other.ask("while being born")

    other = dispatcher.start(Scripted, log, "other")
    dispatcher.start(AsksWhileBorn, log, "newborn", other)
    dispatcher.run_until_idle()

    assert log == [("other", "while being born"), ("newborn", "on_start"), ("newborn", "from the constructor")]


def test_an_answer_that_nobody_will_give_is_an_error_and_no_deadlock(dispatcher):
    created = []

    class ForgetsToStart(Scripted):
        def __init__(self):
            super().__init__()
            created.append(Scripted())

    dispatcher.start(ForgetsToStart)

    with pytest.raises(DispatchError, match=r"never started"):
        created[0].actor_ref.ask("hello")
    with pytest.raises(pykka.Timeout):
        created[0].actor_ref.ask("hello", timeout=60)


def test_another_thread_gets_its_answer_from_the_thread_that_drives(dispatcher):
    ref, sent, answers = dispatcher.start(Scripted), threading.Event(), []

    def ask():
        answer = ref.ask("from afar", block=False)
        sent.set()
        answers.append(answer.get(timeout=5))

    thread = threading.Thread(target=ask)
    thread.start()
    sent.wait(5)
    dispatcher.run_until_idle()
    thread.join()

    assert answers == ["from afar"]


def test_only_the_thread_that_drove_last_drives_to_get_an_answer(dispatcher):
    ref, driven, done, handled = dispatcher.start(Scripted), threading.Event(), threading.Event(), []

    def drive_and_stay():
        dispatcher.run_until_idle()
        driven.set()
        done.wait(5)
        handled.append(ref.ask("drives again"))

    thread = threading.Thread(target=drive_and_stay)
    thread.start()
    driven.wait(5)
    with pytest.raises(pykka.Timeout):
        ref.ask(handled.append, timeout=0.01)
    assert handled == []

    done.set()
    thread.join()
    assert handled[1:] == ["drives again"]


def test_when_the_driving_thread_has_ended_another_one_may_drive(dispatcher):
    ref = dispatcher.start(Scripted)
    thread = threading.Thread(target=dispatcher.run_until_idle)
    thread.start()
    thread.join()

    assert ref.ask("still there") == "still there"


def test_an_actor_started_inside_an_actor_lives_on_the_same_dispatcher(dispatcher):
    log = []
    dispatcher.start(Scripted).tell(lambda _actor: Scripted.start(log, "child").tell("hello"))

    assert dispatcher.run_until_idle() == 2
    assert log == [("child", "hello")]


def test_the_short_tell_does_what_the_long_one_does(dispatcher):
    log = []
    ref = dispatcher.start(Scripted, log)
    dispatcher.tell(ref, "short")
    ref.tell("long")
    dispatcher.run_until_idle()
    assert [message for _, message in log] == ["short", "long"]

    ref.stop()
    with pytest.raises(pykka.ActorDeadError, match=r"not found"):
        dispatcher.tell(ref, "late")


def test_the_short_tell_refuses_actors_that_live_elsewhere(dispatcher):
    neighbour = DeterministicDispatcher()
    foreign = neighbour.start(Scripted)

    with pytest.raises(DispatchError, match=r"expected an actor of this dispatcher"):
        dispatcher.tell(foreign, "hello")
    neighbour.close()


def test_an_actor_may_drive_a_dispatcher_of_its_own(dispatcher):
    def run_a_small_world(_actor):
        world = DeterministicDispatcher()
        try:
            return world.start(Scripted).ask("from the small world")
        finally:
            world.close()

    assert dispatcher.start(Scripted).ask(run_a_small_world) == "from the small world"


def test_close_stops_the_last_started_actor_first_after_the_messages_in_line(dispatcher):
    log = []
    refs = [dispatcher.start(Lively, log, name) for name in ("one", "two")]
    dispatcher.run_until_idle()
    log.clear()
    refs[0].tell("in line")

    dispatcher.close()

    assert log == [("one", "in line"), ("two", "on_stop"), ("one", "on_stop")]
    assert not any(ref.is_alive() for ref in refs)


def test_an_inbox_knows_whether_messages_wait_for_its_actor(dispatcher):
    ref, other = dispatcher.start(Scripted), dispatcher.start(Scripted)
    dispatcher.run_until_idle()
    other.tell("hello")

    assert ref.actor_inbox.empty()
    assert not other.actor_inbox.empty()
    with pytest.raises(DispatchError, match=r"run_until_idle"):
        other.actor_inbox.get()


def test_an_actor_with_a_thread_of_its_own_cannot_live_on_a_dispatcher(dispatcher):
    with pytest.raises(DispatchError, match=r"found ThreadingActor"):
        dispatcher.start(pykka.ThreadingActor)
