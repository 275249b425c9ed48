"""The closed lists of inputs, events and effects: their stable names, their bytes, and the upcasters of old shapes.

A name (the struct's tag) is what stands in the store for ever. Renaming a class keeps its old name by `tag="OldName"`.
A new field has a default. A changed meaning is a new event plus an upcaster here; `tests/golden/` holds histories of
every shape that was ever written and is never edited.

An event's stored state is msgpack `[input_seq, at_ms, event]`; inputs are one msgpack map, effects a list of
`[event_id, effect]`. Encoding is canonical: fields in the order of their definition, defaults left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec

from domain import account, market, market_view, operations, position_events, venue
from domain.base import Effect, Event, Input, Issued
from domain.errors import CorruptHistory
from domain.scan import decider as scan
from domain.symbol import events as symbol

INPUTS: Final[tuple[type[Input], ...]] = (
    operations.SessionStarted,
    operations.SessionEnded,
    operations.Restored,
    operations.ClockTicked,
    operations.ConditionChanged,
    operations.OperatorCommand,
    market.InstrumentArrived,
    market.InstrumentLeft,
    market.HistoryArrived,
    market.CandleArrived,
    market.MarketTick,
    market.FundingArrived,
    market.OpenInterestArrived,
    market_view.ReferenceHoursArrived,
    venue.VenueAccepted,
    venue.VenueRejected,
    venue.VenueFilled,
    venue.VenueCanceled,
    venue.VenueLiquidated,
    venue.VenueFunded,
    venue.AccountReconciled,
)
EVENTS: Final[tuple[type[Event], ...]] = (
    *operations.EVENTS,
    *symbol.EVENTS,
    *market_view.EVENTS,
    *scan.EVENTS,
    *position_events.EVENTS,
    *account.EVENTS,
)
EFFECTS: Final[tuple[type[Effect], ...]] = (venue.PlaceOrder, venue.CancelOrder)

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: Final[dict[str, tuple[str, Upcaster]]] = {}
"""Old name → (the name that it has today, how the old fields become today's)."""


def name_of(kind: type[msgspec.Struct]) -> str:
    """Give the stable name of an input, event or effect."""
    return cast("str", kind.__struct_config__.tag)


def _union(kinds: Sequence[type[msgspec.Struct]]) -> Any:
    union: Any = kinds[0]
    for kind in kinds[1:]:
        union |= kind
    return union


_encode = msgspec.msgpack.Encoder().encode
_raw = msgspec.msgpack.Decoder(tuple[int, int, dict[str, Any]]).decode
_decoders: Final[dict[str, Callable[[bytes], tuple[int, int, Event]]]] = {
    name_of(kind): msgspec.msgpack.Decoder(tuple[int, int, kind]).decode for kind in EVENTS
}
_kinds = {name_of(kind): kind for kind in EVENTS}
_decode_input = msgspec.msgpack.Decoder(_union(INPUTS)).decode
_decode_effects = msgspec.msgpack.Decoder(list[tuple[str, _union(EFFECTS)]]).decode
TOPICS: Final[dict[type[Event], bytes]] = {kind: name_of(kind).encode() for kind in EVENTS}
NO_EFFECTS: Final = _encode([])
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError)
"""What damaged bytes end in: text that is no UTF-8 included, and an upcaster that does not find what it looks for."""


def encode_event(input_seq: int, at_ms: int, event: Event) -> bytes:
    """Give an event's stored state."""
    return _encode((input_seq, at_ms, event))


def decode_event(topic: str, state: bytes) -> tuple[int, int, Event]:
    """Read a stored state back as (input_seq, at_ms, event), older shapes included.

    Raises `CorruptHistory` for a name that this code does not know, or bytes that don't fit it.
    """
    decode = _decoders.get(topic)
    try:
        if decode is not None:
            return decode(state)
        if topic in UPCASTERS:
            return upcast(topic, state)
    except _UNREADABLE as error:
        raise CorruptHistory(0, f"a stored {topic} can't be read: {error}") from error
    raise CorruptHistory(0, f"an event named {topic!r} is not in this version's catalog; a newer version wrote it")


def upcast(topic: str, state: bytes) -> tuple[int, int, Event]:
    """Read an event of an old name, or an old meaning, as what it is called today."""
    input_seq, at_ms, fields = _raw(state)
    while topic in UPCASTERS:
        topic, change = UPCASTERS[topic]
        fields = change(fields)
    fields["type"] = topic
    return input_seq, at_ms, msgspec.convert(fields, _kinds[topic])


def encode_input(input_: Input) -> bytes:
    """Give an input's canonical bytes."""
    return _encode(input_)


def decode_input(data: bytes) -> Input:
    """Read an input back. Raises `CorruptHistory` if it can't be read."""
    try:
        return cast("Input", _decode_input(data))
    except _UNREADABLE as error:
        raise CorruptHistory(0, f"an input on the tape can't be read: {error}") from error


def encode_effects(issued: Sequence[Issued]) -> bytes:
    """Give the canonical bytes of the effects of one input."""
    return _encode(issued) if issued else NO_EFFECTS


def decode_effects(data: bytes) -> tuple[Issued, ...]:
    """Read the effects of one input back. Raises `CorruptHistory` if they can't be read."""
    try:
        pairs = cast("list[tuple[str, Effect]]", _decode_effects(data))
    except _UNREADABLE as error:
        raise CorruptHistory(0, f"effects on the tape can't be read: {error}") from error
    return tuple(Issued(event_id, effect) for event_id, effect in pairs)
