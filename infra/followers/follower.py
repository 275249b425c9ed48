"""All projections on their way through the journal: caught up once, or followed while the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from actors.ports import Reader
from domain.errors import InvalidInput, Unavailable
from infra.followers.folding import Folding, Outdated, Poisoned, Progress
from infra.followers.rebuild import RebuildResult, rebuild
from infra.followers.views import Gone, Views
from projections import PROJECTIONS
from projections.base import Projection

POLL_S: Final = 0.25
"""How long to wait for news at most, should a notification get lost."""
RETRY_S: Final = 1.0
"""How long to wait before the database is asked again."""


class Stopped(msgspec.Struct, frozen=True):
    """A projection that does not go on: it could not take the event at `seq`, or (0) another version took its view."""

    name: str
    seq: int
    why: str


class Follower:
    """Keeps the views of one run at the head of its journal.

    Projections are independent: each has its own place and reads only what it asks about. One that can't take an event
    stops there, says so in its view and in `stopped`, and is tried again by the next follower; the others go on.

    `news(timeout_s)` waits until the journal may have grown. Not thread-safe: one thread drives a follower. Several
    followers, in several processes, may share the views: each event is folded by one of them only.
    """

    def __init__(
        self,
        reader: Reader,
        views: Views,
        projections: Iterable[Projection[Any]] = PROJECTIONS.values(),
        *,
        news: Callable[[float], object] | None = None,
    ) -> None:
        self.stopped: Final[dict[str, Stopped]] = {}
        self.away: Unavailable | None = None
        self._reader = reader
        self._views = views
        self._news = news
        self._projections: Final = {projection.name: projection for projection in projections}
        self._foldings: Final[dict[str, Folding[Any]]] = {}

    def catch_up(self, until_seq: int | None = None, progress: Progress | None = None) -> int:
        """Bring every view to the journal's head (or to `until_seq`), and give the number of events folded.

        Views that are missing are begun, those of another version are built anew. Raises `Unavailable` if the journal
        or the views are away.
        """
        return self._catch_up(self._projections, until_seq, progress)

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set: at every notification, or after 250 ms.

        While the database is away, `away` says why, and it is tried again every second.
        """
        while not stop.is_set():
            try:
                self.catch_up()
                self.away = None
                if self._news is None:
                    stop.wait(POLL_S)
                else:
                    self._news(POLL_S)
            except Unavailable as error:
                self.away = error
                stop.wait(RETRY_S)

    def report(self, name: str, progress: Progress | None = None) -> list[dict[str, Any]]:
        """Give the rows of a read model as of the journal's head, as JSON types and `Decimal`. Only it is brought up.

        Raises `InvalidInput` for a name that there is none of, `Unavailable` if its projection stopped.
        """
        (chosen,) = self._named([name])
        self._catch_up([chosen], None, progress)
        if chosen in self.stopped:
            raise Unavailable(f"The read model {name}", self.stopped[chosen].why)
        try:
            return self._views.rows(self._projections[chosen])
        except Gone:  # dropped by hand since we last looked
            del self._foldings[chosen]
            return self.report(chosen, progress)

    def rebuild(self, names: Sequence[str] = (), progress: Progress | None = None) -> list[RebuildResult]:
        """Build views (all, if none is named) anew beside the live ones, compare them, and swap them in.

        The live ones are brought to the journal's head first, so that all of history is compared. Raises `InvalidInput`
        for an unknown name, `Poisoned` if a projection can't take an event that its live view holds.
        """
        chosen = self._named(names) if names else list(self._projections)
        self._catch_up(chosen, None, progress)
        results: list[RebuildResult] = []
        for name in chosen:
            results.append(rebuild(self._projections[name], self._views, self._reader, progress))
            self.stopped.pop(name, None)
        return results

    def _named(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if name not in self._projections:
                raise InvalidInput("the read model", f"one of {', '.join(self._projections)}", repr(name))
        return list(names)

    def _catch_up(self, names: Iterable[str], until_seq: int | None, progress: Progress | None) -> int:
        until = self._reader.head().seq if until_seq is None else until_seq
        events = 0
        for name in names:
            if name in self.stopped:
                continue
            try:
                events += self._advance(name, until, progress)
            except Poisoned as poison:
                self._views.fail(self._projections[name], poison.seq, poison.why)
                self.stopped[name] = Stopped(name, poison.seq, str(poison))
            except Outdated as outdated:
                self.stopped[name] = Stopped(name, 0, str(outdated))
        return events

    def _advance(self, name: str, until: int, progress: Progress | None) -> int:
        folding = self._folding(name, progress)
        already = folding.events
        try:
            folding.advance(self._reader, until, progress)
        except Gone:
            del self._foldings[name]
            return self._advance(name, until, progress)
        return folding.events - already

    def _folding(self, name: str, progress: Progress | None) -> Folding[Any]:
        """Give what follows a view; the first time, see to it that there is one of this version."""
        if name not in self._foldings:
            projection = self._projections[name]
            self._views.sweep(projection)
            place = self._views.place(projection)
            if place is None or not place.fits(projection):
                rebuild(projection, self._views, self._reader, progress)
            self._foldings[name] = Folding(projection, self._views)
        return self._foldings[name]
