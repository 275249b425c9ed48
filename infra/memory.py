"""A journal in memory: the same contract as the one in PostgreSQL, for tests, for replays and for `--store memory`.

Nothing here waits or has a thread: a commit happens where it is asked for. One may also ask what a crash would leave.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from actors.ports import Checkpoint, Frame, Head, History, Step
from domain.base import Recorded
from domain.catalog import name_of
from infra.durability import OnDurable, StoreCondition, StoreState, Tail

_UNBOUNDED: Final = sys.maxsize


def _nobody(_input_seq: int) -> None: ...


class MemoryJournal:
    """Journal, driver's journal and reader in one.

    - `on_durable`: told the last durable input after every commit, from within the call that commits.
    - `commit_events`: as many held events (an input without any counts as one) are committed without being asked.
    - `manual`: only `commit()` and `close()` commit; `commit_soon()` is counted in `wanted`. For tests that decide
      when the disk is done.
    - `after`, `past`: go on behind a history that is kept elsewhere, as a replay from a checkpoint does.
    """

    def __init__(
        self,
        on_durable: OnDurable = _nobody,
        *,
        commit_events: int = 1_000,
        manual: bool = False,
        checkpoint_schema: str = "",
        after: Head = Head(),  # noqa: B008 - immutable
        past: History | None = None,
    ) -> None:
        self.on_durable = on_durable
        self.wanted = 0
        self._commits = 0
        self._commit_events = commit_events
        self._manual = manual
        self._checkpoint_schema = checkpoint_schema
        self._start = after
        self._past = past
        self._head = after
        self._tail = Tail(after, _UNBOUNDED, _UNBOUNDED)
        self._events: list[Recorded] = []
        self._frames: list[Frame] = []
        self._streams: dict[str, list[Recorded]] = {}
        self._checkpoints: list[Checkpoint] = []
        self._waiting: list[Checkpoint] = []

    # What the kernel calls.

    def append(self, step: Step) -> None:
        """Take a step. Commits if enough is held, unless commits are manual."""
        self._tail.add(step)
        if not self._manual and self._tail.weight >= self._commit_events:
            self.commit()

    def commit_soon(self) -> None:
        """Commit at once, unless commits are manual."""
        self.wanted += 1
        if not self._manual:
            self.commit()

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, as soon as everything before it is durable."""
        self._waiting.append(checkpoint)
        self._keep_checkpoints()

    # What its driver calls.

    @property
    def error(self) -> Exception | None:
        """Memory does not fail."""
        return None

    def durable_input(self) -> int:
        """Give the last committed input."""
        return self._head.input_seq

    def commits(self) -> int:
        """Give how many commits were made."""
        return self._commits

    def lease_valid(self) -> bool:
        """Nobody else can own this memory."""
        return True

    def condition(self) -> StoreCondition:
        """Memory is never late and never lost."""
        return StoreCondition(StoreState.OK)

    def wait_for_room(self, timeout_s: float) -> bool:
        """There is always room."""
        return timeout_s >= 0

    def close(self) -> None:
        """Commit what is held."""
        self.commit()

    # What a test decides.

    def commit(self, steps: int | None = None) -> None:
        """Make the oldest held steps durable (all, if no number is given), and say so."""
        held = self._tail.first(_UNBOUNDED, _UNBOUNDED)[:steps]
        if not held:
            return
        for step in held:
            self._store(step)
        self._tail.drop(self._head.input_seq)
        self._keep_checkpoints()
        self.on_durable(self._head.input_seq)

    def after_crash(self, on_durable: OnDurable = _nobody) -> MemoryJournal:
        """Give what a crash at this instant leaves: a journal of the durable part, without the held one."""
        left = MemoryJournal(
            on_durable,
            commit_events=self._commit_events,
            manual=self._manual,
            checkpoint_schema=self._checkpoint_schema,
            after=self._head,
            past=self._past,
        )
        left._start = self._start
        left._events = list(self._events)
        left._frames = list(self._frames)
        left._streams = {stream: list(events) for stream, events in self._streams.items()}
        left._checkpoints = list(self._checkpoints)
        return left

    # What a reader calls.

    def head(self) -> Head:
        """Give the end of what is committed."""
        return self._head

    def events(self, after_seq: int, until_seq: int | None = None, topics: Sequence[str] = ()) -> Iterator[Recorded]:
        """Give committed events in order, `after_seq` excluded, `until_seq` included."""
        until = self._head.seq if until_seq is None else min(until_seq, self._head.seq)
        for at in range(max(after_seq, self._start.seq), until):
            recorded = self._events[at - self._start.seq]
            if not topics or name_of(type(recorded.event)) in topics:
                yield recorded

    def frames(self, after_input: int, until_input: int | None = None) -> Iterator[Frame]:
        """Give the committed tape in order, `after_input` excluded, `until_input` included."""
        until = self._head.input_seq if until_input is None else min(until_input, self._head.input_seq)
        for at in range(max(after_input, self._start.input_seq), until):
            yield self._frames[at - self._start.input_seq]

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        """Give the stream's events after a version in order, held ones included."""
        own = (*self._streams.get(stream, ()), *self._tail.of_stream(stream))
        later = (recorded for recorded in own if recorded.version > after_version)
        return itertools.chain(self._past_of(stream, after_version), later)

    def checkpoint(self, until_input: int) -> Checkpoint | None:
        """Give the newest checkpoint of our schema at or before an input."""
        usable = (
            checkpoint
            for checkpoint in self._checkpoints
            if checkpoint.schema == self._checkpoint_schema and checkpoint.head.input_seq <= until_input
        )
        return max(usable, key=lambda checkpoint: checkpoint.head.input_seq, default=None)

    def _past_of(self, stream: str, after_version: int) -> Iterator[Recorded]:
        past = self._past.of_stream(stream, after_version) if self._past is not None else iter(())
        return itertools.takewhile(lambda recorded: recorded.seq <= self._start.seq, past)

    def _store(self, step: Step) -> None:
        self._frames.append(step.frame)
        self._events.extend(step.events)
        for recorded in step.events:
            self._streams.setdefault(recorded.stream, []).append(recorded)
        frame = step.frame
        self._head = Head(self._head.seq + len(step.events), frame.input_seq, frame.at_ms, step.content_hash)

    def _keep_checkpoints(self) -> None:
        durable = self._head.input_seq
        self._checkpoints += [one for one in self._waiting if one.head.input_seq <= durable]
        self._waiting = [one for one in self._waiting if one.head.input_seq > durable]
