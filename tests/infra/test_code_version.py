"""Which code decides: its name changes with every source that decides, and a user's own strategy is one file."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from domain.strategies import Pass, trend
from infra import code_version as versions
from infra.code_version import BUILT_IN, VERSION, code_version, strategy_named, strategy_sha256

GOOD = """
from __future__ import annotations
from dataclasses import dataclass
from domain.strategies import Pass, View

@dataclass
class Mine:
    reason: str

def propose(view: View, calm: bool = True) -> Pass:
    return Pass(Mine("CALM").reason)
"""


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Begin with nothing remembered, and leave nothing behind: an export goes on only under the same version."""
    for cached in (strategy_named, code_version):
        cached.cache_clear()
    yield
    for cached in (strategy_named, code_version):
        cached.cache_clear()


def written(directory: Path, text: str | bytes, name: str = "mine.py") -> str:
    path = directory / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_the_built_in_strategy_is_found_by_name() -> None:
    assert strategy_named("trend") is trend.propose
    assert strategy_sha256("trend") == hashlib.sha256(Path(trend.__file__).read_bytes()).hexdigest()
    assert set(BUILT_IN) == {"factors", "hybrid", "ict", "trend"}


def test_a_file_of_ones_own_is_a_strategy(tmp_path: Path) -> None:
    name = written(tmp_path, GOOD)
    assert strategy_named(name)(None) == Pass("CALM")
    assert strategy_named(name) is strategy_named(name)
    assert strategy_sha256(name) == hashlib.sha256(GOOD.encode()).hexdigest()


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = written(tmp_path / "a", GOOD)
    two = written(tmp_path / "b", GOOD.replace("CALM", "WILD"))
    assert (strategy_named(one)(None), strategy_named(two)(None)) == (Pass("CALM"), Pass("WILD"))


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("def propose(view:", "a Python file that can be imported", "SyntaxError"),
        ("import no_such_module_anywhere", "a Python file that can be imported", "ModuleNotFoundError"),
        ("1 / 0", "a Python file that can be imported", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "a Python file that can be imported", "SystemExit: 3"),
        (b"A = '\xff\xfe'", "a Python file that can be imported", "SyntaxError"),
        ("", "a function propose(view)", "none"),
        ("propose = 5", "a function propose(view)", "none"),
        ("def suggest(view): ...", "a function propose(view)", "none"),
        ("def propose(): ...", "a function propose(view)", "propose()"),
        ("def propose(view, more): ...", "a function propose(view)", "propose(view, more)"),
        ("def propose(*, view): ...", "a function propose(view)", "propose(*, view)"),
    ],
)
def test_a_file_that_is_no_strategy_is_refused_and_says_why(
    tmp_path: Path, text: str | bytes, expected: str, found: str
) -> None:
    name = written(tmp_path, text)
    loaded = set(sys.modules)
    with pytest.raises(InvalidInput) as refused:
        strategy_named(name)
    assert refused.value.where == name
    assert refused.value.expected == expected
    assert refused.value.found.startswith(found)
    if "import" in expected:
        assert set(sys.modules) == loaded


@pytest.mark.parametrize("name", ["tremd", "", "mine.txt", "/"])
def test_an_unknown_name_is_refused_with_what_there_is(name: str) -> None:
    for find in (strategy_named, strategy_sha256):
        with pytest.raises(
            InvalidInput,
            match=r"strategy\.name: expected one of factors, ict, hybrid, trend, or the path of a \.py file",
        ):
            find(name)


def test_a_file_that_is_not_there_is_refused_with_its_whole_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"no file at {tmp_path / 'gone.py'}")):
        strategy_named(str(tmp_path / "gone.py"))
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(InvalidInput, match="an existing file"):
        strategy_named(str(tmp_path / "folder.py"))


def test_the_version_names_the_sources_that_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("actors", "domain", "infra"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "rules.py").write_text("A = 1\n")
    monkeypatch.setattr(versions, "_ROOT", tmp_path)

    def now() -> str:
        code_version.cache_clear()
        return code_version()

    first = now()
    assert re.fullmatch(re.escape(VERSION) + r"\+[0-9a-f]{12}", first)
    (tmp_path / "infra" / "rules.py").write_text("A = 2\n")
    assert now() == first, "the shell decides nothing"
    (tmp_path / "domain" / "rules.py").write_text("A = 2\n")
    changed = now()
    assert changed != first
    (tmp_path / "domain" / "rules.py").rename(tmp_path / "domain" / "other.py")
    assert now() not in {first, changed}


def test_the_version_is_the_projects_own() -> None:
    project = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    assert f'version = "{VERSION}"' in project
