"""How the interpreter shares its time while a kernel runs."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_INTERVAL_S: Final = 0.0005
"""The writer's thread must not wait 5 ms for the interpreter lock: architecture.md, "Mind the interpreter lock"."""
YOUNG_OBJECTS: Final = 10_000
"""So many containers are made before those that are in a cycle are looked for: inputs and events are in none."""


def attune() -> None:
    """Set the process up for a kernel and its threads, once everything is imported."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()  # modules stay for ever: no need to look through them again and again
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
