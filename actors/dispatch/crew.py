"""The threads of a ThreadedDispatcher: who works, who waits inside an actor, who rests, and when they end."""

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Protocol

from pykka import ActorRef, Future, Timeout

from actors.dispatch.actor import Dispatcher, DispatchError, here


class Runnable(Protocol):
    """An actor's mailbox as its crew sees it."""

    name: str
    """Name of the thread while it runs this actor."""
    ref: ActorRef[Any]

    def take_turn(self) -> None:
        """Run the actor for a while; never raises."""
        ...


class Crew:
    """Workers that share a line of ready mailboxes.

    At most `size` of them run actors at a time; those that wait inside an actor (at most `waiting_max`) don't count.
    Up to `size` idle ones stay for the next message, the others end; all end when no actor lives.
    """

    def __init__(self, home: Dispatcher, size: int, waiting_max: int, *, daemon: bool) -> None:
        self.home = home
        self._size = size
        self._waiting_max = waiting_max
        self._daemon = daemon
        self._lock = threading.Lock()  # guards all below
        self._living: dict[Runnable, None] = {}
        self._line: deque[Runnable] = deque()
        self._threads: list[threading.Thread] = []
        self._idle: list[Worker] = []
        self._busy = 0
        self._waiting = 0

    def join(self, mailbox: Runnable) -> None:
        """Take a new actor in, first in line for its `on_start`."""
        with self._lock:
            self._living[mailbox] = None
            self._line.append(mailbox)
            self._employ()

    def leave(self, mailbox: Runnable) -> None:
        """Forget a dead actor; after the last one the workers end."""
        with self._lock:
            del self._living[mailbox]
            if not self._living:
                while self._idle:
                    self._idle.pop().send(None)

    def line_up(self, mailbox: Runnable) -> None:
        """Put a mailbox in line. The caller has just taken its claim."""
        with self._lock:
            self._line.append(mailbox)
            self._employ()

    def next_for(self, worker: "Worker") -> Runnable | None:
        """Give a worker its next mailbox, waiting until there is one; None: its work is over."""
        with self._lock:
            if self._line and self._busy <= self._size:
                return self._line.popleft()
            self._busy -= 1
            if not self._living or len(self._idle) >= self._size:
                return None
            self._idle.append(worker)
        return worker.wait_for_work()

    def begin_waiting(self) -> None:
        """A busy worker is about to wait: somebody else may work. DispatchError if too many wait already."""
        with self._lock:
            if self._waiting >= self._waiting_max:
                raise DispatchError(
                    f"expected at most {self._waiting_max} actors to wait for answers at a time, found one more: let "
                    "them tell instead of ask, or allow more (waiting_max)"
                )
            self._waiting += 1
            self._busy -= 1
            self._employ()

    def end_waiting(self) -> None:
        """A worker has its answer and goes on; where that is one too many, the next one to finish a turn rests."""
        with self._lock:
            self._waiting -= 1
            self._busy += 1

    def dismiss(self, timeout: float | None) -> None:
        """Stop all actors, the last started first, and wait for the threads; see `ThreadedDispatcher.close`."""
        while alive := [mailbox.ref for mailbox in self._all_living() if mailbox.ref.is_alive()]:
            for actor_ref in reversed(alive):
                actor_ref.stop(timeout=timeout)
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive():
                raise Timeout(f"{timeout} seconds, and {thread.name} still runs")

    def _all_living(self) -> list[Runnable]:
        with self._lock:
            return list(self._living)

    def _employ(self) -> None:
        """Hand the first in line to a worker, if there is a place for one. The lock is held."""
        if not self._line or self._busy >= self._size:
            return
        worker = self._idle.pop() if self._idle else self._hire()
        self._busy += 1
        worker.send(self._line.popleft())

    def _hire(self) -> "Worker":
        worker = Worker(self, name=self._line[0].name, daemon=self._daemon)
        worker.thread.start()
        self._threads = [thread for thread in self._threads if thread.is_alive()] + [worker.thread]
        return worker


class Worker:
    """One thread of a crew."""

    def __init__(self, crew: Crew, *, name: str, daemon: bool) -> None:
        self.crew = crew
        self.thread = threading.Thread(target=self._run, name=name, daemon=daemon)
        self._work: SimpleQueue[Runnable | None] = SimpleQueue()
        self._waits = False

    def send(self, mailbox: Runnable | None) -> None:
        """Give it a mailbox to run; None: it may end."""
        if mailbox is not None:
            self.thread.name = mailbox.name
        self._work.put(mailbox)

    def wait_for_work(self) -> Runnable | None:
        """Rest until `send` is called."""
        return self._work.get()

    @contextmanager
    def waiting(self, future: Future[Any]) -> Generator[None, None, None]:  # noqa: ARG002  # every answer is worth a wait
        """Lend this worker's place to another one while the actor on it waits."""
        if self._waits:  # a derived future waits for the futures that it is made from
            yield
            return
        self.crew.begin_waiting()
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
            self.crew.end_waiting()

    def _run(self) -> None:
        here.home, here.runs = self.crew.home, self
        mailbox = self._work.get()
        while mailbox is not None:
            self.thread.name = mailbox.name
            mailbox.take_turn()
            mailbox = self.crew.next_for(self)
