"""Clients that go away in the middle of things, or speak no HTTP: their doing, and nothing to report as our fault."""

from __future__ import annotations

import logging

from aiohttp import http_exceptions, web

THEIR_DOING = (ConnectionError, web.RequestPayloadError, http_exceptions.HttpProcessingError)
"""What their going away, or nonsense, looks like from here: wherever a request is read, or anything is sent."""


class _OursOnly(logging.Filter):
    """Lets through what is not a client's doing: aiohttp logs that with a traceback, as if the server had failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is shown."""
        return record.exc_info is None or not isinstance(record.exc_info[1], THEIR_DOING)


def server_log() -> logging.Logger:
    """Give the logger of an exchange's port."""
    logger = logging.getLogger("hindsight.exchange.port")
    if not logger.filters:
        logger.addFilter(_OursOnly())
    return logger
