"""The dispatcher with threads: an actor is in one place at a time, and none is stuck because another one waits."""

import sys
import threading
from queue import SimpleQueue

import pykka
import pytest
from pykka._envelope import Envelope

from actors.dispatch import DispatchedActor, DispatchedFuture, DispatchError, ThreadedDispatcher

PATIENCE_S = 5


class Scripted(DispatchedActor):
    """Runs the message inside the actor if it is a function, else sends it back."""

    def on_receive(self, message):
        return message(self) if callable(message) else message


@pytest.fixture
def dispatchers():
    made = []

    def make(*args, **kwargs):
        made.append(ThreadedDispatcher(*args, **kwargs))
        return made[-1]

    yield make
    for dispatcher in made:
        dispatcher.close(timeout=PATIENCE_S)


@pytest.fixture
def one_worker(dispatchers):
    return dispatchers(workers=1)


@pytest.fixture
def impatient_switching():
    """Let threads interrupt each other as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def threads_named(prefix):
    return [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]


def test_one_worker_is_enough_for_actors_that_ask_each_other(one_worker):
    one, two = one_worker.start(Scripted), one_worker.start(Scripted)

    def ask_the_other(_actor):
        return two.ask("deep"), two.proxy().actor_urn.get(), pykka.get_all([two.ask(1, block=False)] * 2)

    assert one.ask(ask_the_other, timeout=PATIENCE_S) == ("deep", two.actor_urn, [1, 1])


def test_workers_that_helped_out_while_others_waited_end_afterwards(one_worker):
    links = [one_worker.start(Scripted) for _ in range(30)]

    def ask_the_next(actor):
        position = links.index(actor.actor_ref)
        return links[position + 1].ask(ask_the_next) if position < 29 else threads_named("Scripted-")

    helpers = links[0].ask(ask_the_next, timeout=PATIENCE_S)

    assert len(helpers) == 30
    assert ends_with_at_most(1, helpers)


def ends_with_at_most(count, threads):
    """Whether, given some patience, at most `count` of the threads stay."""
    for _ in range(PATIENCE_S * 100):
        alive = [thread for thread in threads if thread.is_alive()]
        if len(alive) <= count:
            return True
        alive[0].join(timeout=0.01)
    return False


def test_an_actor_may_wait_while_it_starts(one_worker):
    class AsksFirst(Scripted):
        known = None

        def on_start(self):
            self.known = other.ask("known at start")

    other = one_worker.start(Scripted)

    assert one_worker.start(AsksFirst).proxy().known.get(timeout=PATIENCE_S) == "known at start"


def test_two_actors_that_wait_for_the_same_derived_future_need_no_second_worker(one_worker):
    first, second, source = (one_worker.start(Scripted) for _ in range(3))
    base = DispatchedFuture()
    shared = base.map(lambda number: number + 1)

    answers = [ref.ask(lambda _actor: shared.get(), block=False) for ref in (first, second)]
    source.tell(lambda _actor: base.set(41))

    assert pykka.get_all(answers, timeout=PATIENCE_S) == [42, 42]


def test_more_waiting_actors_than_allowed_is_an_error_and_no_deadlock(dispatchers):
    dispatcher = dispatchers(workers=1, waiting_max=2)
    links = [dispatcher.start(Scripted) for _ in range(4)]

    def ask_the_next(actor):
        position = links.index(actor.actor_ref)
        return links[position + 1].ask(ask_the_next) if position < 3 else "reached the end"

    assert links[1].ask(ask_the_next, timeout=PATIENCE_S) == "reached the end"
    with pytest.raises(DispatchError, match=r"at most 2 actors to wait"):
        links[0].ask(ask_the_next, timeout=PATIENCE_S)


def test_a_dispatcher_without_workers_is_refused():
    with pytest.raises(DispatchError, match=r"at least 1 worker, found 0"):
        ThreadedDispatcher(workers=0)


@pytest.mark.usefixtures("impatient_switching")
def test_no_actor_runs_on_two_threads_at_once_and_no_message_is_lost(dispatchers):
    dispatcher = dispatchers(workers=4)
    overlaps = []

    class Guarded(Scripted):
        def __init__(self):
            super().__init__()
            self.inside = threading.Lock()
            self.heard = []

        def on_receive(self, message):
            if callable(message):
                return message(self)
            if not self.inside.acquire(blocking=False):
                overlaps.append(message)
                return None
            self.heard.append(message)
            self.inside.release()
            return None

    refs = [dispatcher.start(Guarded) for _ in range(5)]

    def send(sender):
        for number in range(400):
            refs[number % 5].tell((sender, number))

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    heard = [ref.ask(lambda actor: actor.heard, timeout=PATIENCE_S) for ref in refs]

    assert overlaps == []
    assert sum(map(len, heard)) == 1600
    for row, messages in enumerate(heard):
        for sender in range(4):
            in_order = [number for who, number in messages if who == sender]
            assert in_order == list(range(row, 400, 5))


def test_a_busy_actor_lets_others_have_their_turn(one_worker):
    class Endless(Scripted):
        def on_start(self):
            self.actor_ref.tell("again")

        def on_receive(self, message):
            self.actor_ref.tell(message)

    endless = one_worker.start(Endless)

    assert one_worker.start(Scripted).ask("my turn", timeout=PATIENCE_S) == "my turn"
    assert endless.is_alive()


def test_no_more_actors_run_at_once_than_there_are_workers_also_after_some_have_waited(dispatchers):
    dispatcher, gate = dispatchers(workers=2), SimpleQueue()
    refs = [dispatcher.start(Scripted) for _ in range(6)]
    for _ in range(3):
        refs[0].ask(lambda _actor: refs[1].ask("wait for this"), timeout=PATIENCE_S)
    helpers = threads_named("Scripted-")
    assert ends_with_at_most(2, helpers)

    answers = [ref.ask(lambda _actor: gate.get(timeout=PATIENCE_S), block=False) for ref in refs]
    busy = threads_named("Scripted-")
    for number in range(6):
        gate.put(number)

    assert len(busy) <= 2
    assert sorted(pykka.get_all(answers, timeout=PATIENCE_S)) == list(range(6))


def test_hundreds_of_actors_share_the_workers(dispatchers):
    dispatcher = dispatchers(workers=2)
    refs = [dispatcher.start(Scripted) for _ in range(300)]

    assert [ref.ask(number, timeout=PATIENCE_S) for number, ref in enumerate(refs)] == list(range(300))
    assert len(threads_named("Scripted-")) <= 2


def test_threads_start_with_the_first_actor_and_end_with_the_last(dispatchers):
    dispatcher = dispatchers(workers=2)
    assert threads_named("Scripted-") == []

    refs = [dispatcher.start(Scripted) for _ in range(2)]
    workers = threads_named("Scripted-")
    assert workers
    for ref in refs:
        ref.stop(timeout=PATIENCE_S)

    assert ends_with_at_most(0, workers)


def test_close_stops_the_last_started_actor_first_and_leaves_no_thread(dispatchers):
    dispatcher, stopped = dispatchers(workers=3), []

    class Noted(Scripted):
        def on_stop(self):
            stopped.append(self.actor_ref)

    refs = [dispatcher.start(Noted) for _ in range(5)]
    workers = threads_named("Noted-")
    dispatcher.close(timeout=PATIENCE_S)

    assert stopped == refs[::-1]
    assert not any(thread.is_alive() for thread in workers)
    assert dispatcher.start(Scripted).ask("used again", timeout=PATIENCE_S) == "used again"


def test_close_gives_up_on_an_actor_that_does_not_stop_in_time(dispatchers):
    dispatcher, gate = dispatchers(), SimpleQueue()
    dispatcher.start(Scripted).tell(lambda _actor: gate.get(timeout=PATIENCE_S))

    with pytest.raises(pykka.Timeout):
        dispatcher.close(timeout=0)
    gate.put("go on")


def test_close_inside_one_of_its_actors_is_refused(one_worker):
    with pytest.raises(DispatchError, match=r"inside an actor"):
        one_worker.start(Scripted).ask(lambda _actor: one_worker.close(), timeout=PATIENCE_S)


def test_an_actor_started_inside_an_actor_lives_on_the_same_dispatcher(one_worker):
    child = one_worker.start(Scripted).ask(lambda _actor: Scripted.start(), timeout=PATIENCE_S)

    one_worker.close(timeout=PATIENCE_S)

    assert not child.is_alive()


def test_a_thread_bears_the_name_of_the_actor_that_it_runs(one_worker):
    class Carpenter(Scripted):
        pass

    def own_name(_actor):
        return threading.current_thread().name.rpartition("-")[0]

    refs = [one_worker.start(Carpenter), one_worker.start(Scripted)]

    assert [ref.ask(own_name, timeout=PATIENCE_S) for ref in refs] == ["Carpenter", "Scripted"]


def test_only_actors_that_ask_for_it_run_on_daemon_threads(dispatchers):
    class Daemonic(Scripted):
        use_daemon_thread = True

    dispatcher = dispatchers(workers=1)

    def on_a_daemon(_actor):
        return threading.current_thread().daemon

    assert dispatcher.start(Scripted).ask(on_a_daemon, timeout=PATIENCE_S) is False
    assert dispatcher.start(Daemonic).ask(on_a_daemon, timeout=PATIENCE_S) is True


def test_a_message_that_arrives_while_its_actor_dies_is_refused_too(one_worker):
    ref, survivor = one_worker.start(Scripted), one_worker.start(Scripted)
    ref.stop(timeout=PATIENCE_S)
    survivor.ask("so the one worker is done with the dead one", timeout=PATIENCE_S)
    answer = DispatchedFuture()

    ref.actor_inbox.put(Envelope("sent just before the end", reply_to=answer))

    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=PATIENCE_S)


def test_an_exception_that_would_end_a_thread_ends_the_actor_and_not_the_worker(one_worker, monkeypatch):
    class Interrupted(Scripted):
        def on_start(self):
            raise KeyboardInterrupt

    thread_ends = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", thread_ends.put)
    ref = one_worker.start(Interrupted)
    left_behind = ref.ask("late", block=False)

    with pytest.raises(pykka.ActorDeadError):
        left_behind.get(timeout=PATIENCE_S)
    assert thread_ends.get(timeout=PATIENCE_S).exc_type is KeyboardInterrupt
    assert not ref.is_alive()
    assert one_worker.start(Scripted).ask("the worker lives", timeout=PATIENCE_S) == "the worker lives"
