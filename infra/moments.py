"""A moment T as a user types it: `seq:N`, `input:N`, ISO 8601 in UTC, or epoch milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from actors.ports import Reader
from domain.base import Recorded
from domain.errors import InvalidInput

EPOCH_MS_MIN = 10**11
"""A bare integer from here on is epoch ms (this one is in 1973); smaller ones are a slip."""
DIGITS_MAX = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPECTED = "a moment: seq:N, input:N, ISO 8601 in UTC such as 2025-05-04T12:00:00Z, or epoch ms"


def time_ms(text: str, where: str) -> int:
    """Read an ISO 8601 time (UTC unless it says otherwise) or epoch ms. Raises `InvalidInput`."""
    stripped = text.strip()
    if stripped.isdecimal():
        ms = _number(stripped, text, where)
        if ms < EPOCH_MS_MIN:
            raise InvalidInput(where, EXPECTED, repr(text))
        return ms
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError as error:
        raise InvalidInput(where, EXPECTED, repr(text)) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def seq_at(reader: Reader, text: str, where: str) -> int:
    """Give the last event at or before a moment, 0 if there is none. Raises `InvalidInput`."""
    head = reader.head()
    kind, colon, digits = text.partition(":")
    if colon and kind in {"seq", "input"}:
        number = _number(digits, text, where)
        if kind == "seq":
            return _within(number, head.seq, text, where)
        _within(number, head.input_seq, text, where)
        return last_seq(reader, lambda recorded: recorded.input_seq <= number)
    at_ms = time_ms(text, where)
    return last_seq(reader, lambda recorded: recorded.at_ms <= at_ms)


def input_at(reader: Reader, text: str, where: str) -> int:
    """Give the last input at or before a moment that left an event, or exactly `input:N`."""
    kind, colon, digits = text.partition(":")
    if colon and kind == "input":
        return _within(_number(digits, text, where), reader.head().input_seq, text, where)
    seq = seq_at(reader, text, where)
    return next((recorded.input_seq for recorded in reader.events(seq - 1, seq)), 0)


def iso(ms: int) -> str:
    """Write UTC ms as ISO 8601 with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(digits: str, text: str, where: str) -> int:
    if not digits.isdecimal() or len(digits) > DIGITS_MAX:
        raise InvalidInput(where, EXPECTED, repr(text[: 2 * DIGITS_MAX]))
    return int(digits)


def _within(value: int, last: int, text: str, where: str) -> int:
    if value > last:
        raise InvalidInput(where, f"a moment in this run, which ends at {last}", repr(text))
    return value


def last_seq(reader: Reader, holds: Callable[[Recorded], bool]) -> int:
    """Find the last event for which `holds` is true; it is true up to some event and false from there on."""
    low, high = 0, reader.head().seq
    while low < high:
        middle = (low + high + 1) // 2
        recorded: Recorded = next(iter(reader.events(middle - 1, middle)))
        if holds(recorded):
            low = middle
        else:
            high = middle - 1
    return low
