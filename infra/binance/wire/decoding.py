"""From bytes to a struct: one precompiled decoder finds the type by `e` in a single pass.

    {"stream": "btcusdt@kline_1m", "data": {"e": "kline", …}}     combined
    {"e": "kline", …}                                             raw
    [{"e": "markPriceUpdate", …}, …]                              an array stream, raw; combined, it is the data
    {"result": null, "id": 1}   {"code": 2, "msg": "…"}           answers and errors

The two first are tried at once, by their first bytes. Everything else, and everything that fails there, goes the slow
way, which looks at the keys and finds out what is wrong. An array is tried as a whole, and if that fails item by item:
what can't be read becomes `Unreadable`, unless it is all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

import msgspec

from domain.base import Message
from domain.errors import WireError
from infra.binance.wire.control_frames import Answer, Batch, BookSnapshot, Refusal, RequestId, Unknown, Unreadable
from infra.binance.wire.frames import MarketFrame
from infra.binance.wire.user_frames import UserEvent

_Event = MarketFrame | UserEvent
_EVENT_NAME_MAX: Final = 64
_ORD_S: Final = ord("s")  # the third byte of {"stream": …


class Framed(Protocol):
    """A frame with the name of its stream ("" where it came raw); an array stream gives several messages at once."""

    @property
    def stream(self) -> str:
        """The name that the exchange wrote on the envelope."""
        ...

    @property
    def message(self) -> Message | tuple[Message, ...]:
        """What is in it."""
        ...


class _Combined(msgspec.Struct, frozen=True, gc=False):
    stream: str
    message: _Event | tuple[_Event, ...] = msgspec.field(name="data")


class _Single(msgspec.Struct, frozen=True, gc=False):
    stream: str
    message: _Event = msgspec.field(name="data")


class _Found(msgspec.Struct, frozen=True, gc=False):
    stream: str
    message: Message | tuple[Message, ...]


class _Envelope(msgspec.Struct, gc=False):
    """The keys that tell what a frame is."""

    stream: str | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: str | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: int | msgspec.UnsetType = msgspec.UNSET
    msg: str = ""
    id: RequestId = None
    last_id: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="lastUpdateId", default=msgspec.UNSET)


class _Reason(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""


# `strict=False` reads the quoted numbers; the bounds in `numbers.py` refuse what that would let through.
_combined: Final[Callable[[bytes], Framed]] = msgspec.json.Decoder(_Combined, strict=False).decode
_single: Final = msgspec.json.Decoder(_Single, strict=False).decode
_event: Final = msgspec.json.Decoder(_Event, strict=False).decode
_events: Final = msgspec.json.Decoder(tuple[_Event, ...], strict=False).decode
_snapshot: Final = msgspec.json.Decoder(BookSnapshot, strict=False).decode
_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_result: Final = msgspec.json.Decoder(tuple[str, ...] | bool | None).decode
_reason: Final = msgspec.json.Decoder(_Reason | str).decode
_UNREADABLE: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_OTHERWISE: Final = (*_UNREADABLE, IndexError, AttributeError, TypeError)
"""What the fast way raises at a frame of another kind, at a broken one, and at what is no bytes."""


def decode(raw: bytes) -> Message:
    """Read one frame, raw or combined. Raises `WireError` and nothing else.

    An array becomes a `Batch`, an event type without a struct `Unknown`, what is no event `Answer` or `Refusal`.
    """
    try:
        # The commonest case first, and without the price of a call: this is the hottest line we have.
        if raw[2] == _ORD_S and raw.isascii():
            return _single(raw).message
    except _OTHERWISE:
        pass
    message = _carefully(raw).message
    return Batch(message) if isinstance(message, tuple) else message


def open_frame(raw: bytes) -> Framed:
    """Read one frame and say which stream it came from. Raises `WireError` and nothing else."""
    try:
        if raw[2] == _ORD_S and raw.isascii():
            return _combined(raw)
    except _OTHERWISE:
        pass
    return _carefully(raw)


def _carefully(raw: bytes) -> Framed:
    """Read a frame of any kind, or say what is wrong with it."""
    if type(raw) is not bytes:
        raw = _bytes_of(raw)
    try:
        if not raw.isascii():
            raw.decode()  # msgspec skips what it does not read, broken text included
        return _combined(raw) if raw[2] == _ORD_S else _Found("", _event(raw))
    except (msgspec.ValidationError, IndexError):
        pass  # none of the two, or an event type without a struct, or broken: the slow way finds out
    except _UNREADABLE as error:
        raise _wire_error(error) from error
    try:
        return _slowly(raw)
    except _UNREADABLE as error:
        raise _wire_error(error) from error


def _bytes_of(raw: object) -> bytes:
    """Take what a careless caller has instead: text, or a view of a buffer."""
    try:
        if isinstance(raw, str):
            return raw.encode()
        if isinstance(raw, bytes | bytearray | memoryview):
            return bytes(cast("bytes", raw))
    except UnicodeEncodeError as error:
        raise WireError("The frame is not UTF-8", f"character {error.start}") from error
    raise WireError(f"Expected `bytes`, got `{type(raw).__name__}`", "`$`")


def _slowly(raw: bytes) -> Framed:
    if raw.lstrip()[:1] == b"[":
        return _Found("", _batch(raw, "$"))
    envelope = _envelope(raw)
    if isinstance(envelope.stream, str) and isinstance(envelope.data, msgspec.Raw):
        data = bytes(envelope.data)
        return _Found(envelope.stream, _batch(data, "$.data") if data[:1] == b"[" else _item(data))
    return _Found("", _message(raw, envelope))


def _batch(raw: bytes, where: str) -> tuple[Message, ...]:
    try:
        return _events(raw)
    except msgspec.ValidationError:
        pass  # one of them is at fault, or of a type without a struct
    found = tuple(_item_or_why(bytes(item), f"{where}[{place}]") for place, item in enumerate(_items(raw)))
    broken = [item for item in found if isinstance(item, Unreadable)]
    if broken and len(broken) == len(found):
        raise WireError(broken[0].what, broken[0].where)
    return found


def _item_or_why(raw: bytes, where: str) -> Message | Unreadable:
    try:
        return _item(raw)
    except (WireError, *_UNREADABLE) as error:
        why = error if isinstance(error, WireError) else _wire_error(error)
        return Unreadable(why.what, f"`{where}{why.where.strip('`').removeprefix('$')}`")


def _item(raw: bytes) -> Message:
    return _message(raw, _envelope(raw))


def _message(raw: bytes, envelope: _Envelope) -> Message:
    """Read what is no array and no combined frame."""
    if isinstance(envelope.e, str):
        if envelope.e in EVENT_TYPES:
            return _event(raw)
        return Unknown(envelope.e[:_EVENT_NAME_MAX])
    if isinstance(envelope.last_id, msgspec.Raw):
        return _snapshot(raw)
    if isinstance(envelope.error, msgspec.Raw):
        reason = _reason(envelope.error)
        return (
            Refusal(0, reason, envelope.id)
            if isinstance(reason, str)
            else Refusal(reason.code, reason.msg, envelope.id)
        )
    if isinstance(envelope.code, int):
        return Refusal(envelope.code, envelope.msg, envelope.id)
    if isinstance(envelope.result, msgspec.Raw):
        return Answer(envelope.id, _result(envelope.result))
    raise WireError("Expected an event type `e`, an answer or an error", "`$`")


def _wire_error(error: Exception) -> WireError:
    if isinstance(error, RecursionError):
        return WireError("The frame is nested too deeply", "`$`")
    if isinstance(error, UnicodeDecodeError):
        return WireError("The frame is not UTF-8", f"byte {error.start}")
    what, _, where = str(error).partition(" - at ")
    return WireError(what, where or "`$`")


def _tags() -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in (*MarketFrame.__args__, *UserEvent.__args__))


EVENT_TYPES: Final = _tags()
"""The event types that have a struct."""
