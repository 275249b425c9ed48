"""Where a page goes. Refused before the work begins if it can't go there."""

from __future__ import annotations

import os
from pathlib import Path

from domain.errors import InvalidInput

EXPECTED = "a file that can be written"


def require_writable(path: Path) -> None:
    """Raise `InvalidInput` if a page can't be written to this path."""
    if path.is_dir():
        raise InvalidInput("--html", EXPECTED, f"the directory {str(path)!r}", "Name a file in it.")
    if not path.parent.is_dir():
        raise InvalidInput("--html", EXPECTED, repr(str(path)), f"There is no directory {path.parent}: make it first.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidInput("--html", EXPECTED, repr(str(path)), "Permission is denied: choose another place.")


def write_page(path: Path, page: str) -> None:
    """Write a page. Raises `InvalidInput` with the system's own reason if that fails."""
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise InvalidInput("--html", EXPECTED, repr(str(path)), f"{error.strerror or error}.") from error
