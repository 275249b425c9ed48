"""Logs: pretty on a terminal, JSON elsewhere, to standard error. Libraries' logs go the same way, from warnings up.

A line that repeats is printed once and counted; a password in a database URL is masked.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, cast

import structlog

REPEATS_MAX: Final = 1_000
"""So many different lines are remembered; beyond that counting starts anew."""
_PASSWORD: Final = re.compile(r"(\w+://[^:/@\s]+:)[^@\s]+@")

Event = MutableMapping[str, Any]


class Aggregate:
    """Lets the first of equal lines through, then each power of ten with its count."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def __call__(self, _logger: object, level: str, event: Event) -> Event:
        """Count a line; drop it if it only repeats."""
        signature = (level, re.sub(r"\d+", "N", str(event.get("event", "")))[:200])
        with self._lock:
            if len(self._seen) >= REPEATS_MAX:
                self._seen.clear()
            count = self._seen[signature] = self._seen.get(signature, 0) + 1
        if count == 1:
            return event
        if not re.fullmatch("10+", str(count)):
            raise structlog.DropEvent
        event["times"] = count
        return event


def mask_secrets(_logger: object, _level: str, event: Event) -> Event:
    """Take passwords out of everything that is logged."""
    for name, value in cast("Mapping[str, object]", event).items():
        if isinstance(value, str):
            event[name] = _PASSWORD.sub(r"\1***@", value)
    return event


def configure(level: str = "info") -> None:
    """Set up logging for the process; `level` is for our own lines, libraries speak from warnings up."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.JSONRenderer()
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
        Aggregate(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hindsight").setLevel(level.upper())
