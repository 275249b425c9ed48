"""Who a process is, so that another one on the same machine can tell whether it is still alive.

A pid alone proves nothing: it is used again, and it means another process in another container or after a reboot. So a
process is named by host, boot, pid namespace, pid and start time. What can't be proven counts as alive.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

import msgspec

_PROC: Final = Path("/proc")
_STATE, _START_TIME = 0, 19  # of what follows the name in /proc/<pid>/stat, see proc(5): fields 3 and 22


class Process(msgspec.Struct, frozen=True):
    """One process, once and for all. The last three are empty where the system has no `/proc`."""

    host: str = ""
    pid: int = 0
    boot: str = ""
    namespace: str = ""
    started: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Process:
    """Name the running process."""
    return Process(socket.gethostname(), os.getpid(), _boot(), _namespace(), _start_time(os.getpid()))


def is_gone(process: Process) -> bool:
    """Tell whether a process is provably dead: same boot, same pid namespace, and its pid is free or another's."""
    if not process.started or process.boot != _boot() or process.namespace != _namespace():
        return False
    return _start_time(process.pid) != process.started


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink(_PROC / "self/ns/pid")  # noqa: PTH115 - its target is a name, not a path
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Give the start time in clock ticks since boot; nothing if there is no such process, or only its zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        ended = fields[_STATE] in "ZX" and len(list((_PROC / str(pid) / "task").iterdir())) <= 1
    except OSError:
        return ""
    return "" if ended else fields[_START_TIME]
