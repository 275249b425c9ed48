"""Where benchmarks run: a throw-away PostgreSQL, schemas that are dropped again, sizes, and a voice."""

from __future__ import annotations

import functools
import secrets
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier

from infra.postgres import embedded
from infra.postgres.server_facts import concerns, server_facts
from infra.postgres.session import connect
from infra.postgres.tables import Tables


class BenchContext:
    """What a benchmark may use. Leaving it stops the server that it may have started.

    - `store`: the URL of a PostgreSQL; without one, an embedded server is started in a temporary directory as soon as
      a benchmark asks for it. It syncs every commit to the disk, as a user's does.
    - `data`: a directory of recorded candles.
    - `quick`: small sizes and one round, to see that everything works; the figures mean nothing then.
    - `say`: told what is going on, in sentences.
    """

    def __init__(
        self, *, store: str = "", data: Path, quick: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.data = data
        self.quick = quick
        self.say = say
        self._store = store
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @functools.cached_property
    def url(self) -> str:
        """The URL of the PostgreSQL, started if need be."""
        url = self._store or self._start()
        for worry in concerns(server_facts(url)):
            self.say(worry)
        return url

    def _start(self) -> str:
        home = self._open.enter_context(tempfile.TemporaryDirectory(prefix="hindsight-bench-"))
        self.say(f"A throw-away PostgreSQL starts in {home}.")
        return self._open.enter_context(embedded.running(Path(home)))

    def size(self, full: int, quick: int) -> int:
        """Choose between a size that measures and one that only tries."""
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        """How often contenders take turns."""
        return self.size(5, 1)

    @contextmanager
    def schema(self) -> Generator[str]:
        """Give the name of an empty schema, dropped at the end.

        A checkpoint comes first: what others wrote before is not flushed at the expense of whoever works here.
        """
        name = f"bench_{secrets.token_hex(6)}"
        with connect(self.url, "bench") as connection:
            connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
            with suppress(InsufficientPrivilege):
                connection.execute("CHECKPOINT")
            try:
                yield name
            finally:
                connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))

    @contextmanager
    def tables(self) -> Generator[Tables]:
        """Give the names of a run's tables in a schema of their own. Whoever writes first makes them."""
        with self.schema() as name:
            yield Tables(name)

    def library_environment(self, schema: str) -> dict[str, str]:
        """Give the environment variables of the `eventsourcing` library for that schema."""
        settings = conninfo_to_dict(self.url)
        return {
            "ORIGINATOR_ID_TYPE": "text",
            "POSTGRES_DBNAME": str(settings["dbname"]),
            "POSTGRES_HOST": str(settings["host"]),
            "POSTGRES_PORT": str(settings.get("port", 5432)),
            "POSTGRES_USER": str(settings["user"]),
            "POSTGRES_PASSWORD": str(settings.get("password", "")),
            "POSTGRES_SCHEMA": schema,
        }
