"""Fixtures that several rooms share: a PostgreSQL server, and a schema of one's own in it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from infra.postgres import embedded

# A shared machine may pause for longer than hypothesis' 200 ms: how long an example takes is no property of the code.
hypothesis_settings.register_profile("hindsight", deadline=None)
hypothesis_settings.load_profile("hindsight")


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of `DATABASE_URL`; else an embedded one, of this session only."""
    url = os.environ.get("DATABASE_URL")
    if url:
        yield url
        return
    with embedded.running(tmp_path_factory.mktemp("home")) as embedded_url:
        yield embedded_url


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection[Any]]:
    """A connection to that server, each statement a transaction of its own."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def schema(database_url: str) -> Iterator[str]:
    """The name of a schema that does not exist yet, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    yield name
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")  # a transaction left open by a test shall not hang the suite
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(name)))


@pytest.fixture
def library_env(database_url: str, schema: str) -> dict[str, str]:
    """The environment variables of the `eventsourcing` library for that server and schema, which exists."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
    settings = conninfo_to_dict(database_url)
    return {
        "PERSISTENCE_MODULE": "infra.postgres.recorder",
        "ORIGINATOR_ID_TYPE": "text",
        "POSTGRES_DBNAME": str(settings["dbname"]),
        "POSTGRES_HOST": str(settings["host"]),
        "POSTGRES_PORT": str(settings.get("port", 5432)),
        "POSTGRES_USER": str(settings["user"]),
        "POSTGRES_PASSWORD": str(settings.get("password", "")),
        "POSTGRES_SCHEMA": schema,
    }
