"""Counts the connections that this process opens to the outside: measured, not claimed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Final, Self

_COUNTED: Final = "socket.connect"
_active: list[NetworkCalls] = []
_installed: list[bool] = []


class NetworkCalls:
    """Counts while the block runs, through Python's audit events: whichever library opens a connection.

    Local sockets (a database under `--home`) have a path for an address and are not counted.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        if not _installed:  # an audit hook stays for the life of the process, so there is only one
            _installed.append(True)
            sys.addaudithook(_heard)
        _active.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _active.remove(self)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event == _COUNTED and _active and isinstance(arguments[1], tuple):
        for counter in _active:
            counter.count += 1
