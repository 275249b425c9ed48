"""`pytest tests/golden --update-golden` adds what is new to the golden files; it never changes what is there.

It appends new names to `names.txt`; writes the next `histories/NNNN.jsonl` if the newest one lacks a kind of input,
event or effect, or of a struct inside one; seals it; and writes the expected states (`histories/NNNN.expected.json`)
anew, whose difference is for a reviewer to judge.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="add what is new to tests/golden")


@pytest.fixture(scope="session")
def updating(request: pytest.FixtureRequest) -> bool:
    """True with `--update-golden`. The option exists only where this directory is named on the command line."""
    return bool(request.config.getoption("--update-golden", default=False))
