"""Connections to PostgreSQL, set up so that a dead one is noticed within seconds, from both sides."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from domain.errors import Unavailable

NOTICE_MS: Final = 5_000
"""A connection that says nothing for so long is taken for dead. On a unix socket the kernel tells at once."""

LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What psycopg raises when the server, or the way to it, went away, or does not take writes: later it may again."""

_CLIENT_SIDE: Final = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": NOTICE_MS,
}

_SERVER_SIDE: Final = """
    SELECT set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false),
           set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', %(notice_ms)s, false),
           set_config('client_connection_check_interval', '1000', false),
           set_config('jit', 'off', false),
           CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
"""A vanished client must not keep its locks: the server looks after it too, even while a statement waits."""


def connect(url: str, purpose: str) -> Connection[Any]:
    """Open a connection in autocommit mode. `purpose` is shown in `pg_stat_activity`.

    Raises `Unavailable` if the server does not answer.
    """
    name = f"hindsight {purpose} {os.getpid()}@{socket.gethostname()}"
    conninfo = make_conninfo(url, **_CLIENT_SIDE, application_name=name[:63])
    with reaching():
        connection: Connection[Any] = psycopg.connect(conninfo, autocommit=True)
        try:
            connection.execute(_SERVER_SIDE, {"notice_ms": str(NOTICE_MS)})
        except psycopg.Error:
            connection.close()
            raise
    return connection


def limit_statements(connection: Connection[Any], statement_ms_max: int) -> None:
    """Have the server cancel every later statement of this connection that takes longer."""
    connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(statement_ms_max),))


@contextmanager
def reaching() -> Generator[None]:
    """Raise `Unavailable` if the server, or the way to it, goes away in the block."""
    try:
        yield
    except LOST as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> Unavailable:
    """Say in one sentence that the database is away."""
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return Unavailable("PostgreSQL", reason)
