"""What an actor, its mailbox, its answers and its dispatcher promise each other."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import pykka
from pykka import ActorDeadError, ActorRef
from pykka._envelope import Envelope
from pykka.messages import _ActorStop  # pyright: ignore[reportPrivateUsage]  # pykka's only word for "stop"

ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
T = TypeVar("T")
A = TypeVar("A", bound="DispatchedActor")


class DispatchError(RuntimeError):
    """A dispatcher was used in a way that could only deadlock, or break the order of messages."""


class Waiter(Protocol):
    """Who runs the actor that is on this thread right now, and so is asked before that actor waits."""

    def waiting(self, future: "DispatchedFuture[Any]") -> AbstractContextManager[None]:
        """Surround the wait for `future`; raises DispatchError where waiting could only be for ever."""
        ...


class Driver(Waiter, Protocol):
    """A dispatcher that has no thread of its own: somebody must drive it to get an answer."""

    def drive_until(self, future: "DispatchedFuture[Any]", timeout: float | None) -> None:
        """Run messages until `future` is answered, where the calling thread may do that."""
        ...


class _Here(threading.local):
    """What is true on this thread. Class attributes are the defaults of every thread."""

    home: "Dispatcher"
    """Where actors created on this thread live; the package sets the process-wide default."""
    runs: Waiter | None = None
    """Set while an actor's code is on this thread."""


here = _Here()


class DispatchedFuture(pykka.ThreadingFuture[T]):
    """The answer of a dispatched actor: pykka's future, which can also be waited for inside an actor."""

    driver: Driver | None = None
    """The thread-less dispatcher that has to answer; None: somebody else's thread does."""

    is_answered: bool = False
    """Whether a result or an exception is there."""
    is_derived: bool = False
    """Whether the value comes from other futures (`map`, `join`, `stop`); those do the waiting."""

    def set(self, value: Any = None) -> None:
        """Give the answer; an exception if there is one already."""
        super().set(value)
        self.is_answered = True

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Answer with an exception, by default the one that is being handled."""
        super().set_exception(exc_info)
        self.is_answered = True

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Let `get` compute the value, once."""
        super().set_get_hook(func)
        self.is_derived = True

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the answer, waiting at most `timeout` seconds (None: as long as it takes).

        Raises the actor's exception, `pykka.Timeout`, or DispatchError where waiting could only be for ever.
        """
        if not self.is_answered and self.driver is not None and self.driver is not here.runs:
            self.driver.drive_until(self, timeout)
        if not self.is_answered and here.runs is not None:
            with here.runs.waiting(self):
                return super().get(timeout=timeout)
        return super().get(timeout=timeout)


class Inside(NamedTuple):
    """An actor as its mailbox sees it, handed over when the actor starts (pykka keeps these methods protected)."""

    actor: "DispatchedActor"
    set_up: Callable[[], None]
    """Call `on_start`; an exception ends the actor."""
    run: Callable[[], None]
    """pykka's loop: takes envelopes from the mailbox until the actor is stopped."""
    receive: Callable[[Any], Any]
    """Handle one message of any kind, proxy calls and stops included."""
    fail: Callable[..., None]
    """Log the exception (its type, value, traceback) and end the actor."""
    stop: Callable[[], None]
    """Stop at once, and call `on_stop`."""


class Mailbox(Protocol):
    """pykka's `ActorInbox`, and how the actor moves in."""

    def put(self, envelope: Envelope[Any], /) -> None:
        """Append a message; it may come from any thread."""
        ...

    def get(self) -> Envelope[Any]:
        """Take the oldest message out."""
        ...

    def empty(self) -> bool:
        """Whether no message is left."""
        ...

    def open(self, inside: Inside) -> None:
        """Start the actor: `on_start` first, then the messages that waited, then whatever comes."""
        ...


class Dispatcher(ABC):
    """Decides on which thread, and in which order, its actors run."""

    @abstractmethod
    def create_mailbox(self) -> Mailbox:
        """Make the mailbox of a new actor, which will run here."""

    def start(self, actor_class: type[A], *args: Any, **kwargs: Any) -> ActorRef[A]:
        """Start an actor here; further arguments go to its constructor."""
        found: type = actor_class
        if not issubclass(found, DispatchedActor):
            raise DispatchError(
                f"expected a subclass of DispatchedActor to start, found {found.__name__}: derive it from "
                "DispatchedActor, or call its own start()"
            )
        previous, here.home = here.home, self
        try:
            return actor_class.start(*args, **kwargs)
        finally:
            here.home = previous


class DispatchedActor(pykka.Actor):
    """A pykka actor that runs on a dispatcher: same hooks, same references, no thread of its own."""

    use_daemon_thread: ClassVar[bool] = False
    """As in pykka: a living actor keeps the process alive, unless this is True. Read when the actor starts."""

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return here.home.create_mailbox()

    @staticmethod
    def _create_future() -> DispatchedFuture[Any]:
        return DispatchedFuture()

    def _start_actor_loop(self) -> None:
        mailbox = cast("Mailbox", self.actor_inbox)
        mailbox.open(
            Inside(
                actor=self,
                set_up=self._actor_loop_setup,
                run=self._actor_loop_running,
                receive=self._handle_receive,
                fail=self._handle_failure,
                stop=self._stop,
            )
        )


def refuse(actor_ref: ActorRef[Any], message: Any, reply_to: pykka.Future[Any] | None) -> None:
    """Answer a message that a dead actor will not handle, as pykka does: stops succeed, other asks fail."""
    if reply_to is None:
        return
    if isinstance(message, _ActorStop):
        reply_to.set(None)
    else:
        error = ActorDeadError(f"{actor_ref} stopped before handling the message")
        reply_to.set_exception((ActorDeadError, error, None))
