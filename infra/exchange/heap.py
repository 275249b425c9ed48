"""Keeps memory that was freed, for a process that computes with long arrays.

The C library gives large blocks back to the system at once and asks for them again a moment later; with arrays of a
quarter of a megabyte, as the candles of a contract's past are drawn from, that costs as much as the arithmetic.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

KEPT_BYTES: Final = 64 * 1024 * 1024
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""`M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of malloc.h."""
_MMAP_THRESHOLD_BYTES: Final = 32 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Let this process keep up to 64 MB of what it freed; false where the C library can't be told."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # a C library other than glibc
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT_BYTES)) and bool(mallopt(_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES))
