"""The dispatcher without threads: messages run in the order in which they were sent, when somebody drives it."""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from pykka import ActorDeadError, ActorRef, ActorRegistry, Future, Timeout
from pykka._envelope import Envelope

from actors.dispatch.actor import (
    DispatchedFuture,
    Dispatcher,
    DispatchError,
    Inside,
    here,
    refuse,
)

_log = logging.getLogger("pykka")


class _Start(NamedTuple):
    """Stands in line for an actor's `on_start`. A tuple like pykka's own messages."""


_START = _Start()
_Entry: TypeAlias = "tuple[_Mailbox, Any, Future[Any] | None]"
"""One place in the line: whose message, the message, and whom to answer."""


class DeterministicDispatcher(Dispatcher):
    """Runs its actors on the thread that calls `run_until_idle`, one message at a time, in global send order.

    The same sends give the same run. One thread drives it; tells from other threads are safe, but then
    it is they who make the order.
    """

    def __init__(self) -> None:
        self._line: deque[_Entry] = deque()
        self._living: dict[_Mailbox, None] = {}
        self._current: _Entry | None = None
        self._driving = threading.Lock()
        self._driver = threading.current_thread()

    @property
    def current_message(self) -> Any:
        """The message being handled, also inside `on_failure`; None between messages and in `on_start`."""
        if self._current is None or self._current[1] is _START:
            return None
        return self._current[1]

    @property
    def current_actor(self) -> ActorRef[Any] | None:
        """The actor whose code is running, hooks included; None between messages."""
        return None if self._current is None else self._current[0].ref

    def create_mailbox(self) -> "_Mailbox":
        """Make the mailbox of a new actor, which will run here."""
        return _Mailbox(self)

    def tell(self, actor_ref: ActorRef[Any], message: Any) -> None:
        """Do what `actor_ref.tell(message)` does, for an actor of this dispatcher, in about half the time.

        Raises ActorDeadError if the actor is dead, DispatchError if it lives on another dispatcher.
        """
        mailbox = actor_ref.actor_inbox
        if type(mailbox) is not _Mailbox or mailbox.dispatcher is not self:
            raise DispatchError(f"expected an actor of this dispatcher, found {actor_ref}: use its own tell()")
        if actor_ref.actor_stopped.is_set():
            raise ActorDeadError(f"{actor_ref} not found")
        mailbox.line.append((mailbox, message, None))

    def run_until_idle(self, max_messages: int | None = None) -> int:
        """Handle messages until none is left, or `max_messages` were handled; returns how many were.

        `on_start` runs at its place in the order; it and messages to dead actors are not counted. An exception of
        an actor is treated as pykka does, and its `on_failure` has returned before the next message is taken.
        Out of here come only KeyboardInterrupt and SystemExit, which are meant for the thread that drives (all actors
        have been told to stop), and a BaseException from a hook, which would have ended pykka's thread. Raises
        DispatchError if this is already running.
        """
        assert max_messages is None or max_messages >= 0, f"expected a number of messages, found {max_messages}"
        outer = here.runs, here.home
        if not self._driving.acquire(blocking=False):
            raise DispatchError(
                "expected an idle dispatcher, found one that is running: run_until_idle() was called inside an "
                "actor, or on two threads; let actors tell each other, and one thread drive"
            )
        try:
            self._driver = threading.current_thread()
            here.runs = here.home = self
            return self._run(-1 if max_messages is None else max_messages)
        finally:
            self._current = None
            here.runs, here.home = outer
            self._driving.release()

    def drive_until(self, future: DispatchedFuture[Any], timeout: float | None) -> None:
        """Run messages until `future` is answered, if this is the thread that drives (or that one has ended).

        On another thread it returns at once: there the answer is waited for. Raises `pykka.Timeout` when `timeout`
        seconds are over or nothing is left to run, and DispatchError if nothing is left and there was no timeout.
        """
        if self._driver.is_alive() and self._driver is not threading.current_thread():
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        while not future.is_answered:
            if deadline is not None and time.monotonic() >= deadline:
                raise Timeout(f"{timeout} seconds")
            if self.run_until_idle(1) or future.is_answered:
                continue
            if timeout is not None:
                raise Timeout(f"{timeout} seconds, and no message is left that could bring the answer")
            raise DispatchError(
                "expected a message in line that brings the answer, found none: was the actor never started?"
            )

    @contextmanager
    def waiting(self, future: DispatchedFuture[Any]) -> Generator[None, None, None]:
        """Refuse to wait inside an actor: the answer could only come after it."""
        if not future.is_derived:
            raise DispatchError(
                f"expected {self.current_actor} not to wait, found get() on an answer that is not there yet: it would "
                "wait for ever, because nothing else runs; tell, and let the answer be told back"
            )
        yield

    def close(self) -> None:
        """Stop all its actors, the last started first, after the messages that are in line."""
        while self._living:
            for mailbox in reversed(list(self._living)):
                mailbox.ref.stop(block=False)
            self.run_until_idle()

    def join(self, mailbox: "_Mailbox") -> None:
        """Let an actor in, with the messages that waited for its start."""
        self._living[mailbox] = None
        waited, mailbox.line = mailbox.line, self._line
        self._line.append((mailbox, _START, None))
        self._line.extend(waited)

    def leave(self, mailbox: "_Mailbox") -> None:
        """Forget a dead actor."""
        self._living.pop(mailbox, None)

    def _run(self, messages_max: int) -> int:
        line = self._line
        handled = 0
        while line and handled != messages_max:
            self._current = entry = line.popleft()
            mailbox, message, reply_to = entry
            handled += mailbox.receive(message, reply_to)
        return handled


class _Mailbox:
    """One actor's door to the line of a DeterministicDispatcher."""

    __slots__ = ("_inside", "dispatcher", "line", "ref")

    def __init__(self, dispatcher: DeterministicDispatcher) -> None:
        self.dispatcher = dispatcher
        self.line: deque[_Entry] = deque()
        self.ref: ActorRef[Any]
        self._inside: Inside | None = None

    def put(self, envelope: Envelope[Any], /) -> None:
        reply_to = envelope.reply_to
        if isinstance(reply_to, DispatchedFuture):
            reply_to.driver = self.dispatcher
        self.line.append((self, envelope.message, reply_to))

    def get(self) -> Envelope[Any]:
        raise DispatchError("expected run_until_idle() to take the messages, found get() on one actor's inbox")

    def empty(self) -> bool:
        return all(entry[0] is not self for entry in self.line)

    def open(self, inside: Inside) -> None:
        self._inside = inside
        self.ref = inside.actor.actor_ref
        self.dispatcher.join(self)

    def receive(self, message: Any, reply_to: Future[Any] | None) -> bool:
        """Handle one message as pykka's loop does; False if there was none to handle (a start, a dead actor)."""
        inside = self._inside
        if inside is None:
            refuse(self.ref, message, reply_to)
            return False
        try:
            # _START and pykka's own messages are named tuples: one test sorts out what is surely the user's.
            if not isinstance(message, tuple):
                answer = inside.actor.on_receive(message)
            elif message is _START:
                inside.set_up()
                return False
            else:
                answer = inside.receive(message)
            if reply_to is not None:
                reply_to.set(answer)
        except BaseException as error:  # noqa: BLE001  # pykka's loop catches them all, and so ends or goes on
            _fail(inside, error, message, reply_to)
        finally:
            if inside.actor.actor_stopped.is_set():
                self._inside = None
                self.dispatcher.leave(self)
        return True


def _fail(inside: Inside, error: BaseException, message: Any, reply_to: Future[Any] | None) -> None:
    """Do what pykka's loop does after an exception, without waiting for anybody."""
    exc_info = type(error), error, error.__traceback__
    if not isinstance(error, Exception):
        _fail_all(inside, error, message, reply_to)
    elif reply_to is not None:
        _log.info("Exception returned from %s to caller:", inside.actor, exc_info=exc_info)
        reply_to.set_exception(exc_info)
    else:
        inside.fail(*exc_info)
        try:
            inside.actor.on_failure(*exc_info)
        except Exception:  # noqa: BLE001  # the actor's outermost loop: it is dead already, this logs it
            inside.fail(*sys.exc_info())


def _fail_all(inside: Inside, error: BaseException, message: Any, reply_to: Future[Any] | None) -> None:
    """Stop all actors, and give the driving thread what was meant for it."""
    actor = inside.actor
    if message is _START:
        # It would have ended pykka's thread. There is none, so it ends the actor, and whoever drives hears of it.
        inside.fail(type(error), error, error.__traceback__)
        raise error
    _log.debug("%r in %s. Stopping all actors.", error, actor)
    if not actor.actor_stopped.is_set():
        inside.stop()
    refuse(actor.actor_ref, message, reply_to)
    ActorRegistry.stop_all(block=False)
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
