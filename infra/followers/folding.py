"""One projection on its way through history: events are folded in memory, rows are written batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, Generic, TypeAlias

import msgspec

from actors.ports import Reader
from domain.base import Recorded
from domain.errors import CorruptHistory, HindsightError, Unavailable
from infra.followers.views import Moved, Place, Stage, Unwritable, Views
from projections.base import LIVE, Key, Projection, R

EVENTS_A_BATCH: Final = 5_000

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with (projection, the event that it has reached, the event that it is going to)."""


class Poisoned(HindsightError):
    """The projection could not take the event at `seq`; everything before it is in its rows."""

    def __init__(self, name: str, seq: int, why: str) -> None:
        self.seq = seq
        self.why = why
        super().__init__(f"The projection {name} can't take the event at seq {seq}: {why}.")


class Outdated(HindsightError):
    """Another version of the code follows this view now: this one must let it be."""

    def __init__(self, name: str, theirs: int, ours: int) -> None:
        self.name = name
        super().__init__(
            f"The view {name} is kept by version {theirs} of its projection now, this program has version {ours}. "
            "Stop the older one."
        )


class _Batch(msgspec.Struct, Generic[R], frozen=True):
    changes: dict[Key, R]
    events: int
    seq: int


class Folding(Generic[R]):
    """Keeps in memory the rows that the fold needs, and loads them again whenever it can't be sure of them.

    `events` counts what it has folded and stored. Not thread-safe.
    """

    def __init__(self, projection: Projection[R], views: Views, stage: Stage = Stage.LIVE) -> None:
        self.projection: Final = projection
        self.events = 0
        self._views = views
        self._stage: Stage = stage
        self._place: Place | None = None
        self._rows: dict[Key, R] = {}
        self._events_a_batch = EVENTS_A_BATCH

    def advance(self, reader: Reader, until: int, progress: Progress | None = None) -> None:
        """Fold and store every event up to `until` (included).

        Raises `Poisoned` if the projection can't take one, `Outdated` if another version keeps the view by now, and
        `Gone` if nobody does.
        """
        while (place := self._placed()).seq < until:
            try:
                for batch in self._batches(reader, place.seq, until):
                    self._store(batch)
                    if progress is not None:
                        progress(self.projection.name, batch.seq, until)
            except Moved:
                self._place = None
            except Unwritable:
                self._place = None
                self._events_a_batch = 1  # one at a time, to find out which one it is
            except BaseException:
                self._place = None  # the rows in memory may be ahead of those that are stored
                raise

    def _placed(self) -> Place:
        if self._place is None:
            place, self._rows = self._views.load(self.projection, self._stage)
            if not place.fits(self.projection):
                raise Outdated(self.projection.name, place.version, self.projection.version)
            self._place = place
        return self._place

    def _batches(self, reader: Reader, after: int, until: int) -> Iterator[_Batch[R]]:
        """Fold from `after` to `until`. A poisonous event ends the batch before it, and is raised after that."""
        events = reader.events(after, until, self.projection.topic_names)
        whole = True
        while whole:
            batch, poison = self._batch(events, after)
            whole = batch.events == self._events_a_batch and poison is None
            if poison is not None:
                yield msgspec.structs.replace(batch, seq=poison.seq - 1)
                raise poison
            yield batch if whole else msgspec.structs.replace(batch, seq=until)
            after = batch.seq

    def _batch(self, events: Iterator[Recorded], after: int) -> tuple[_Batch[R], Poisoned | None]:
        """Fold the next events; stop before the one that fails, whether it can't be read or can't be applied."""
        rows, apply, forgets, late = self._rows, self.projection.apply, self.projection.forgets, self.projection.late
        changes: dict[Key, R] = {}
        given = taken = after
        count = 0
        poison: Poisoned | None = None
        try:
            for recorded in islice(events, self._events_a_batch):
                given = recorded.seq
                if late is not None and (key := late(recorded)) is not None:
                    self._recall(key, changes)
                changed = apply(rows, recorded)
                if changed:
                    changes.update(changed)
                    rows.update(changed)
                    if forgets:
                        _forget(rows, changed)
                count += 1
                taken = given
        except (Unavailable, Moved):
            raise
        except CorruptHistory as error:
            poison = Poisoned(self.projection.name, max(error.seq, taken + 1), error.why)
        except Exception as error:  # noqa: BLE001 - a fold's bug ends this projection, not the others
            seq = given if given > taken else taken + 1  # an event that can't even be read comes after the last one
            poison = Poisoned(self.projection.name, seq, f"{type(error).__name__}: {error}")
        return _Batch(changes, count, taken), poison

    def _recall(self, key: Key, changes: Mapping[Key, R]) -> None:
        """Have a row at hand that was finished and forgotten: it changes after all."""
        if key not in self._rows:
            row = changes.get(key) or self._views.find(self.projection, self._stage, key)
            if row is not None:
                self._rows[key] = row

    def _store(self, batch: _Batch[R]) -> None:
        before = self._placed()
        after = msgspec.structs.replace(before, seq=batch.seq, failed_seq=0, error="")
        try:
            self._views.advance(self.projection, self._stage, before, after, batch.changes.values())
        except Unwritable as error:
            if self._events_a_batch > 1:
                raise
            raise Poisoned(self.projection.name, batch.seq, error.why) from error
        self._place = after
        self.events += batch.events


def _forget(rows: dict[Key, Any], changed: Mapping[Key, Any]) -> None:
    for key, row in changed.items():
        if not getattr(row, LIVE):
            del rows[key]
