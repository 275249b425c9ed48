"""Waiting for news: every commit notifies the channel of its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from domain.errors import Unavailable
from infra.postgres.session import connect, reaching
from infra.postgres.tables import Tables


class Listener:
    """Listens on a connection of its own. A channel belongs to the whole database, so news may be another run's."""

    def __init__(
        self, url: str, tables: Tables, *, open_connection: Callable[[str, str], Connection[Any]] = connect
    ) -> None:
        self._url = url
        self._channel = tables.channel
        self._connect = open_connection
        self._connection: Connection[Any] | None = None

    def close(self) -> None:
        """Stop listening. A later `wait` listens again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def wait(self, timeout_s: float) -> bool:
        """Wait for a notification; false if there was none in time. Raises `Unavailable` if PostgreSQL is away."""
        try:
            with reaching():
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect(self._url, "listener")
                    self._connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
                return any(True for _ in self._connection.notifies(timeout=timeout_s, stop_after=1))
        except Unavailable:
            self.close()
            raise
