"""The hash chain over history: canonical bytes, the rolling content hash, and the Merkle tree of RFC 6962.

Two hashes, see architecture.md §4:
- the *content hash* rolls over inputs in order and is the same wherever commits were cut, in every store;
- the *row hash* (made in `infra/`) covers a whole commit row, with the Merkle root of its events.

An event's canonical bytes are its row in PostgreSQL's binary COPY format (originator_id, originator_version, topic,
state, notification_id): what is hashed is to the byte what is sent to the database.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence

GENESIS = bytes(32)
"""The content hash and the row hash before anything happened."""

_INPUT = struct.Struct(">QQ").pack


def row_bytes(seq: int, stream: bytes, version: int, topic: bytes, state: bytes) -> bytes:
    """Give an event's canonical bytes: its binary COPY row of five columns. `stream` and `topic` are UTF-8."""
    lengths = len(stream), len(topic), len(state)
    return _row(*lengths)(5, lengths[0], stream, 8, version, lengths[1], topic, lengths[2], state, 8, seq)


@functools.lru_cache(maxsize=16_384)
def _row(stream: int, topic: int, state: int) -> Callable[..., bytes]:
    """Give the packer of rows whose texts have these lengths: each field is its length, then its bytes."""
    return struct.Struct(f">hi{stream}siqi{topic}si{state}siq").pack


def roll(previous: bytes, input_seq: int, at_ms: int, input_: bytes, rows: Iterable[bytes], effects: bytes) -> bytes:
    """Roll the content hash over one input: sha256(h ‖ input_seq ‖ at_ms ‖ input ‖ its events ‖ its effects).

    The integers are 8 bytes, big-endian; input and effects are msgpack, events as `row_bytes`: each part says itself
    where it ends, so no two histories have the same bytes.
    """
    return hashlib.sha256(b"".join((previous, _INPUT(input_seq, at_ms), input_, *rows, effects))).digest()


def leaf_hash(row: bytes) -> bytes:
    """Hash one leaf: sha256(0x00 ‖ row)."""
    return hashlib.sha256(b"\x00" + row).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Give the RFC 6962 root of leaf hashes; of nothing, the hash of nothing.

    Pairing level by level and lifting a lonely last node is the same tree as RFC 6962's split at the largest power
    of two below n.
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    sha = hashlib.sha256
    level = list(leaves)
    while len(level) > 1:
        odd = level[-1] if len(level) % 2 else None
        level = [sha(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        if odd is not None:
            level.append(odd)
    return level[0]


def events_root(rows: Iterable[bytes]) -> bytes:
    """Give the Merkle root over event rows."""
    sha = hashlib.sha256
    return merkle_root([sha(b"\x00" + row).digest() for row in rows])
