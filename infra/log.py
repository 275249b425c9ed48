"""Logs: pretty on a terminal, JSON elsewhere, to standard error. Libraries' logs go the same way, from warnings up.

A warning or an error that repeats is printed once and counted; secrets are masked.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any, Final, cast

import structlog

from infra.masking import mask_all

REPEATS_MAX: Final = 1_000
"""So many different lines are remembered; beyond that counting starts anew."""
COMPARED_MAX: Final = 200
"""So many characters of a line say whether it repeats."""

Event = MutableMapping[str, Any]


class Repeats(logging.Filter):
    """Lets the first of equal warnings and errors through, then each power of ten with its count.

    Equal means: but for digits. This is a filter, since an exception that drops a line would reach whoever logs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[int, str], int] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Count a line; false if it only repeats."""
        if record.levelno < logging.WARNING:
            return True
        said = cast("Event", record.msg).get("event", "") if isinstance(record.msg, dict) else record.getMessage()
        signature = (record.levelno, re.sub(r"\d+", "N", str(said))[:COMPARED_MAX])
        with self._lock:
            if signature not in self._seen and len(self._seen) >= REPEATS_MAX:
                self._seen.clear()
            count = self._seen[signature] = self._seen.get(signature, 0) + 1
        record.times = count
        return re.fullmatch("10*", str(count)) is not None


def counted(_logger: object, _level: str, event: Event) -> Event:
    """Say how often a line came, from the second time that it is shown."""
    times = getattr(event["_record"], "times", 1)
    if times > 1:
        event["times"] = times
    return event


def masked(_logger: object, _level: str, event: Event) -> Event:
    """Take secrets out of everything that is logged, tracebacks included."""
    return cast("Event", mask_all(event))


def configure(level: str = "info") -> None:
    """Set up logging for the process; `level` is for our own lines, libraries speak from warnings up."""
    terminal = sys.stderr.isatty()
    # The default traceback on a terminal shows local variables, secrets among them.
    plain = structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                counted,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                masked,
                plain if terminal else structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hindsight").setLevel(level.upper())
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # its warnings tell again what it raises
