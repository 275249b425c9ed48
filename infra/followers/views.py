"""What a store of read models must do, whatever it is made of.

A view is the rows of one projection together with their place: the last event that they hold. Both change in one step,
so that a follower that is killed anywhere goes on as if nothing had happened.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Protocol, cast, get_args

import msgspec

from domain.errors import HindsightError
from projections.base import Key, Projection, R


class Stage(enum.StrEnum):
    """Which rows are meant: those that are read, or those that are being built to take their place."""

    LIVE = "live"
    BUILDING = "building"


class Place(msgspec.Struct, frozen=True):
    """Where the rows of a view stand.

    `seq` is the last event that they hold. `version` and `shape` say which projection made them; `generation` is
    another one after every swap. `failed_seq` is the event that the projection could not take, and `error` why; 0 and
    "" if it goes well.
    """

    version: int
    shape: str
    seq: int = 0
    generation: int = 1
    failed_seq: int = 0
    error: str = ""

    def fits(self, projection: Projection[Any]) -> bool:
        """Whether this projection, as it is coded today, made these rows and may go on with them."""
        return self.version == projection.version and self.shape == shape_of(projection)


class Moved(HindsightError):
    """Somebody else has moved the view meanwhile: whoever kept its rows in memory must load them again."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The view {name} is no longer where this follower left it; it has to be loaded again.")


class Gone(HindsightError):
    """There is no such view, or no longer: somebody dropped it. It has to be begun anew."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The view {name} does not exist.")


class Unwritable(HindsightError):
    """The store does not take these rows, whenever it is asked; `why` is its own reason."""

    def __init__(self, name: str, why: str) -> None:
        self.why = why
        super().__init__(f"The store does not take rows of the view {name}: {why}.")


class Views(Protocol):
    """The views of one run. Not thread-safe. Every method may raise `Unavailable`."""

    def place(self, projection: Projection[Any], stage: Stage = Stage.LIVE) -> Place | None:
        """Say where a view stands; None if there is none."""
        ...

    def load(self, projection: Projection[R], stage: Stage = Stage.LIVE) -> tuple[Place, dict[Key, R]]:
        """Give a view's place and the rows that its fold needs to go on: all, or those that are `live`.

        Raises `Gone` if there is no such view.
        """
        ...

    def find(self, projection: Projection[R], stage: Stage, key: Key) -> R | None:
        """Give one row, finished ones included; None if there is none."""
        ...

    def advance(
        self, projection: Projection[R], stage: Stage, before: Place, after: Place, changed: Iterable[R]
    ) -> None:
        """Write changed rows and move the view from one place to another, both or neither.

        Raises `Moved` if the view is not at `before`, `Unwritable` if the store can't hold a row.
        """
        ...

    def fail(self, projection: Projection[Any], seq: int, error: str) -> None:
        """Note at the live view that its projection could not take an event."""
        ...

    def rows(self, projection: Projection[Any]) -> list[dict[str, Any]]:
        """Give all live rows in the projection's order, as JSON types and `Decimal`. Raises `Gone` without a view."""
        ...

    def sweep(self, projection: Projection[Any]) -> None:
        """Drop what a killed rebuild left behind, unless one is going on."""
        ...

    def building(self, projection: Projection[Any]) -> AbstractContextManager[None]:
        """Begin an empty view beside the live one, and drop it at the end unless it was swapped in.

        One process at a time; the next one waits.
        """
        ...

    def swapping(self, projection: Projection[Any]) -> AbstractContextManager[Place | None]:
        """Hold the live view at its place (None: there is none) for as long as it takes to swap. All or nothing."""
        ...

    def equal(self, projection: Projection[Any]) -> bool:
        """Whether the live rows and those being built are the same. Within `swapping` only."""
        ...

    def swap(self, projection: Projection[Any]) -> int:
        """Let the built rows take the place of the live ones; gives how many they are. Within `swapping` only."""
        ...


def shape_of(projection: Projection[Any]) -> str:
    """Describe the rows of a projection: its key, and the names and types of its fields."""
    fields = [f"{field.name}: {_type_name(field.type)}" for field in msgspec.structs.fields(projection.row)]
    return f"({', '.join(projection.key)}) of {', '.join(fields)}"


def plain(row: msgspec.Struct) -> dict[str, Any]:
    """Give a row as JSON types, amounts staying `Decimal`."""
    return cast("dict[str, Any]", msgspec.to_builtins(row, builtin_types=(Decimal,)))


def order_of(projection: Projection[Any]) -> tuple[str, ...]:
    """Give the fields by which a report is sorted."""
    return projection.order or projection.key


def _type_name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
