"""The options that many commands share, and what they open."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from domain.errors import InvalidInput
from infra import settings
from infra.masking import mask
from infra.settings import Resolved

if TYPE_CHECKING:  # loading these takes longer than `--help` should
    from infra.followers.follower import Follower
    from infra.postgres.reader import PostgresReader
    from infra.postgres.runs import RunInfo

MEMORY: Final = "memory"

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Store = Annotated[str | None, typer.Option("--store", help="A PostgreSQL URL, or 'memory'.", metavar="URL|memory")]
Home = Annotated[Path | None, typer.Option("--home", help="Directory of the embedded server and of files.")]
Run = Annotated[str | None, typer.Option("--run", help="Which run (default: the newest in the store).", metavar="ID")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="The settings file (default: ./hindsight.toml).")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a setting.", metavar="KEY=VALUE")]
Symbols = Annotated[str | None, typer.Option("--symbols", help="A number, or a list: BTCUSDT,ETHUSDT.")]


def resolve(
    config: Path | None, given: Sequence[str] | None, store: str | None, home: Path | None, *more: str | None
) -> Resolved:
    """Read the settings with a command's own options on top. `more` are `key=value`, None where not given."""
    overrides = [*(given or ()), *(item for item in more if item is not None)]
    if store is not None:
        overrides.append(f"database.url={store}")
    if home is not None:
        overrides.append(f"database.home={home}")
    return settings.resolve(config, overrides)


def override(key: str, value: object | None) -> str | None:
    """Give `key=value`, or None if there is no value."""
    return None if value is None else f"{key}={value}"


@contextmanager
def database(resolved: Resolved, stop: threading.Event | None = None, *, keep: bool = False) -> Generator[str]:
    """Give the URL of the store's PostgreSQL: the user's own, or the embedded one for as long as the block runs.

    With `keep` the embedded one is started again if it dies meanwhile.
    Raises `Stopped` if `stop` is set while it starts at first.
    """
    place = resolved.settings.database
    if place.url == MEMORY:
        raise InvalidInput("--store", "a PostgreSQL store for this command", "memory", "Leave --store out.")
    if place.url:
        _require_url(place.url, resolved.origins.get("database.url", "settings"))
        yield place.url
        return
    from infra.postgres import embedded

    use = embedded.kept if keep else embedded.running
    with use(Path(place.home), stop) as url:
        yield url


def _require_url(url: str, origin: str) -> None:
    """Raise `InvalidInput` for what no PostgreSQL client could connect to."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        expected = "a PostgreSQL URL such as postgresql://user@host:5432/name, or 'memory'"
        raise InvalidInput(f"database.url ({origin})", expected, repr(mask(url))) from error


@contextmanager
def existing_database(resolved: Resolved) -> Generator[str]:
    """Give the URL of a store that is there already, for commands that read: a mistyped `--home` makes nothing.

    Raises `InvalidInput` if there is none.
    """
    if not has_store(resolved):
        home = Path(resolved.settings.database.home)
        origin = resolved.origins.get("database.home", "default")
        raise InvalidInput(
            f"database.home ({origin})",
            f"a store at {home.absolute()}, since this command only reads one",
            "a directory without a store" if home.is_dir() else "none",
            "Nothing was created. Check --home; `python run.py` or `python run.py backtest` makes a store.",
        )
    with database(resolved) as url:
        yield url


def has_store(resolved: Resolved) -> bool:
    """Whether there is a store to be read: the user's own server is taken at his word, an embedded one has files."""
    place = resolved.settings.database
    if place.url:
        return True
    from infra.postgres.server.place import Place

    return os.access(Place.of(Path(place.home)).data, os.F_OK)  # unlike `exists`, false where one may not look


@contextmanager
def follower(url: str, run: str | None) -> Generator[tuple[RunInfo, Follower, PostgresReader]]:
    """Give the follower over a run's read models, with the run and its reader."""
    from infra import store
    from infra.postgres.following import follower_of

    with store.reading(url, run) as (info, tables, reader), follower_of(url, tables.schema) as follower:
        yield info, follower, reader
