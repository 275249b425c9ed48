"""What is no event: answers to SUBSCRIBE and its kin, errors, whole books, and what we have no struct for."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from domain.base import Message
from infra.binance.wire.numbers import Level, Number, TimeMs

RequestId: TypeAlias = int | str | None


class Answer(Message, frozen=True, gc=False):
    """`{"result": …, "id": …}`: None for a change that was taken, a list of streams, or a property's value."""

    id: RequestId
    result: tuple[str, ...] | bool | None = None


class Refusal(Message, frozen=True, gc=False):
    """An error frame, with or without an envelope: `code` 2 is a bad request, 3 bad JSON, 0 if none was given."""

    code: int
    text: str
    id: RequestId = None


class BookSnapshot(Message, frozen=True, gc=False):
    """A whole book as REST gives it (recordings mix it into the stream). Best level first."""

    last_id: Number = msgspec.field(name="lastUpdateId")
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    time_ms: TimeMs | None = msgspec.field(name="E", default=None)
    transaction_ms: TimeMs | None = msgspec.field(name="T", default=None)


class Batch(Message, frozen=True, gc=False):
    """The items of an array stream, in the order of the wire; `Unreadable` stands for one that can't be read."""

    items: tuple[Message, ...]


class Unknown(Message, frozen=True, gc=False):
    """A sound frame of an event type that we have no struct for. The feed counts it."""

    event: str


class Unreadable(Message, frozen=True, gc=False):
    """An item of an array that can't be read, among others that can. The feed counts it."""

    what: str
    where: str
