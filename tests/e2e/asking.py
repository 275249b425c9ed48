"""A command typed in this process, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from program import Ended


class Answer(NamedTuple):
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Ask = Callable[..., Answer]


def assert_refused(answer: Answer | Ended, *words: str) -> None:
    """See that it says in one sentence what it can't do."""
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("Can't do that. "), answer.err
    assert answer.err.count("\n") == 1
    assert [word for word in words if word not in answer.err] == [], answer.err
