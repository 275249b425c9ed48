"""A wish to stop while something is still being made ready: heeded at places where nothing is left half done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
LOOK_S: Final = 0.05


class Stopped(Exception):
    """Somebody asked us to stop before it had begun. No failure, and so no `HindsightError` that is tried again."""


def heed(stop: threading.Event | None) -> None:
    """Raise `Stopped` if `stop` is set."""
    if stop is not None and stop.is_set():
        raise Stopped


async def unless_stopped(work: Coroutine[Any, Any, T], stop: threading.Event | None) -> T:
    """Do this work; cancel it and raise `Stopped` as soon as `stop` is set."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            heed(stop)
            await asyncio.wait((task,), timeout=LOOK_S)
    finally:
        task.cancel()
        await asyncio.wait((task,))
    return task.result()
