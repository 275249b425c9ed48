"""The data directory of an embedded server: making it, setting it up, and the reasons not to use it."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

from domain.errors import InvalidInput, Unavailable
from infra.postgres.server.binaries import Binaries
from infra.postgres.server.place import PORT, USER, Place
from infra.postgres.server.run_as import RunAs, name_of, require_owner
from infra.postgres.server.server_log import last_words
from infra.stopping import Stopped

FREE_BYTES_MIN = 512 << 20  # without space for WAL PostgreSQL stops in mid-run; this leaves time to make room
SHARED_MEMORY_BYTES_MIN = 256 << 20  # containers often have 64 MB, which one parallel query fills
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's name for it


def prepare(place: Place) -> None:
    """Make our own directory under home, closed to everybody else.

    Raises:
        InvalidInput: home is not a directory, can't be written to, or is somebody else's.
    """
    try:
        place.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_owner(place.base)
        if not os.access(place.base, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place.base))
    except OSError as error:
        raise InvalidInput(
            f"--home {place.home}",
            "a directory that can be written to",
            f"{error.filename}: {error.strerror}{_owner_of(place.home)}",
            "Choose another --home, or set DATABASE_URL.",
        ) from error


def require_space(directory: Path, bytes_min: int = FREE_BYTES_MIN) -> None:
    """Check that the disk under `directory` has at least `bytes_min` bytes free.

    Raises:
        Unavailable: it has not.
    """
    free = shutil.disk_usage(directory).free
    if free < bytes_min:
        raise Unavailable(
            f"PostgreSQL in {directory}",
            f"it needs {bytes_min >> 20} MB of free disk, and there are {free >> 20} MB. "
            "Make room, or choose a --home on another disk.",
        )


def require_major(data: Path, major: int) -> None:
    """Check that a data directory was made by PostgreSQL `major`: no other version can read it.

    Raises:
        InvalidInput: it was not.
    """
    mark = data / "PG_VERSION"
    found = mark.read_text().strip() if mark.exists() else ""
    if found != str(major):
        raise InvalidInput(
            str(data),
            f"a data directory of PostgreSQL {major}",
            f"one of PostgreSQL {found}" if found else "one without the file PG_VERSION",
            "Start it with its own version, save it there with `pg_dump` and load that into a new --home; "
            "or choose another --home.",
        )


def initialise(place: Place, binaries: Binaries, run_as: RunAs, keep: int, stop: threading.Event | None = None) -> None:
    """Make the data directory, all or nothing. initdb inherits the descriptor `keep`.

    Raises:
        Unavailable: initdb failed.
        Stopped: `stop` was set before it was done.
    """
    unfinished = place.base / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    try:
        code, why = _initdb(place, binaries, run_as, unfinished, keep, stop)
    except Stopped:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    if code != 0:
        raise Unavailable(f"PostgreSQL in {place.base}", f"initdb gave up: {why}. See {place.log}.")
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write("\ninclude = 'hindsight.conf'\n")
        configuration.flush()
        os.fsync(configuration.fileno())
    unfinished.rename(place.data)
    _sync_directory(place.base)


def _initdb(
    place: Place, binaries: Binaries, run_as: RunAs, directory: Path, keep: int, stop: threading.Event | None
) -> tuple[int, str]:
    """Run initdb; give its exit code and what it said last."""
    with place.log.open("ab") as log:
        offset = log.tell()
        code = run_as.run(
            binaries.initdb,
            f"--pgdata={directory}",
            f"--username={USER}",
            "--auth-local=trust",  # whoever gets through a 0700 directory is us
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
            "--no-instructions",
            output=log.fileno(),
            keep=(keep,),
            stop=stop,
        )
    return code, last_words(place.log, offset)


def configure(place: Place, run_as: RunAs, socket_directory: Path) -> None:
    """Write the settings that are ours; before every start, so that a newer Hindsight brings its own along."""
    settings = [f"{name} = '{value}'\n" for name, value in _settings(socket_directory).items()]
    unfinished = place.data / "hindsight.conf.new"
    unfinished.write_text("# Hindsight writes this file anew before every start.\n" + "".join(settings))
    run_as.adopt(unfinished)
    unfinished.rename(place.data / "hindsight.conf")


def shared_memory_type(directory: Path = SHARED_MEMORY) -> str:
    """Where parallel queries share memory: files of the data directory if `directory` is missing, closed or small."""
    roomy = os.access(directory, os.W_OK) and shutil.disk_usage(directory).total >= SHARED_MEMORY_BYTES_MIN
    return "posix" if roomy else "mmap"


def _settings(socket_directory: Path) -> dict[str, str]:
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
        "max_connections": "50",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_compression": "on",
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "shared_buffers": "128MB",
        "huge_pages": "off",  # in a container that sees pages which it may not use, SIGBUS is the answer
        "dynamic_shared_memory_type": shared_memory_type(),
        "max_logical_replication_workers": "0",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] ",
        "log_min_messages": "log",  # an error goes to the client that caused it; here it would only fill the disk
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "-1",
    }


def _owner_of(directory: Path) -> str:
    try:
        return f" (it belongs to {name_of(directory.stat().st_uid)})"
    except OSError:
        return ""


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
