"""What pykka promises, on every dispatcher. pykka's own ThreadingActor runs the same suite: it is the oracle."""

import logging
import weakref
from queue import Empty, SimpleQueue

import pykka
import pytest

from actors.dispatch import DeterministicDispatcher, DispatchedActor, ThreadedDispatcher

PATIENCE_S = 5


class Boom(Exception):
    pass


class Scripted(pykka.Actor):
    """Runs the message inside the actor if it is a function, else notes it down and sends it back."""

    def __init__(self, log):
        super().__init__()
        self.log = log

    def on_receive(self, message):
        if callable(message):
            return message(self)
        self.log.put(message)
        return message

    def on_stop(self):
        self.log.put("on_stop")

    def on_failure(self, exception_type, exception_value, traceback):
        self.log.put(("on_failure", exception_value, traceback is not None))


class Runtime:
    def __init__(self, base, start, run):
        self.base = base
        self._start = start
        self._run = run
        self.log = SimpleQueue()

    def start(self, behaviour=Scripted, *args):
        """Start an actor of that behaviour on this runtime."""
        return self._start(type(behaviour.__name__, (behaviour, self.base), {}), *(args or (self.log,)))

    def settle(self):
        """Let actors work where nobody else makes them."""
        self._run()

    def logged(self, count):
        """Return the next entries of the log, in order, as soon as they are there."""
        self.settle()
        try:
            return [self.log.get(timeout=PATIENCE_S) for _ in range(count)]
        except Empty:
            pytest.fail(f"expected {count} entries in the log, found fewer within {PATIENCE_S} s")


def _nothing():
    pass


def _pykka():
    return Runtime(pykka.ThreadingActor, lambda cls, *args: cls.start(*args), _nothing), _nothing


def _default():
    return Runtime(DispatchedActor, lambda cls, *args: cls.start(*args), _nothing), _nothing


def _one_worker():
    dispatcher = ThreadedDispatcher(workers=1)
    return Runtime(DispatchedActor, dispatcher.start, _nothing), dispatcher.close


def _deterministic():
    dispatcher = DeterministicDispatcher()
    return Runtime(DispatchedActor, dispatcher.start, dispatcher.run_until_idle), dispatcher.close


@pytest.fixture(params=[_pykka, _default, _one_worker, _deterministic], ids=lambda make: make.__name__[1:])
def runtime(request):
    runtime, close = request.param()
    yield runtime
    pykka.ActorRegistry.stop_all(timeout=PATIENCE_S)
    close()


def boom(_actor):
    raise Boom


def test_an_actor_handles_its_messages_in_the_order_in_which_they_were_sent(runtime):
    ref = runtime.start()
    for number in range(200):
        ref.tell(number)

    assert runtime.logged(200) == list(range(200))


def test_on_start_runs_before_messages_that_the_constructor_sent(runtime):
    class Early(Scripted):
        def __init__(self, log):
            super().__init__(log)
            self.actor_ref.tell("sent by the constructor")

        def on_start(self):
            self.log.put("on_start")

    runtime.start(Early).tell("sent later")

    assert runtime.logged(3) == ["on_start", "sent by the constructor", "sent later"]


def test_an_ask_is_answered_with_what_the_handler_returns(runtime):
    assert runtime.start().ask("ping") == "ping"


def test_an_ask_raises_what_the_handler_raised_and_the_actor_lives_on(runtime, caplog):
    caplog.set_level(logging.INFO, "pykka")
    ref = runtime.start()

    with pytest.raises(Boom):
        ref.ask(boom)

    assert ref.ask("still there") == "still there"
    assert [record.getMessage() for record in caplog.records] == [f"Exception returned from {ref} to caller:"]


def test_an_ask_gives_up_after_its_timeout(runtime):
    gate = SimpleQueue()
    with pytest.raises(pykka.Timeout):
        runtime.start().ask(lambda _actor: gate.get(timeout=PATIENCE_S), timeout=0)

    gate.put("go on")


def test_an_exception_on_a_tell_ends_the_actor_through_on_failure_and_without_on_stop(runtime, caplog):
    ref, bystander = runtime.start(), runtime.start()
    ref.tell(boom)

    [(hook, error, has_traceback)] = runtime.logged(1)

    assert (hook, type(error), has_traceback) == ("on_failure", Boom, True)
    assert not ref.is_alive()
    assert pykka.ActorRegistry.get_all() == [bystander]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.name, record.getMessage()) == ("pykka", f"Unhandled exception in {ref}:")
    assert record.exc_info[1] is error


def test_an_exception_in_on_start_ends_the_actor(runtime, caplog):
    class FailsToStart(Scripted):
        def on_start(self):
            raise Boom

    ref = runtime.start(FailsToStart)
    left_behind = ref.ask("too late", block=False)
    runtime.settle()

    with pytest.raises(pykka.ActorDeadError):
        left_behind.get(timeout=PATIENCE_S)
    assert not ref.is_alive()
    assert [record.getMessage() for record in caplog.records] == [f"Unhandled exception in {ref}:"]


def test_an_exception_in_on_stop_ends_the_actor_all_the_same(runtime, caplog):
    class FailsToStop(Scripted):
        def on_stop(self):
            raise Boom

    ref = runtime.start(FailsToStop)

    assert ref.stop(timeout=PATIENCE_S)
    assert not ref.is_alive()
    assert [record.getMessage() for record in caplog.records] == [f"Unhandled exception in {ref}:"]


def test_an_exception_in_on_failure_is_logged_too(runtime, caplog):
    class FailsTwice(Scripted):
        def on_failure(self, *_exc_info):
            raise KeyError("second")

    ref = runtime.start(FailsTwice)
    ref.tell(boom)
    after_all = ref.ask("too late", block=False)
    runtime.settle()

    with pytest.raises(pykka.ActorDeadError):
        after_all.get(timeout=PATIENCE_S)
    assert [type(record.exc_info[1]) for record in caplog.records] == [Boom, KeyError]


def test_a_base_exception_stops_all_actors_the_last_started_first(runtime):
    class Named(Scripted):
        def __init__(self, log, name):
            super().__init__(log)
            self.name = name

        def on_stop(self):
            self.log.put(self.name)

    def cancel(_actor):
        raise BaseException("everybody out")

    refs = [runtime.start(Named, runtime.log, name) for name in ("first", "second", "third")]
    refs[1].tell(cancel)

    assert runtime.logged(3) == ["second", "third", "first"]
    assert not any(ref.is_alive() for ref in refs)


def test_asks_left_behind_by_a_stop_learn_that_the_actor_is_dead(runtime):
    gate = SimpleQueue()
    ref = runtime.start()
    ref.tell(lambda _actor: gate.get(timeout=PATIENCE_S))
    stop, late_ask, late_stop = ref.stop(block=False), ref.ask("late", block=False), ref.stop(block=False)
    gate.put("go on")
    runtime.settle()

    assert stop.get(timeout=PATIENCE_S) is True
    with pytest.raises(pykka.ActorDeadError, match=r"stopped before handling the message"):
        late_ask.get(timeout=PATIENCE_S)
    assert late_stop.get(timeout=PATIENCE_S) is True
    assert runtime.logged(1) == ["on_stop"]


def test_an_actor_that_stops_itself_handles_what_was_sent_before(runtime):
    def tell_and_stop(actor):
        actor.actor_ref.tell("before")
        actor.stop()
        actor.actor_ref.tell("after")

    runtime.start().tell(tell_and_stop)

    assert runtime.logged(2) == ["before", "on_stop"]
    assert runtime.log.empty()


def test_an_actor_may_stop_itself_before_its_first_message(runtime):
    class Brief(Scripted):
        def on_start(self):
            self.stop()

    ref = runtime.start(Brief)

    assert runtime.logged(1) == ["on_stop"]
    assert not ref.is_alive()


def test_a_dead_actor_takes_no_message(runtime):
    ref = runtime.start()

    assert ref.stop(timeout=PATIENCE_S) is True
    assert ref.stop(timeout=PATIENCE_S) is False
    with pytest.raises(pykka.ActorDeadError, match=r"not found"):
        ref.tell("anybody there?")
    with pytest.raises(pykka.ActorDeadError, match=r"not found"):
        ref.ask("anybody there?")


def test_a_reference_does_not_keep_a_dead_actor_in_memory(runtime):
    observers, released = [], SimpleQueue()
    ref = runtime.start()
    ref.ask(lambda actor: observers.append(weakref.ref(actor, released.put)))
    ref.stop(timeout=PATIENCE_S)

    assert released.get(timeout=PATIENCE_S) is observers[0]
    assert not ref.is_alive()


@pykka.traversable
class Gauge:
    reading = 7

    def raised_by(self, amount):
        return self.reading + amount


class Rich(Scripted):
    colour = "red"
    gauge = Gauge()

    def upper(self, text):
        return text.upper()

    def upper_by_own_proxy(self, text):
        return self.actor_ref.proxy().upper(text)

    def fail(self):
        raise Boom


def test_a_proxy_calls_methods_and_reads_and_sets_attributes(runtime):
    proxy = runtime.start(Rich).proxy()
    proxy.colour = "blue"

    assert proxy.upper("quiet").get(timeout=PATIENCE_S) == "QUIET"
    assert proxy.colour.get(timeout=PATIENCE_S) == "blue"
    assert proxy.gauge.reading.get(timeout=PATIENCE_S) == 7
    assert proxy.gauge.raised_by(3).get(timeout=PATIENCE_S) == 10
    with pytest.raises(AttributeError):
        proxy.missing  # noqa: B018


def test_an_actor_may_hand_on_the_answer_of_its_own_proxy(runtime):
    inner = runtime.start(Rich).proxy().upper_by_own_proxy("later").get(timeout=PATIENCE_S)

    assert inner.get(timeout=PATIENCE_S) == "LATER"


def test_a_deferred_call_that_raises_goes_to_on_failure(runtime):
    runtime.start(Rich).proxy().fail.defer()

    [(hook, error, _)] = runtime.logged(1)
    assert (hook, type(error)) == ("on_failure", Boom)


def test_futures_can_be_mapped_filtered_reduced_and_joined(runtime):
    ref = runtime.start()

    def numbers():
        return ref.ask([1, 2, 3], block=False)

    assert numbers().map(len).get(timeout=PATIENCE_S) == 3
    assert numbers().filter(lambda number: number > 1).get(timeout=PATIENCE_S) == [2, 3]
    assert numbers().reduce(lambda total, number: total + number).get(timeout=PATIENCE_S) == 6
    assert numbers().join(numbers()).get(timeout=PATIENCE_S) == [[1, 2, 3], [1, 2, 3]]
    assert pykka.get_all([numbers(), numbers()], timeout=PATIENCE_S) == [[1, 2, 3], [1, 2, 3]]


def test_the_registry_finds_actors_and_sends_to_all_of_a_class(runtime):
    plain, rich = runtime.start(), runtime.start(Rich)

    pykka.ActorRegistry.broadcast("hello", target_class="Rich")

    assert runtime.logged(1) == ["hello"]
    assert pykka.ActorRegistry.get_by_class(Rich) == [rich]
    assert pykka.ActorRegistry.get_by_class_name("Scripted") == [plain]
    assert pykka.ActorRegistry.get_by_urn(plain.actor_urn) is plain
    assert pykka.ActorRegistry.stop_all(timeout=PATIENCE_S) == [True, True]
    assert pykka.ActorRegistry.get_all() == []


def test_an_actor_may_start_another_one_and_be_told_its_answer(runtime):
    def start_a_child(actor):
        parent = actor.actor_ref
        child = type(actor).start(actor.log)
        child.tell(lambda _child: parent.tell("from the child"))

    runtime.start().tell(start_a_child)

    assert runtime.logged(1) == ["from the child"]


def test_an_unexpected_message_is_logged_as_a_warning(runtime, caplog):
    class Deaf(pykka.Actor):
        pass

    ref = runtime.start(Deaf, "a constructor takes anything")

    assert ref.ask("what is this?") is None
    assert [record.getMessage() for record in caplog.records] == [
        f"Unexpected message received by {ref}: what is this?"
    ]
