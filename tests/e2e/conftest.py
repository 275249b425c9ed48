"""What whole programs share: a home with its server, and databases of one's own."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from asking import Answer, Ask
from candle_data import write_days
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infra.cli.app import main
from infra.postgres import embedded


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `--home` whose server stays up between two commands of this module."""
    place = tmp_path_factory.mktemp("home")
    with embedded.running(place):
        yield place


@pytest.fixture
def store(database_url: str) -> Iterator[str]:
    """A `--store` that nobody has used yet, dropped afterwards."""
    with _database(database_url) as url:
        yield url


@pytest.fixture
def other_store(database_url: str) -> Iterator[str]:
    """A second one."""
    with _database(database_url) as url:
        yield url


@pytest.fixture(scope="module")
def module_store(database_url: str) -> Iterator[str]:
    """One for all tests of a module."""
    with _database(database_url) as url:
        yield url


@pytest.fixture(scope="module")
def empty_store(database_url: str) -> Iterator[str]:
    """One in which nobody writes."""
    with _database(database_url) as url:
        yield url


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ask]:
    """Type commands in this process, in an empty directory; it is left as it was."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    interval, root = sys.getswitchinterval(), logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def typed(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    yield typed
    sys.setswitchinterval(interval)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def quarter_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hours of candles of three symbols."""
    return write_days(tmp_path_factory.mktemp("data"), days=0.25)


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    name = f"e2e_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield make_conninfo(server_url, dbname=name)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
