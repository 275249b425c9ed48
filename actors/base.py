"""The actor that runs a decider: inbox → decide → evolve → react.

A message happens as a whole or not at all: events are recorded only after every function has returned, and what
follows from them is carried out only after they are recorded. If a function raises, the state is thrown away and the
supervisor rebuilds it by fold, in place: the actor keeps its mailbox, so that the messages that are already on their
way keep their order.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol

from actors.dispatch import DispatchedActor
from domain.base import Decider, Event, Message, Reaction, Recorded
from domain.config import Config
from domain.errors import CorruptHistory
from domain.strategies import Strategy


class Room(Protocol):
    """What an actor may ask of the kernel that it lives in."""

    def happened(self, actor: EventSourcedActor, version: int, events: tuple[Event, ...]) -> None:
        """Record events, all or (if one can't be stored) none; the first of them gets `version`."""
        ...

    def reacted(self, actor: EventSourcedActor, version: int, reactions: tuple[Reaction, ...]) -> None:
        """Carry out what the event of that version set in motion."""
        ...

    def crashed(self, actor: EventSourcedActor, message: Message, error: Exception) -> None:
        """Hear that the actor raised while it handled `message`."""
        ...

    def missed(self, actor: EventSourcedActor, message: Message) -> None:
        """Keep a message that came while the actor is down."""
        ...

    def failed(self, error: BaseException) -> None:
        """Hear of an error that is no actor's fault: the room's own, or its history's. Nothing may go on."""
        ...


class EventSourcedActor(DispatchedActor):
    """One stream in memory. `state` is the fold of its events, `version` how many they are."""

    def __init__(
        self, stream: str, decider: Decider[Any], room: Room, register: Callable[[EventSourcedActor], None]
    ) -> None:
        super().__init__()
        register(self)
        self.stream = stream
        self.stream_bytes = stream.encode()
        self.decider = decider
        self.state: Any = decider.initial(stream)
        self.version = 0
        self.down = False
        self._room = room

    @classmethod
    @abc.abstractmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[Any]:
        """Give the rules that such an actor runs under these settings."""

    def fold(self, recorded: Recorded) -> None:
        """Apply an event from history. Raises `CorruptHistory` if it does not fit."""
        version = recorded.version
        if version != self.version + 1:
            raise CorruptHistory(recorded.seq, f"{self.stream} goes from version {self.version} to {version}")
        try:
            self.state = self.decider.evolve(self.state, recorded.event)
        except Exception as error:
            why = f"{type(recorded.event).__name__} can't be applied to {self.stream}: {error!r}"
            raise CorruptHistory(recorded.seq, why) from error
        self.version = version

    @property
    def is_over(self) -> bool:
        """Whether nothing is expected of this actor any more, or nothing ever happened to it."""
        if self.down:
            return False
        finished = self.decider.finished
        return self.version == 0 or (finished is not None and finished(self.state))

    def rebuild(self, past: Iterable[Recorded]) -> None:
        """Start again from what history says."""
        self.state, self.version, self.down = self.decider.initial(self.stream), 0, False
        for recorded in past:
            self.fold(recorded)

    def on_receive(self, message: Message) -> None:
        """Handle a message, or hand it to the supervisor: the one place where an actor's exceptions end."""
        if self.down:
            self._room.missed(self, message)
            return
        try:
            followed = self._handle(message)
        except Exception as error:  # noqa: BLE001 - the supervisor restarts the actor and records the letter
            self.down = True
            self._room.crashed(self, message, error)
            return
        for version, reactions in followed:
            self._room.reacted(self, version, reactions)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002 - pykka's hook has these three
        exception_value: BaseException | None,
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Pass on what went wrong outside of the decider: pykka would only log it."""
        assert exception_value is not None, "pykka calls this with the exception"
        self._room.failed(exception_value)

    def _handle(self, message: Message) -> Sequence[tuple[int, tuple[Reaction, ...]]]:
        """Let a message happen; gives what each event's version sets in motion."""
        decider, state, version = self.decider, self.state, self.version
        if type(message) in decider.glimpses:
            self.state, reactions = decider.observe(state, message)
            return ((version, reactions),) if reactions else ()
        events = decider.decide(state, message)
        if not events:
            return ()
        followed: list[tuple[int, tuple[Reaction, ...]]] = []
        for event in events:
            state = decider.evolve(state, event)
            version += 1
            reactions = decider.react(state, event)
            if reactions:
                followed.append((version, reactions))
        self._room.happened(self, self.version + 1, events)
        self.state, self.version = state, version
        return followed
