"""What `doctor` asks a PostgreSQL server, ours or the user's: may a journal rest on it?"""

from __future__ import annotations

import msgspec
import psycopg

from domain.errors import Unavailable

MAJOR_MIN = 14
CONNECT_SECONDS_MAX = 10

_QUERY = """
SELECT current_setting('server_version_num')::int,
       current_setting('fsync') = 'on',
       current_setting('synchronous_commit'),
       current_setting('full_page_writes') = 'on',
       current_setting('wal_level'),
       current_setting('data_checksums') = 'on',
       pg_database_size(current_database())
"""


class ServerFacts(msgspec.Struct, frozen=True):
    """A server's version (180004 for 18.4), its settings as this session sees them, and the database's size."""

    version_num: int
    fsync: bool
    synchronous_commit: str
    full_page_writes: bool
    wal_level: str
    data_checksums: bool
    database_bytes: int

    @property
    def major(self) -> int:
        """The major version: 18."""
        return self.version_num // 10_000


def server_facts(url: str) -> ServerFacts:
    """Ask the server behind a libpq `url`.

    Raises:
        Unavailable: it does not answer, or takes us for nobody it knows.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX) as connection:
            row = connection.execute(_QUERY).fetchone()
    except psycopg.Error as error:
        raise Unavailable("The database", " ".join(str(error).split())) from error
    assert row is not None, "a SELECT without FROM gives one row"
    return ServerFacts(*row)


def concerns(facts: ServerFacts) -> tuple[str, ...]:
    """Say what is unsafe about a server, a sentence each; an empty tuple if nothing is.

    Raises:
        Unavailable: it is older than `MAJOR_MIN`.
    """
    if facts.major < MAJOR_MIN:
        raise Unavailable(
            "The database",
            f"PostgreSQL {MAJOR_MIN} or newer is needed, and this is version {facts.major}. Upgrade it, "
            "or unset DATABASE_URL to use the server that comes with Hindsight.",
        )
    checks = (
        (facts.fsync, "fsync is off: a power failure may destroy the whole database. Set fsync = on."),
        (
            facts.synchronous_commit != "off",
            "synchronous_commit is off: a crash loses commits whose orders have left. Set synchronous_commit = on.",
        ),
        (
            facts.full_page_writes,
            "full_page_writes is off: a power failure may leave half-written pages. Set full_page_writes = on.",
        ),
        (
            facts.data_checksums,
            "data checksums are off: a failing disk is not noticed. Stop it and run `pg_checksums --enable`.",
        ),
    )
    return tuple(sentence for safe, sentence in checks if not safe)
