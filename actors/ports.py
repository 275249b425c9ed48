"""What the actors need from outside, as protocols: the shells in `infra/` fill them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from domain.base import Issued, Recorded
from domain.proof.chain import GENESIS


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One input on the tape, as canonical bytes: what came in, and which effects it caused."""

    input_seq: int
    at_ms: int
    input: bytes
    effects: bytes


class Step(msgspec.Struct, frozen=True, gc=False):
    """All that one input did: its frame, its events (decoded, and as canonical rows) and its effects.

    `content_hash` is the chain after this input.
    """

    frame: Frame
    events: tuple[Recorded, ...]
    rows: tuple[bytes, ...]
    issued: tuple[Issued, ...]
    content_hash: bytes


class Head(msgspec.Struct, frozen=True):
    """The end of a history: the last event, the last input, its receipt time, and the chain there."""

    seq: int = 0
    input_seq: int = 0
    at_ms: int = 0
    content_hash: bytes = GENESIS


class FrozenActor(msgspec.Struct, frozen=True, array_like=True):
    """One actor in a checkpoint. `ephemeral` is used by a decision replay only; a restore forgets it."""

    stream: str
    version: int
    state: bytes
    ephemeral: bytes


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """Every live actor between two inputs. A cache: folding from zero gives the same.

    `schema` names the shape of the states: a checkpoint of another shape is ignored.
    """

    schema: str
    head: Head
    actors: tuple[FrozenActor, ...]


class History(Protocol):
    """Where an actor's past is read when it is rebuilt by fold."""

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        """Give the stream's events after a version in order, the tail that is not yet durable included."""
        ...


class Journal(History, Protocol):
    """Where a run's steps go."""

    def append(self, step: Step) -> None:
        """Take a step. Never waits, except at the bound of what may be held in memory."""
        ...

    def commit_soon(self) -> None:
        """Ask for a commit at once: an outside effect waits for it."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, after everything before it is durable."""
        ...


class Reader(History, Protocol):
    """A recorded history, for replay, projections and reports."""

    def head(self) -> Head:
        """Give the end of what is durable."""
        ...

    def events(self, after_seq: int, until_seq: int | None = None, topics: Sequence[str] = ()) -> Iterator[Recorded]:
        """Give events in order, `after_seq` excluded, `until_seq` included, in bounded memory."""
        ...

    def frames(self, after_input: int, until_input: int | None = None) -> Iterator[Frame]:
        """Give the tape in order, `after_input` excluded, `until_input` included, in bounded memory."""
        ...

    def checkpoint(self, until_input: int) -> Checkpoint | None:
        """Give the newest usable checkpoint at or before an input."""
        ...
