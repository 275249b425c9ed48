"""Where the files of an embedded server lie.

<home>/postgres/          0700, ours alone
    data/                 PostgreSQL's data directory; it appears by a rename, so it is always whole
    data.new/             one that is being made, or was when the power went
    socket/               0700; under the system's temporary directory if this path is unfit for a socket
    postgres.log          what the server says; `postgres.log.1` holds the end of what it said before
    start.lock users.lock server.lock          see `embedded.py`
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

import msgspec
from psycopg.pq import PGconn, Ping

from domain.errors import InvalidInput
from infra.postgres.server.run_as import RunAs

USER = DATABASE = "hindsight"
PORT = 5432  # only part of the socket's file name
SOCKET_NAME = f".s.PGSQL.{PORT}"
SOCKET_PATH_BYTES_MAX = 103  # what macOS allows; Linux has room for 107
UNFIT_FOR_SOCKET = frozenset(",\"'\\\n")  # libpq splits hosts at a comma; the rest would need quoting in the settings
PING_SECONDS_MAX = 5


class Place(msgspec.Struct, frozen=True):
    """Where the files of one server lie; `home` is absolute and free of symbolic links."""

    home: Path

    @classmethod
    def of(cls, home: Path) -> Place:
        """The place under any spelling of `home`, which need not exist."""
        return cls(home.expanduser().resolve())

    @property
    def base(self) -> Path:
        """The directory that is ours alone."""
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.base / "postgres.log"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts or stops the server."""
        return self.base / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all who use the server."""
        return self.base / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's own processes, and by initdb."""
        return self.base / "server.lock"


class Postmaster(msgspec.Struct, frozen=True):
    """What a server wrote about itself into `postmaster.pid`. It may be dead, and its pid another program's by now."""

    pid: int
    socket_directory: Path


def read_postmaster(place: Place) -> Postmaster | None:
    """Read `postmaster.pid`; None if there is none, if it is unfinished, or if it was copied from another directory."""
    try:
        lines = os.fsdecode((place.data / "postmaster.pid").read_bytes()).splitlines()
    except OSError:
        return None
    if len(lines) < 5 or not lines[0].isdecimal() or lines[1] != str(place.data) or not lines[4]:
        return None
    return Postmaster(int(lines[0]), Path(lines[4]))


def forget_postmaster(place: Place, socket_directory: Path) -> None:
    """Remove what a dead server left: PostgreSQL would not start while an unrelated process bears its pid.

    Only for a caller that knows that no server lives here.
    """
    for leftover in (
        place.data / "postmaster.pid",
        socket_directory / SOCKET_NAME,
        socket_directory / f"{SOCKET_NAME}.lock",
    ):
        leftover.unlink(missing_ok=True)


def ping(postmaster: Postmaster) -> Ping:
    """Ask a server whether it takes connections: OK, REJECT (it starts or stops), or NO_RESPONSE."""
    target = f"{url(postmaster.socket_directory, 'postgres')}&connect_timeout={PING_SECONDS_MAX}"
    return Ping(PGconn.ping(target.encode()))


def url(socket_directory: Path, database: str = DATABASE) -> str:
    """The libpq URL of a database behind the socket in that directory."""
    return f"postgresql://{USER}@/{database}?host={quote(os.fsencode(socket_directory), safe='')}&port={PORT}"


def make_socket_directory(place: Place, run_as: RunAs) -> Path:
    """Make the private directory of the socket, and give it to the account of the server.

    Raises:
        InvalidInput: somebody else was there first.
    """
    name = f"hindsight-{hashlib.sha256(os.fsencode(place.home)).hexdigest()[:16]}"
    choices = (place.base / "socket", Path(tempfile.gettempdir()) / name)
    directory = next((choice for choice in choices if _is_fit(choice)), Path("/tmp") / name)  # noqa: S108 - checked below
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), run_as.uid}:
        raise InvalidInput(
            str(directory),
            "a directory of our own for the socket",
            "one that somebody else made",
            "Remove it, or choose a shorter --home.",
        )
    directory.chmod(0o700)
    run_as.adopt(directory)
    return directory


def _is_fit(directory: Path) -> bool:
    path = directory / SOCKET_NAME
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX and UNFIT_FOR_SOCKET.isdisjoint(str(path))
