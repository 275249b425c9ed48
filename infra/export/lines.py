"""An event as one line of JSON: the text that a bundle proves. Its leaf is `sha256(0x00 ‖ line, newline included)`.

    {"seq":614,"type":"PositionRequested","stream":"position:main/BTCUSDT-1","version":1,"input_seq":513,
     "at_ms":1746387900000,"event":{"plan":{…}}}

The line says what is stored and nothing else: fields that were left out stay out, decimals are exact text, lists of
fixed places (a candle) stay lists. It is made of the stored bytes alone, so it is the same in every version to come.
"""

from __future__ import annotations

from typing import Any

import msgspec

from domain.errors import CorruptHistory
from infra.export.source import Stored

_decode = msgspec.msgpack.Decoder(tuple[int, int, dict[str, Any]]).decode
_encode = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True, gc=False):
    """What stands in a line, in this order."""

    seq: int
    type: str
    stream: str
    version: int
    input_seq: int
    at_ms: int
    event: dict[str, Any]

    def encode(self) -> bytes:
        """Give the line, its newline included."""
        return _encode(self) + b"\n"


def line_of(stored: Stored) -> Line:
    """Read a stored event. Raises `CorruptHistory` if it is no event."""
    seq, stream, version, topic, state = stored
    try:
        input_seq, at_ms, event = _decode(state)
        del event["type"]
    except (msgspec.MsgspecError, KeyError) as error:
        raise CorruptHistory(seq, f"a stored {topic} can't be read: {error}") from error
    return Line(seq, topic, stream, version, input_seq, at_ms, event)
