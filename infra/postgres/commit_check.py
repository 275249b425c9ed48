"""What must hold of one stored commit, given the one before, its event rows and its tape. Pure; `verify.py` reads.

Each check looks at its own facts only, so that one damage is one problem wherever that is possible.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from actors.ports import Frame
from domain.errors import CorruptHistory
from domain.proof.chain import events_root, roll
from infra.postgres import tape
from infra.postgres.commit import CommitHead, SealedCommit, row_hash, seq_of

_NO_TAPE_HASH: Final = hashlib.sha256(b"").digest()
_VERSION_BYTES: Final = 12
_length = struct.Struct(">i").unpack_from
_stamped = msgspec.msgpack.Decoder(tuple[int, int, msgspec.Raw]).decode


class Problem(msgspec.Struct, frozen=True):
    """Something in a store that is not as it was written: where it stands, and what is wrong."""

    where: str
    what: str


class StoredCommit(msgspec.Struct, frozen=True):
    """A commit as it was read back. `blob` is None if its tape is not there."""

    commit: SealedCommit
    rows: Sequence[bytes]
    blob: bytes | None

    @property
    def where(self) -> str:
        """The place of this commit, for a human."""
        commit = self.commit
        if commit.last_seq < commit.first_seq:
            return f"commit {commit.commit_id}, no events"
        return f"commit {commit.commit_id}, seq {commit.first_seq} to {commit.last_seq}"

    @property
    def is_pruned(self) -> bool:
        """Whether its tape was dropped; what rests on the tape can't be checked then."""
        return self.blob is None and self.commit.tape_hash != _NO_TAPE_HASH


def check(before: CommitHead, stored: StoredCommit, *, trusted: bool = True) -> list[Problem]:
    """Give what is wrong with a commit.

    `trusted` says that the commit before had no problem: what rests on its content hash can be checked.
    """
    broken = [*_chain(before, stored.commit), *_rows(stored), *_tape(stored)]
    if not broken and trusted and not stored.is_pruned:
        broken = list(_content(before, stored))
    return [Problem(stored.where, what) for what in broken]


def _chain(before: CommitHead, commit: SealedCommit) -> Iterator[str]:
    if commit.commit_id != before.commit_id + 1:
        yield f"it follows commit {before.commit_id}: what was between is missing"
    elif row_hash(commit, before.row_hash) != commit.row_hash:
        yield "its columns are not those that its row hash covers: a column of it, or the chain before it, was changed"
    if commit.first_seq != before.last_seq + 1:
        yield f"its events start at seq {commit.first_seq}, but the commit before ended at seq {before.last_seq}"
    if commit.first_input:
        if commit.first_input != before.last_input + 1:
            yield f"it starts at input {commit.first_input}, but the commit before ended at input {before.last_input}"
        if commit.at_ms < before.at_ms:
            yield f"its time {commit.at_ms} ms is before that of the commit before, {before.at_ms} ms"
    elif (commit.last_input, commit.at_ms) != (before.last_input, before.at_ms):
        yield f"it holds no input, but says that input {commit.last_input} was the last one, at {commit.at_ms} ms"


def _rows(stored: StoredCommit) -> Iterator[str]:
    commit, rows = stored.commit, stored.rows
    count = commit.last_seq - commit.first_seq + 1
    if len(rows) == count and (not rows or (seq_of(rows[0]), seq_of(rows[-1])) == (commit.first_seq, commit.last_seq)):
        if events_root(rows) != commit.events_root:
            yield "its events are not those that were written: bytes were changed, or rows were swapped"
        return
    expected = range(commit.first_seq, commit.last_seq + 1)
    found = [seq_of(row) for row in rows]
    there = set(found)
    missing = next((f", seq {seq} is missing" for seq in expected if seq not in there), "")
    foreign = next((f", seq {seq} was not written with it" for seq in found if seq not in expected), "")
    yield f"{count} events were written, {len(found)} are there{missing}{foreign}"


def _tape(stored: StoredCommit) -> Iterator[str]:
    commit, blob = stored.commit, stored.blob
    if blob is not None and hashlib.sha256(blob).digest() != commit.tape_hash:
        yield "its tape is not the one that was written"
    if (commit.first_input == 0) != (commit.tape_hash == _NO_TAPE_HASH):
        yield "it has inputs without a tape, or a tape without inputs"


def _content(before: CommitHead, stored: StoredCommit) -> Iterator[str]:
    commit = stored.commit
    try:
        frames = tape.unpack(stored.blob or b"", commit.first_seq)
        yield from _frames(before, commit, frames)
        content_hash, left = _roll(before.content_hash, frames, stored.rows)
    except (CorruptHistory, msgspec.MsgspecError, struct.error) as error:
        yield f"its content can't be read: {error}"
        return
    if left:
        yield f"{left} of its events name an input that is not on its tape"
    elif content_hash != commit.content_hash:
        yield "its content hash is not that of its inputs, events and effects"


def _frames(before: CommitHead, commit: SealedCommit, frames: Sequence[Frame]) -> Iterator[str]:
    inputs = [frame.input_seq for frame in frames]
    if frames and inputs != list(range(commit.first_input, commit.last_input + 1)):
        yield f"its tape holds inputs {inputs[0]} to {inputs[-1]}, not {commit.first_input} to {commit.last_input}"
    times = [before.at_ms, *(frame.at_ms for frame in frames)]
    if times != sorted(times) or times[-1] != commit.at_ms:
        yield "the times on its tape run backwards, or don't end at its own time"


def _roll(content_hash: bytes, frames: Sequence[Frame], rows: Sequence[bytes]) -> tuple[bytes, int]:
    """Give the content hash after the frames, and how many rows belong to none of them.

    Rows of an application of the library have no input: without frames, no row belongs to one and the hash stays.
    """
    if not frames:
        return content_hash, 0
    at, count = 0, len(rows)
    causes = [_input_seq(row) for row in rows]
    for frame in frames:
        start = at
        while at < count and causes[at] == frame.input_seq:
            at += 1
        content_hash = roll(content_hash, frame.input_seq, frame.at_ms, frame.input, rows[start:at], frame.effects)
    return content_hash, count - at


def _input_seq(row: bytes) -> int:
    """Give the input that caused an event, from its row: `domain.chain.row_bytes` says how a row is made."""
    at = 6 + _length(row, 2)[0] + _VERSION_BYTES
    at += 4 + _length(row, at)[0]
    size = _length(row, at)[0]
    return _stamped(row[at + 4 : at + 4 + size])[0]
