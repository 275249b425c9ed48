"""Locks end with their holder, and are passed on with the descriptor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import Unavailable
from infra.postgres.server import locks


def test_a_lock_is_taken_once(tmp_path: Path) -> None:
    holder = locks.take(tmp_path / "lock")
    assert holder is not None
    assert locks.take(tmp_path / "lock") is None
    assert not locks.is_free(tmp_path / "lock")
    os.close(holder)
    assert locks.is_free(tmp_path / "lock")


def test_a_shared_lock_keeps_only_the_lone_holder_out(tmp_path: Path) -> None:
    first, second = (locks.take(tmp_path / "lock", shared=True) for _ in range(2))
    assert first is not None
    assert second is not None
    assert locks.take(tmp_path / "lock") is None
    os.close(first)
    os.close(second)
    assert locks.is_free(tmp_path / "lock")


def test_asking_after_a_lock_makes_no_file(tmp_path: Path) -> None:
    assert locks.is_free(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_a_program_that_inherits_the_descriptor_holds_the_lock_until_it_is_killed(tmp_path: Path) -> None:
    with locks.held(tmp_path / "lock", seconds_max=0) as descriptor:
        heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
    assert not locks.is_free(tmp_path / "lock")
    heir.kill()
    heir.communicate()
    assert locks.is_free(tmp_path / "lock")


def test_waiting_for_a_lock_has_an_end(tmp_path: Path) -> None:
    holder = locks.take(tmp_path / "lock")
    assert holder is not None
    with (
        pytest.raises(Unavailable, match=r"another process has held it for 0\.05 seconds"),
        locks.held(tmp_path / "lock", seconds_max=0.05),
    ):
        pass
    os.close(holder)
