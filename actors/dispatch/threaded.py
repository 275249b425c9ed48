"""The dispatcher with threads: a few workers share all actors."""

import sys
import threading
from collections import deque
from itertools import count
from typing import Any

from pykka import ActorRef
from pykka._envelope import Envelope

from actors.dispatch.actor import Dispatcher, DispatchError, Inside, here, refuse
from actors.dispatch.crew import Crew, Worker

TURN_MESSAGES_MAX = 64
"""After so many messages an actor lets the next one in line run."""

_actor_count = count()


class ThreadedDispatcher(Dispatcher):
    """Runs its actors on `workers` threads, which start when there is work and end with the last living actor.

    An actor that waits in `future.get()` lends its place to another worker; at most `waiting_max` may do so at a time.
    Waiting elsewhere (a lock, a sleep, a socket) keeps the worker. Actors with `use_daemon_thread` get as many
    threads of their own, which don't keep the process alive.
    """

    def __init__(self, workers: int = 4, waiting_max: int = 1_000) -> None:
        if workers < 1:
            raise DispatchError(f"expected at least 1 worker, found {workers}: nobody would run the actors")
        self._crews = {daemon: Crew(self, workers, waiting_max, daemon=daemon) for daemon in (False, True)}

    def create_mailbox(self) -> "_Mailbox":
        """Make the mailbox of a new actor, which will run here."""
        return _Mailbox(self._crews)

    def close(self, timeout: float | None = None) -> None:
        """Stop all its actors, the last started first, and wait for its threads to end.

        `timeout` is in seconds, for each actor and thread; `pykka.Timeout` if one needs longer. The dispatcher stays
        usable: another actor starts threads again. Raises DispatchError inside one of its own actors.
        """
        crews = self._crews.values()
        if isinstance(here.runs, Worker) and here.runs.crew in crews:
            raise DispatchError("expected close() outside, found it inside an actor of the dispatcher: stop() instead")
        for crew in crews:
            crew.dismiss(timeout)


class _TurnOver(Exception):
    """Leads out of pykka's loop, which knows no other way to pause."""


class _Mailbox:
    """One actor's messages, and the claim that lets one thread at a time take them out."""

    __slots__ = ("_claim", "_crew", "_crews", "_dead", "_inside", "_messages", "_started", "_turn_left", "name", "ref")

    def __init__(self, crews: dict[bool, Crew]) -> None:
        self.name: str
        self.ref: ActorRef[Any]
        self._crew: Crew
        self._crews = crews
        self._messages: deque[Envelope[Any]] = deque()
        self._inside: Inside | None = None
        self._started = False
        self._turn_left = 0
        self._dead = False
        self._claim = threading.Lock()
        self._claim.acquire()  # until the actor starts, nobody may put it in line

    def put(self, envelope: Envelope[Any], /) -> None:
        self._messages.append(envelope)
        if self._claim.acquire(blocking=False):
            self._crew.line_up(self)
        elif self._dead:
            self._refuse_all()

    def get(self) -> Envelope[Any]:
        if not self._turn_left or not self._messages:
            raise _TurnOver
        self._turn_left -= 1
        return self._messages.popleft()

    def empty(self) -> bool:
        return not self._messages

    def open(self, inside: Inside) -> None:
        self.ref = inside.actor.actor_ref
        self.name = f"{type(inside.actor).__name__}-{next(_actor_count)}"
        self._inside = inside
        self._crew = self._crews[inside.actor.use_daemon_thread]
        self._crew.join(self)

    def take_turn(self) -> None:
        """Run the actor until its box is empty, its turn is over, or it ends. The caller holds the claim."""
        inside = self._inside
        assert inside is not None, "a dead mailbox keeps its claim and is never in line"
        try:
            if not self._started:
                self._started = True
                inside.set_up()
            self._turn_left = TURN_MESSAGES_MAX
            inside.run()
        except _TurnOver:
            self._claim.release()
            if self._messages and self._claim.acquire(blocking=False):
                self._crew.line_up(self)
            return
        except BaseException:  # noqa: BLE001  # the outermost loop of a thread
            # What would have ended pykka's thread ends the actor, and is told where threads tell their end.
            exc_info = sys.exc_info()
            inside.fail(*exc_info)
            threading.excepthook(threading.ExceptHookArgs((*exc_info, threading.current_thread())))
        self._inside = None
        self._dead = True
        self._refuse_all()
        self._crew.leave(self)

    def _refuse_all(self) -> None:
        """Empty the box of a dead actor. A late sender and the worker may both be at it: each takes what it gets."""
        while True:
            try:
                envelope = self._messages.popleft()
            except IndexError:
                return
            refuse(self.ref, envelope.message, envelope.reply_to)
