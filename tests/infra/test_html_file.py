"""Where a page can be written, and what is said where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InvalidInput
from infra.cli import ledger, rehearse
from infra.html.file import require_writable, write_page
from infra.memory import MemoryJournal


def test_a_page_is_written_as_utf_8_over_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old", "utf-8")
    require_writable(path)
    write_page(path, "→ new")
    assert path.read_bytes() == "→ new".encode()


def test_looking_whether_a_file_can_be_written_does_not_make_it(tmp_path: Path) -> None:
    require_writable(tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--html: expected a file that can be written, found the directory"):
        require_writable(tmp_path)


def test_a_place_in_no_directory_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"There is no directory .*missing: make it first"):
        require_writable(tmp_path / "missing" / "page.html")


def test_a_write_that_fails_is_refused_with_the_reason_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Is a directory"):
        write_page(tmp_path, "page")


def test_report_refuses_before_it_looks_for_a_store(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--html"):
        ledger.report_command("pnl", html=tmp_path, store="postgresql://nobody@127.0.0.1:1/none")


def test_a_what_if_refuses_before_it_trades(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--html"):
        rehearse.show_what_if(MemoryJournal(), [], None, tmp_path, as_json=True)
