"""The actors that are in memory: started when needed, folded from history, let go when finished.

What was let go last is kept for a while: the answer to a position's own cancel comes when it is over already, and a
fold from the database for each of them would stop the kernel. A state that is kept is the state that a fold gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pykka import ActorRef

from actors.base import EventSourcedActor, Room
from actors.dispatch import DeterministicDispatcher
from actors.ports import FrozenActor, History
from domain.base import Decider, Message, Recorded, kind_of

Ref = ActorRef[EventSourcedActor]
ASLEEP_MAX = 256
"""How many of the finished actors are kept at hand."""


class Population:
    """Every live actor of one run, by stream. Iteration is in the order of the streams' names."""

    def __init__(
        self,
        kinds: Mapping[str, type[EventSourcedActor]],
        dispatcher: DeterministicDispatcher,
        history: History,
        room: Room,
    ) -> None:
        self._kinds = kinds
        self._dispatcher = dispatcher
        self._history = history
        self._room = room
        self._deciders: Mapping[str, Decider[Any]] = {}
        self._wrap: Callable[[Decider[Any]], Decider[Any]] | None = None
        self._actors: dict[str, EventSourcedActor] = {}
        self._asleep: dict[str, tuple[Any, int]] = {}
        self._born: set[str] | None = set()
        self.refs: dict[str, Ref] = {}

    def actors(self) -> tuple[EventSourcedActor, ...]:
        """Give the live actors in the order of their streams' names."""
        return tuple(self._actors[stream] for stream in sorted(self._actors))

    def get(self, stream: str) -> EventSourcedActor | None:
        """Give the actor of a stream, if it is in memory."""
        return self._actors.get(stream)

    def configure(self, deciders: Mapping[str, Decider[Any]]) -> None:
        """Let every actor decide by these from now on."""
        self._deciders = deciders
        for stream, actor in self._actors.items():
            actor.decider = self._decider(kind_of(stream))

    def instrument(self, wrap: Callable[[Decider[Any]], Decider[Any]] | None) -> None:
        """Let actors that are started from now on, and those that live, decide through `wrap`; None ends it."""
        self._wrap = wrap
        self.configure(self._deciders)

    def wake(self, stream: str, message: Message, tail: Iterable[Recorded]) -> EventSourcedActor:
        """Start the actor that `message` is for, with its past if it can have one; `tail` is not yet in history."""
        new = type(message) in self._deciders[kind_of(stream)].births
        if new or (self._born is not None and stream not in self._born):
            return self.start(stream)
        if stream not in self._asleep:
            return self.rebuild(stream, tail)
        state, version = self._asleep[stream]
        actor = self.start(stream)
        actor.state, actor.version = state, version
        return actor

    def start(self, stream: str) -> EventSourcedActor:
        """Start an actor without a past."""
        self._asleep.pop(stream, None)
        kind = kind_of(stream)
        made: list[EventSourcedActor] = []
        ref = self._dispatcher.start(self._kinds[kind], stream, self._decider(kind), self._room, made.append)
        self._actors[stream], self.refs[stream] = made[0], ref
        if self._born is not None:
            self._born.add(stream)
        return made[0]

    def _decider(self, kind: str) -> Decider[Any]:
        decider = self._deciders[kind]
        return decider if self._wrap is None else self._wrap(decider)

    def rebuild(self, stream: str, tail: Iterable[Recorded]) -> EventSourcedActor:
        """Fold an actor from its history, then from `tail`; start it if it is not in memory."""
        actor = self._actors.get(stream) or self.start(stream)
        actor.rebuild(self._history.of_stream(stream))
        for recorded in tail:
            if recorded.stream == stream and recorded.version > actor.version:
                actor.fold(recorded)
        return actor

    def apply(self, recorded: Recorded) -> None:
        """Fold one event of a history that is read in its total order. Finished actors are let go at once."""
        actor = self._actors.get(recorded.stream) or self._arrived(recorded)
        actor.fold(recorded)
        if actor.decider.finished is not None and actor.is_over:
            self.dismiss((actor,))

    def _arrived(self, recorded: Recorded) -> EventSourcedActor:
        """Start the actor of an event from history, as it was before that event."""
        self._born = None  # from here on there is a past that this population has not seen
        actor = self.start(recorded.stream)
        if recorded.version > 1:
            actor.rebuild(past for past in self._history.of_stream(recorded.stream) if past.seq < recorded.seq)
        return actor

    def dismiss(self, actors: Iterable[EventSourcedActor]) -> None:
        """Stop actors; a late message brings them back."""
        for actor in actors:
            if self._actors.pop(actor.stream, None) is not None:
                self.refs.pop(actor.stream).stop(block=False)
                if actor.version:
                    self._asleep[actor.stream] = (actor.decider.forget(actor.state), actor.version)
        while len(self._asleep) > ASLEEP_MAX:
            del self._asleep[next(iter(self._asleep))]
        self._dispatcher.run_until_idle()

    def freeze(self) -> tuple[FrozenActor, ...]:
        """Give every actor's state as bytes, in the order of the streams' names."""
        return tuple(
            FrozenActor(
                actor.stream, actor.version, actor.decider.freeze(actor.state), actor.decider.ephemeral(actor.state)
            )
            for actor in self.actors()
        )

    def thaw(self, frozen: FrozenActor, *, ephemeral: bool) -> EventSourcedActor:
        """Bring an actor back from bytes, with its ephemeral part only where a decision replay asks for it."""
        self._born = None
        actor = self.start(frozen.stream)
        actor.state = actor.decider.thaw(frozen.state)
        actor.version = frozen.version
        if ephemeral:
            actor.state = actor.decider.recall(actor.state, frozen.ephemeral)
        return actor

    def state_hash(self) -> str:
        """Hash all states without their ephemeral part: sha256 (hex) over (stream, version, frozen state)."""
        digest = hashlib.sha256()
        for actor in self.actors():
            state = actor.decider.freeze(actor.state)
            digest.update(f"{actor.stream}@{actor.version}#{len(state)}:".encode())
            digest.update(state)
        return digest.hexdigest()
