"""Views in memory: the same contract as those in PostgreSQL, for tests and for `--store memory`."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import msgspec

from infra.followers.views import Gone, Moved, Place, Stage, order_of, plain, shape_of
from projections.base import LIVE, Key, Projection, R


class _View:
    """One view: its place and all of its rows."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows: dict[Key, Any] = {}


class MemoryViews:
    """The views of one run, gone when the process ends."""

    def __init__(self) -> None:
        self._views: dict[tuple[str, Stage], _View] = {}

    def place(self, projection: Projection[Any], stage: Stage = Stage.LIVE) -> Place | None:
        """Say where a view stands; None if there is none."""
        view = self._views.get((projection.name, stage))
        return view.place if view else None

    def load(self, projection: Projection[R], stage: Stage = Stage.LIVE) -> tuple[Place, dict[Key, R]]:
        """Give a view's place and the rows that its fold needs. Raises `Gone` if there is no such view."""
        view = self._view(projection, stage)
        forgets = projection.forgets
        return view.place, {key: row for key, row in view.rows.items() if not forgets or getattr(row, LIVE)}

    def find(self, projection: Projection[R], stage: Stage, key: Key) -> R | None:
        """Give one row, finished ones included; None if there is none."""
        view = self._views.get((projection.name, stage))
        return view.rows.get(key) if view else None

    def advance(
        self, projection: Projection[R], stage: Stage, before: Place, after: Place, changed: Iterable[R]
    ) -> None:
        """Take changed rows and the new place."""
        view = self._views[projection.name, stage]
        if (view.place.seq, view.place.generation) != (before.seq, before.generation):
            raise Moved(projection.name)
        view.rows.update((projection.key_of(row), row) for row in changed)
        view.place = after

    def fail(self, projection: Projection[Any], seq: int, error: str) -> None:
        """Note that the projection could not take an event."""
        view = self._views[projection.name, Stage.LIVE]
        view.place = msgspec.structs.replace(view.place, failed_seq=seq, error=error)

    def rows(self, projection: Projection[Any]) -> list[dict[str, Any]]:
        """Give all live rows in the projection's order. Raises `Gone` if there is no such view."""
        view = self._view(projection, Stage.LIVE)
        order = order_of(projection)
        return sorted(map(plain, view.rows.values()), key=lambda row: [row[field] for field in order])

    def sweep(self, projection: Projection[Any]) -> None:
        """Nothing outlives a killed process here."""

    @contextmanager
    def building(self, projection: Projection[Any]) -> Generator[None]:
        """Begin an empty view beside the live one."""
        live = self.place(projection)
        generation = live.generation + 1 if live else 1
        place = Place(projection.version, shape_of(projection), generation=generation)
        self._views[projection.name, Stage.BUILDING] = _View(place)
        try:
            yield
        finally:
            self._views.pop((projection.name, Stage.BUILDING), None)

    @contextmanager
    def swapping(self, projection: Projection[Any]) -> Generator[Place | None]:
        """Hold the live view at its place: nobody else is here."""
        yield self.place(projection)

    def equal(self, projection: Projection[Any]) -> bool:
        """Whether the live rows and those being built are the same."""
        live, built = (self._views[projection.name, stage] for stage in (Stage.LIVE, Stage.BUILDING))
        return live.rows == built.rows

    def swap(self, projection: Projection[Any]) -> int:
        """Let the built rows take the place of the live ones."""
        built = self._views.pop((projection.name, Stage.BUILDING))
        self._views[projection.name, Stage.LIVE] = built
        return len(built.rows)

    def _view(self, projection: Projection[Any], stage: Stage) -> _View:
        view = self._views.get((projection.name, stage))
        if view is None:
            raise Gone(projection.name)
        return view
