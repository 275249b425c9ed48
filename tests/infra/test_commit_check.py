"""One commit, checked without a database."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from stored_history import MIDNIGHT

from actors.ports import Frame
from domain.proof.chain import roll, row_bytes
from infra.postgres import tape
from infra.postgres.commit import CommitDraft, CommitHead, SealedCommit, row_hash, seal
from infra.postgres.commit_check import StoredCommit, check

BEFORE = CommitHead(commit_id=3, last_seq=10, last_input=5, at_ms=5_000, content_hash=b"c" * 32, row_hash=b"r" * 32)


def row(seq: int, version: int, input_seq: int) -> bytes:
    return row_bytes(seq, b"symbol:BTCUSDT", version, b"Ticked", msgspec.msgpack.encode((input_seq, 0, {})))


FRAMES = (Frame(6, 6_000, b"first", b"\x90"), Frame(7, 7_000, b"second", b"\x91"))
ROWS = (row(11, 1, 6), row(12, 2, 6), row(13, 3, 7))


def rolled(frames: tuple[Frame, ...] = FRAMES, rows: tuple[bytes, ...] = ROWS) -> bytes:
    content_hash = BEFORE.content_hash
    for frame, own in zip(frames, (rows[:2], rows[2:]), strict=False):
        content_hash = roll(content_hash, frame.input_seq, frame.at_ms, frame.input, own, frame.effects)
    return content_hash


def stored(**changes: Any) -> StoredCommit:
    """A sound commit of two inputs and three events, or one that was sealed with these changes."""
    facts: dict[str, Any] = {
        "rows": ROWS,
        "first_input": 6,
        "last_input": 7,
        "at_ms": 7_000,
        "tape": tape.pack(FRAMES),
        "content_hash": rolled(),
        "writer": "process 7 on host",
        "token": 1,
        "environment": "{}",
        "committed_at": MIDNIGHT,
    }
    draft = CommitDraft(**(facts | changes))
    return StoredCommit(seal(BEFORE, draft), draft.rows, draft.tape or None)


def complaints(found: StoredCommit, before: CommitHead = BEFORE) -> list[str]:
    return [problem.what for problem in check(before, found)]


def resealed(commit: SealedCommit, **changes: Any) -> SealedCommit:
    changed = msgspec.structs.replace(commit, **changes)
    return msgspec.structs.replace(changed, row_hash=row_hash(changed, BEFORE.row_hash))


def test_a_sound_commit_has_no_problem() -> None:
    assert complaints(stored()) == []


@given(st.sampled_from(range(3)), st.integers(0), st.integers(1, 255))
def test_no_byte_of_an_event_can_be_changed(which: int, place: int, flip: int) -> None:
    sound = stored()
    rows = list(sound.rows)
    rows[which] = flipped(rows[which], place, flip)

    assert complaints(msgspec.structs.replace(sound, rows=rows))


@given(st.integers(0), st.integers(1, 255))
def test_no_byte_of_a_tape_can_be_changed(place: int, flip: int) -> None:
    sound = stored()
    assert sound.blob is not None

    assert complaints(msgspec.structs.replace(sound, blob=flipped(sound.blob, place, flip))) == [
        "its tape is not the one that was written"
    ]


def flipped(data: bytes, place: int, flip: int) -> bytes:
    changed = bytearray(data)
    changed[place % len(data)] ^= flip
    return bytes(changed)


@given(st.permutations(ROWS))
def test_events_in_another_order_are_not_those_that_were_written(rows: list[bytes]) -> None:
    assert bool(complaints(msgspec.structs.replace(stored(), rows=rows))) == (tuple(rows) != ROWS)


def test_a_commit_that_does_not_go_on_where_the_one_before_ended_says_so() -> None:
    before = msgspec.structs.replace(BEFORE, last_seq=9, last_input=4, at_ms=9_000)

    assert complaints(stored(), before) == [
        "its events start at seq 11, but the commit before ended at seq 9",
        "it starts at input 6, but the commit before ended at input 4",
        "its time 7000 ms is before that of the commit before, 9000 ms",
    ]


def test_a_commit_without_inputs_keeps_the_last_input_and_its_time() -> None:
    without = {"tape": b"", "first_input": 0, "content_hash": BEFORE.content_hash}

    assert complaints(stored(**without, last_input=5, at_ms=5_000)) == []
    assert complaints(stored(**without, last_input=6, at_ms=5_000)) == [
        "it holds no input, but says that input 6 was the last one, at 5000 ms"
    ]


def test_inputs_need_a_tape_and_a_tape_needs_inputs() -> None:
    for changes in ({"tape": b""}, {"first_input": 0, "last_input": 5, "at_ms": 5_000}):
        assert "it has inputs without a tape, or a tape without inputs" in complaints(stored(**changes))


def test_a_tape_of_other_inputs_is_found() -> None:
    frames = (FRAMES[0], msgspec.structs.replace(FRAMES[1], input_seq=8))

    assert complaints(stored(tape=tape.pack(frames)))[0] == "its tape holds inputs 6 to 8, not 6 to 7"


def test_a_tape_whose_times_run_backwards_is_found() -> None:
    frames = (msgspec.structs.replace(FRAMES[0], at_ms=7_500), FRAMES[1])

    assert "the times on its tape run backwards, or don't end at its own time" in complaints(
        stored(tape=tape.pack(frames))
    )


def test_an_event_of_an_input_that_is_not_on_the_tape_is_found() -> None:
    rows = (*ROWS[:2], row(13, 3, 9))

    assert complaints(stored(rows=rows, content_hash=rolled(rows=rows[:2]))) == [
        "1 of its events name an input that is not on its tape"
    ]


def test_a_content_hash_that_does_not_follow_from_the_content_is_found() -> None:
    assert complaints(stored(content_hash=bytes(32))) == [
        "its content hash is not that of its inputs, events and effects"
    ]


def test_a_tape_that_cannot_be_read_is_found() -> None:
    (complaint,) = complaints(stored(tape=b"no tape"))

    assert complaint.startswith("its content can't be read: The history is damaged at seq 11")


def test_an_event_whose_state_names_no_input_is_found() -> None:
    rows = (*ROWS[:2], row_bytes(13, b"symbol:BTCUSDT", 3, b"Ticked", b"{}"))

    (complaint,) = complaints(stored(rows=rows))

    assert complaint.startswith("its content can't be read")


def test_what_rests_on_a_pruned_tape_is_not_checked() -> None:
    pruned = msgspec.structs.replace(stored(content_hash=bytes(32)), blob=None)

    assert pruned.is_pruned
    assert complaints(pruned) == []


def test_what_rests_on_a_damaged_commit_before_is_not_checked() -> None:
    assert check(BEFORE, stored(content_hash=bytes(32)), trusted=False) == []


def test_a_claim_of_countless_events_takes_no_memory() -> None:
    sound = stored()
    boasting = resealed(sound.commit, last_seq=2**60)

    (complaint,) = complaints(msgspec.structs.replace(sound, commit=boasting))

    assert complaint.endswith("events were written, 3 are there, seq 14 is missing")
