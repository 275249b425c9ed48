"""PostgreSQL's binary COPY format, as far as event rows need it: whole rows in, whole rows out.

A stream is a header, the rows, and a trailer (PostgreSQL's manual, "COPY", section "Binary Format"). The rows between
are the canonical bytes of events (`domain.chain.row_bytes`), so what is hashed is what crosses the wire, both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER: Final = _SIGNATURE + bytes(8)  # no flags, no extension
_TRAILER: Final = b"\xff\xff"


def stream_of(rows: Sequence[bytes]) -> bytes:
    """Give the stream that loads rows, in one piece: many small writes would cost more than the rows."""
    return b"".join((_HEADER, *rows, _TRAILER))


def rows_of(messages: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Give the rows that a COPY TO sends: the server sends one message a row, and the header before the first."""
    for message in messages:
        row = bytes(message)
        if row.startswith(_SIGNATURE):
            row = row[len(_HEADER) :]
        if row != _TRAILER:
            yield row
