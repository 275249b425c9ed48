"""Where a crash test may kill the writer: named steps of a commit.

    before_begin · after_copy · before_commit · after_commit · after_release

`HINDSIGHT_FAULT=before_commit:3` in the environment kills the process, by SIGKILL, the third time it comes there.
Unset, as in all of life, a step costs one call of an empty function.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from domain.errors import InvalidInput

VARIABLE: Final = "HINDSIGHT_FAULT"
STEPS: Final = ("before_begin", "after_copy", "before_commit", "after_commit", "after_release")

Fault: TypeAlias = Callable[[str], None]


def no_fault(_step: str) -> None:
    """Let every step pass."""


def kill_self() -> None:
    """End this process as `kill -9` does: nothing is flushed, closed or told."""
    os.kill(os.getpid(), signal.SIGKILL)


def from_environment(environment: Mapping[str, str], kill: Callable[[], None] = kill_self) -> Fault:
    """Give the fault that the environment asks for. Raises `InvalidInput` if it names no step or no count."""
    asked = environment.get(VARIABLE, "")
    if not asked:
        return no_fault
    name, _, count = asked.partition(":")
    if name not in STEPS or not count.isdecimal() or int(count) == 0:
        raise InvalidInput(VARIABLE, f"one of {', '.join(STEPS)}, a colon and a count from 1", repr(asked))
    left = int(count)

    def fault(step: str) -> None:
        nonlocal left
        if step == name:
            left -= 1
            if left == 0:
                kill()

    return fault
