"""PostgreSQL's binary COPY format, as far as event rows need it: whole rows in, whole rows out.

A stream is a header, the rows, and a trailer (PostgreSQL's manual, "COPY", section "Binary Format"). The rows between
are the canonical bytes of events (`domain.chain.row_bytes`), so what is hashed is what crosses the wire, both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

from psycopg import Cursor
from psycopg.copy import LibpqWriter

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER: Final = _SIGNATURE + bytes(8)  # no flags, no extension
_TRAILER: Final = b"\xff\xff"


@contextmanager
def loading(cursor: Cursor[Any], copy_from: bytes) -> Generator[Callable[[Sequence[bytes]], None]]:
    """Load rows with a COPY FROM statement: give a function that sends them, in order, in as many parts as one likes.

    The server works on what was sent while the caller goes on; what it refuses is raised at the end. Send many rows at
    a time: a call costs more than a row.
    """
    # What is sent goes out at once, not when libpq's buffer is full: the server works while the caller does.
    with cursor.copy(copy_from, writer=LibpqWriter(cursor, flush_threshold=0)) as copy:
        copy.write(_HEADER)
        yield lambda rows: copy.write(b"".join(rows))
        copy.write(_TRAILER)


def rows_of(messages: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Give the rows that a COPY TO sends: the server sends one message a row, and the header before the first."""
    rows = map(bytes, messages)
    first = next(rows, _HEADER)
    assert first.startswith(_SIGNATURE), "a binary COPY starts with its signature"
    for row in chain((first[len(_HEADER) :],), rows):
        if row and row != _TRAILER:
            yield row
