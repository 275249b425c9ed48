"""A connection that dies before a chosen statement, as that of a killed process does: nothing is said to the server."""

from __future__ import annotations

from typing import Any

from psycopg import Connection, Cursor

from infra.postgres.session import connect


class Killed(BaseException):
    """The process is gone."""


class DyingConnections:
    """Opens connections that die together before the statement numbered `last + 1`."""

    def __init__(self, last: int) -> None:
        self.left = last

    def open(self, url: str, purpose: str) -> Connection[Any]:
        connection = connect(url, purpose)
        deaths = self

        class Dying(Cursor[Any]):
            def execute(self, *arguments: Any, **options: Any) -> Any:
                if deaths.left == 0:
                    connection.pgconn.finish()
                    raise Killed
                deaths.left -= 1
                return super().execute(*arguments, **options)

        connection.cursor_factory = Dying
        return connection
