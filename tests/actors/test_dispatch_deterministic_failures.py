"""What happens when an actor raises on the dispatcher without threads: who hears of it, and when."""

import pykka
import pytest

from actors.dispatch import DeterministicDispatcher, DispatchedActor


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


class Farewell(Scripted):
    def on_stop(self):
        self.log.append((self.name, "on_stop"))


@pytest.fixture
def dispatcher():
    dispatcher = DeterministicDispatcher()
    yield dispatcher
    dispatcher.close()


def boom(_actor):
    raise Boom


def test_a_failure_is_told_before_the_next_message_with_the_actor_and_its_message(dispatcher):
    heard = []

    class Supervised(Scripted):
        def on_failure(self, exception_type, *_):
            heard.append((dispatcher.current_actor, dispatcher.current_message, exception_type))

    failing = dispatcher.start(Supervised)
    failing.tell(boom)
    dispatcher.start(Scripted).tell(lambda _actor: heard.append("next message"))
    dispatcher.run_until_idle()

    assert heard == [(failing, boom, Boom), "next message"]


def test_there_is_no_current_message_in_on_start_or_between_runs(dispatcher):
    seen = []

    class Looks(Scripted):
        def on_start(self):
            seen.append((dispatcher.current_actor, dispatcher.current_message))

    ref = dispatcher.start(Looks)
    dispatcher.run_until_idle()

    assert seen == [(ref, None)]
    assert (dispatcher.current_actor, dispatcher.current_message) == (None, None)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_reaches_the_thread_that_drives_and_stops_all_actors(dispatcher, interrupt):
    def be_interrupted(_actor):
        raise interrupt

    log = []
    refs = [dispatcher.start(Farewell, log, name) for name in ("one", "two")]
    refs[0].tell(be_interrupted)

    with pytest.raises(interrupt):
        dispatcher.run_until_idle()

    dispatcher.run_until_idle()
    assert not any(ref.is_alive() for ref in refs)
    assert log == [("one", "on_stop"), ("two", "on_stop")]


def test_an_ask_that_ends_in_a_base_exception_learns_that_the_actor_is_dead(dispatcher):
    def cancel(_actor):
        raise BaseException

    with pytest.raises(pykka.ActorDeadError):
        dispatcher.start(Scripted).ask(cancel)


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
def test_a_base_exception_in_a_hook_ends_the_actor_and_reaches_the_driver(dispatcher, hook):
    calls = []

    def raise_interrupt(*_):
        calls.append(hook)
        raise KeyboardInterrupt

    ref = dispatcher.start(type("Hooked", (Scripted,), {hook: raise_interrupt}))
    ref.tell(boom if hook == "on_failure" else "hello")
    ref.stop(block=False)
    left_behind = ref.ask("late", block=False)

    with pytest.raises(KeyboardInterrupt):
        dispatcher.run_until_idle()

    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()
    assert calls == [hook]
    with pytest.raises(pykka.ActorDeadError):
        left_behind.get()
