"""Building a view anew beside the live one, comparing both at the same event, and swapping it in.

    lock ─▶ empty view ─▶ fold to where the live one stands ─▶ hold the live one ─▶ fold the rest ─▶ compare ─▶ swap

The live view is read and followed all the while, except for the last moment. A rebuild that is killed leaves the live
view as it was.
"""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from actors.ports import Reader
from infra.followers.folding import Folding, Progress
from infra.followers.views import Stage, Views
from projections.base import Projection

CLOCK: Final = time.perf_counter


class RebuildResult(msgspec.Struct, frozen=True):
    """What a rebuild did. `equal_to_previous` is None where there was nothing of the same version to compare with."""

    name: str
    events: int
    seconds: float
    rows: int
    equal_to_previous: bool | None


def rebuild(
    projection: Projection[Any], views: Views, reader: Reader, progress: Progress | None = None
) -> RebuildResult:
    """Build a projection's view anew up to the event at which the live one stands (without one: an empty view).

    Raises `Poisoned` if the projection can't take an event; the live view stays then.
    """
    began = CLOCK()
    folding = Folding(projection, views, Stage.BUILDING)
    with views.building(projection):
        live = views.place(projection)
        folding.advance(reader, live.seq if live else 0, progress)
        with views.swapping(projection) as live:
            equal: bool | None = None
            if live is not None:
                folding.advance(reader, live.seq, progress)
                equal = views.equal(projection) if live.fits(projection) else None
            rows = views.swap(projection)
    return RebuildResult(projection.name, folding.events, CLOCK() - began, rows, equal)
