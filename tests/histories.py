"""Makes steps as a kernel does, without one: numbered, dated, encoded and chained."""

from __future__ import annotations

from actors.ports import Checkpoint, Frame, FrozenActor, Head, Step
from domain import catalog
from domain.base import Event, Recorded
from domain.operations import ActorStayedDown, ClockTicked, RunStopped
from domain.proof.chain import roll, row_bytes

OPERATIONS = "operations:main"
START_MS = 1_700_000_000_000


class Author:
    """Writes a history step by step. `head` is where it stands, `versions` how long each stream is."""

    def __init__(self, head: Head | None = None, versions: dict[str, int] | None = None) -> None:
        self.head = head or Head(at_ms=START_MS)
        self.versions = dict(versions or {})

    def step(self, *events: tuple[str, Event], effects: bytes = catalog.NO_EFFECTS) -> Step:
        """Give the next input and what it did: one event for each (stream, event)."""
        input_seq, at_ms = self.head.input_seq + 1, self.head.at_ms + 7
        recorded: list[Recorded] = []
        for seq, (stream, event) in enumerate(events, self.head.seq + 1):
            version = self.versions[stream] = self.versions.get(stream, 0) + 1
            recorded.append(Recorded(seq, stream, version, input_seq, at_ms, event))
        rows = tuple(row_of(one) for one in recorded)
        frame = Frame(input_seq, at_ms, catalog.encode_input(ClockTicked()), effects)
        content_hash = roll(self.head.content_hash, input_seq, at_ms, frame.input, rows, effects)
        self.head = Head(self.head.seq + len(rows), input_seq, at_ms, content_hash)
        return Step(frame, tuple(recorded), rows, (), content_hash)

    def ticks(self, count: int) -> list[Step]:
        """Give steps with one event each, on three streams in turn."""
        first = self.head.input_seq
        return [self.step((f"symbol:{'ABC'[n % 3]}", ActorStayedDown(f"{n}"))) for n in range(first, first + count)]

    def stop(self) -> Step:
        """Give a step with two events of different names in one stream."""
        return self.step((OPERATIONS, ActorStayedDown("position:x")), (OPERATIONS, RunStopped("asked to")))

    def nothing(self) -> Step:
        """Give a step whose input did nothing."""
        return self.step()

    def checkpoint(self, schema: str = "shape-1") -> Checkpoint:
        """Give a checkpoint of this place."""
        return Checkpoint(schema, self.head, (FrozenActor(OPERATIONS, 1, b"state", b""),))


def row_of(recorded: Recorded) -> bytes:
    """Give an event's canonical row."""
    event = recorded.event
    state = catalog.encode_event(recorded.input_seq, recorded.at_ms, event)
    topic = catalog.TOPICS[type(event)]
    return row_bytes(recorded.seq, recorded.stream.encode(), recorded.version, topic, state)


def all_events(steps: list[Step]) -> list[Recorded]:
    """Give the events of steps, in order."""
    return [event for step in steps for event in step.events]
