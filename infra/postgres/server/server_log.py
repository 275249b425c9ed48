"""What an embedded server says: kept in a file of bounded size, out of the user's sight."""

from __future__ import annotations

import os
import re
from pathlib import Path

LOG_BYTES_MAX = 1 << 20


def trim(log: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Keep `log` within `bytes_max`: its end moves to `<log>.1`. Its writer may go on, since it appends."""
    if not log.exists() or log.stat().st_size <= bytes_max:
        return
    with log.open("r+b") as file:
        file.seek(-bytes_max, os.SEEK_END)
        log.with_name(f"{log.name}.1").write_bytes(file.read())
        file.truncate(0)


def last_words(log: Path, offset: int) -> str:
    """Why a program gave up, in its own words: the last error in `log` after byte `offset`."""
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read(LOG_BYTES_MAX).decode(errors="replace").splitlines()
    reasons = [found[1] for line in lines if (found := re.search(r"(?:FATAL|PANIC|error): +(.+)", line))]
    # clients that came too early were told so, which is no reason to give up
    reasons = [reason for reason in reasons if not reason.startswith("the database system is")]
    return (reasons or [line.strip() for line in lines] or ["it said nothing"])[-1]
