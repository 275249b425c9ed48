"""Locks on files, which the kernel lets go of when their last holder ends, however it ends.

A lock belongs to an open file, not to a process: whoever inherits the descriptor holds it too.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import Unavailable
from infra.stopping import heed

POLL_SECONDS = 0.02


def take(path: Path, *, shared: bool = False) -> int | None:
    """Lock the file `path`, without waiting. Returns the descriptor that holds the lock; None if somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_free(path: Path) -> bool:
    """True if nobody holds the lock `path` at this moment."""
    if not path.exists():
        return True
    descriptor = take(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


@contextmanager
def held(path: Path, seconds_max: float, stop: threading.Event | None = None) -> Generator[int]:
    """Hold the lock `path`, waiting for it up to `seconds_max`. Gives its descriptor.

    Raises:
        Unavailable: somebody else held it all that time.
        Stopped: `stop` was set meanwhile.
    """
    deadline = time.monotonic() + seconds_max
    while (descriptor := take(path)) is None:
        heed(stop)
        if time.monotonic() > deadline:
            raise Unavailable(f"The lock {path}", f"another process has held it for {seconds_max:g} seconds.")
        time.sleep(POLL_SECONDS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
