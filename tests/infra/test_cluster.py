"""The reasons not to use a directory, and the settings that depend on the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InvalidInput, Unavailable
from infra.postgres.server.cluster import prepare, require_major, require_space, shared_memory_type
from infra.postgres.server.place import Place


def test_a_nearly_full_disk_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"needs 1099511627776 MB of free disk, and there are \d+ MB"):
        require_space(tmp_path, bytes_min=1 << 60)


def test_a_disk_with_room_is_accepted(tmp_path: Path) -> None:
    require_space(tmp_path, bytes_min=1)


@pytest.mark.parametrize(("content", "found"), [("9.6", "PostgreSQL 9.6"), ("19", "PostgreSQL 19"), (None, "without")])
def test_only_its_own_major_version_reads_a_data_directory(tmp_path: Path, content: str | None, found: str) -> None:
    if content is not None:
        (tmp_path / "PG_VERSION").write_text(f"{content}\n")
    with pytest.raises(InvalidInput, match=f"expected a data directory of PostgreSQL 18, found one .*{found}"):
        require_major(tmp_path, 18)


def test_the_right_major_version_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    require_major(tmp_path, 18)


def test_a_home_is_made_with_its_parents_and_closed_to_others(tmp_path: Path) -> None:
    place = Place(tmp_path / "a" / "b")
    prepare(place)
    prepare(place)
    assert place.base.stat().st_mode & 0o777 == 0o700


def test_a_missing_or_closed_shared_memory_is_done_without(tmp_path: Path) -> None:
    assert shared_memory_type(tmp_path / "missing") == "mmap"


def test_a_large_shared_memory_is_used(tmp_path: Path) -> None:
    assert shared_memory_type(tmp_path) == "posix"
