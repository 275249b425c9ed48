"""What a projection is: rows that are folded from recorded events, and nothing but the rows.

    apply(rows so far, event) ──▶ the rows that this event changes

The rows *are* the state: whoever has them (and knows which event was the last) can go on, so a projection may be
stopped anywhere, followed in any batches, dropped and folded again, and always ends with the same rows. Nothing here
knows where rows are kept; `infra/followers/` keeps them, exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from domain.base import Event, Recorded
from domain.catalog import name_of

R = TypeVar("R", bound=msgspec.Struct)

Key: TypeAlias = tuple[Any, ...]
"""The values of a row's key fields, in their order."""
Rows: TypeAlias = Mapping[Key, R]
Changes: TypeAlias = Mapping[Key, R]
"""Rows that are new or different now. A row is never taken back."""

NOTHING: Final[Mapping[Key, Any]] = MappingProxyType({})
"""The answer to an event that changes no row."""

LIVE: Final = "live"
"""The field by which a row says that a later event may still change it."""


class Projection(msgspec.Struct, Generic[R], frozen=True):
    """One read model.

    - `name`: what a user calls it. `version`: raise it when the same events give other rows than before.
    - `topics`: the kinds of events that it asks about. `apply` gets no others, and ignores what it does not know.
    - `row`: a frozen struct. Money is `Decimal` (USDT), times are `int` (UTC ms); what is nested becomes JSON.
    - `key`: the fields that name a row.
    - `apply(rows, recorded)`: pure. It may read, but not change, `rows`.
    - `indices`: what queries look for, besides the key.
    - `order`: how a report is sorted; by key unless told otherwise.
    - `late(recorded)`: the key of a finished row that this event changes after all, None for nearly every event.

    Where the row has a boolean field `live`, `rows` may lack the rows in which it is false: they are finished, and
    `apply` neither needs nor changes them, but for the one that `late` names: that one is there. So the memory of a
    fold is bounded by what is open, not by history.
    """

    name: str
    version: int
    topics: tuple[type[Event], ...]
    row: type[R]
    key: tuple[str, ...]
    apply: Callable[[Rows[R], Recorded], Changes[R]]
    indices: tuple[tuple[str, ...], ...] = ()
    order: tuple[str, ...] = ()
    late: Callable[[Recorded], Key | None] | None = None

    @property
    def topic_names(self) -> tuple[str, ...]:
        """The stored names of its topics."""
        return tuple(name_of(topic) for topic in self.topics)

    @property
    def forgets(self) -> bool:
        """Whether finished rows may be left out of a fold."""
        return LIVE in self.row.__struct_fields__

    def key_of(self, row: R) -> Key:
        """Give the key of a row."""
        return tuple(getattr(row, field) for field in self.key)


def fold(projection: Projection[R], events: Iterable[Recorded], rows: Rows[R] = NOTHING) -> dict[Key, R]:
    """Give all rows after these events, going on from `rows`. The definition that every follower must equal."""
    after = dict(rows)
    for recorded in events:
        if isinstance(recorded.event, projection.topics):
            after.update(projection.apply(after, recorded))
    return after


def live_row(rows: Rows[R], key: Key) -> R | None:
    """Give a row that may still change; None if it is finished, or was never begun."""
    row = rows.get(key)
    return row if row is not None and getattr(row, LIVE) else None


def account_of(position: str) -> str:
    """Give the account in a position's name: `main` of `position:main/BTCUSDT-42`."""
    return position.partition(":")[2].partition("/")[0]


def symbol_of(position: str) -> str:
    """Give the symbol in a position's name: `BTCUSDT` of `position:main/BTCUSDT-42`."""
    return position.partition("/")[2].rpartition("-")[0]
