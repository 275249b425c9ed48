"""The log of the server: bounded, and asked for its last words."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.postgres.server.server_log import last_words, trim


def test_a_long_log_is_cut_and_its_end_kept(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_bytes(b"old" * 100 + b"the end")
    trim(log, bytes_max=7)
    assert log.read_bytes() == b""
    assert (tmp_path / "postgres.log.1").read_bytes() == b"the end"


def test_a_server_goes_on_writing_to_a_log_that_was_cut(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        trim(log, bytes_max=10)
        writer.write(b"new")
    assert log.read_bytes() == b"new"


def test_a_short_log_and_a_missing_one_stay_as_they_are(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    trim(log)
    assert not log.exists()
    log.write_bytes(b"short")
    trim(log, bytes_max=5)
    assert log.read_bytes() == b"short"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 [2] LOG:  starting\n1 [2] FATAL:  no room\n1 [2] DETAIL:  none\n", "no room"),
        ("1 [2] FATAL:  no room\n1 [3] FATAL:  the database system is starting up\n", "no room"),
        ("initdb: error: unrecognized locale\n", "unrecognized locale"),
        ("unshare: unshare failed: Operation not permitted\n", "unshare: unshare failed: Operation not permitted"),
        ("", "it said nothing"),
    ],
)
def test_the_last_words_are_the_reason(tmp_path: Path, text: str, words: str) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(f"FATAL:  yesterday\n{text}")
    assert last_words(log, offset=len("FATAL:  yesterday\n")) == words
