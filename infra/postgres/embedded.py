"""A real PostgreSQL under `--home`, for a user who has no server of his own.

Only the programs come from a wheel (`server/binaries.py`); initdb, start and stop are ours. What can be trusted about a
server that may have been killed at any instruction is little: `postmaster.pid` outlives it, and its pid may be
another program's by now. So we rest on two things that can't outlive it, the answer to a ping and three file locks:

- `server.lock` is inherited by the server and all of its processes (initdb's too). While it is held and nobody answers,
  a server starts, recovers, or its last processes finish: we wait. Once it is free, no server lives here, and
  what one left behind may be removed.
- `start.lock` is held while starting or stopping, so that two runs at once make one server.
- `users.lock` is shared by all who use the server; the last to leave stops it. A user that is killed leaves
  at that moment, and the server stays up until another run finds it, uses it and leaves.

Nobody but us would start it again if it dies (the kernel kills the largest process when memory runs out): whoever
uses it for long keeps it up with `kept`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.pq import Ping

from domain.errors import HindsightError, Unavailable
from infra.postgres.server import binaries, cluster, locks, run_as, server_log
from infra.postgres.server.place import (
    DATABASE,
    Place,
    Postmaster,
    forget_postmaster,
    make_socket_directory,
    ping,
    read_postmaster,
    url,
)
from infra.stopping import Stopped, heed

RECOVERY_SECONDS_MAX = 120
START_SECONDS_MAX = 300  # initdb and a recovery, one after the other, on a slow disk
STOP_SECONDS_MAX = 60
KILL_SECONDS_MAX = 10
BREAK_OFF_SECONDS_MAX = 2
LOOK_SECONDS = 0.5
LOOK_SECONDS_MAX = 10
POLL_SECONDS = 0.02

# The locks of those who called `start`: they use the server until they call `stop`, or end.
_started: dict[Path, int] = {}


def start(home: Path) -> str:
    """Start the server under `home`, or find it running, and use it until `stop` or the end of this process.

    The first call makes the data directory. The server outlives this process; the next run finds it.

    Returns:
        A libpq connection URL of the database `hindsight`.

    Raises:
        InvalidInput: `home` can't be used (another major version, another owner, not writable).
        Unavailable: the server can't be had (not installed, disk nearly full, no answer in time).
    """
    place = Place.of(home)
    user, address = _enter(place)
    if _started.setdefault(place.home, user) != user:
        os.close(user)
    return address


@contextmanager
def running(home: Path, stop: threading.Event | None = None) -> Generator[str]:
    """Use the server under `home` for a while; the last user stops it. Gives and raises what `start` does.

    `stop` may be set while it is made and started: then `Stopped` is raised, and nothing is left that runs.
    """
    place = Place.of(home)
    user, address = _enter(place, stop)
    try:
        yield address
    finally:
        with locks.held(place.start_lock, START_SECONDS_MAX):
            os.close(user)
            if locks.is_free(place.users_lock):
                _shut_down(place)


@contextmanager
def kept(home: Path, stop: threading.Event | None = None) -> Generator[str]:
    """Use the server under `home` as `running` does, and start it again, at the same URL, whenever it dies meanwhile.

    What was committed is there again. While it can't be started, that is tried again, with growing pauses.
    """
    with running(home, stop) as address:
        ended = threading.Event()
        keeper = threading.Thread(target=_keep_up, args=(Place.of(home), ended), name="server-keeper", daemon=True)
        keeper.start()
        try:
            yield address
        finally:
            ended.set()
            keeper.join()


def _keep_up(place: Place, ended: threading.Event) -> None:
    """Look for a server that died until `ended` is set."""
    pause = LOOK_SECONDS
    while not ended.wait(pause):
        if not locks.is_free(place.server_lock):
            continue
        try:
            with locks.held(place.start_lock, START_SECONDS_MAX, ended):
                _ensure_running(place, ended)
            pause = LOOK_SECONDS
        except Stopped:
            return
        except (HindsightError, OSError):  # who writes finds the store lost, and says so until it is back
            pause = min(2 * pause, LOOK_SECONDS_MAX)


def stop(home: Path) -> None:
    """Stop the server under `home`, whoever uses it; sessions end, transactions in progress roll back.

    Without a server, or without `home`, nothing happens.

    Raises:
        InvalidInput: `home` belongs to somebody else.
        Unavailable: it did not end in time.
    """
    place = Place.of(home)
    if not os.access(place.base, os.F_OK):
        return
    run_as.require_owner(place.base)
    with locks.held(place.start_lock, START_SECONDS_MAX):
        if (user := _started.pop(place.home, None)) is not None:
            os.close(user)
        _shut_down(place)


def is_running(home: Path) -> bool:
    """True if a server under `home` takes connections at this moment."""
    found = read_postmaster(Place.of(home))
    return found is not None and ping(found) is Ping.OK


def _enter(place: Place, stop: threading.Event | None = None) -> tuple[int, str]:
    """Become a user of the server, which is started if need be: the lock that says so, and the URL."""
    cluster.prepare(place)
    with locks.held(place.start_lock, START_SECONDS_MAX, stop):
        user = locks.take(place.users_lock, shared=True)
        assert user is not None, "nobody takes users.lock alone without start.lock"
        try:
            return user, _ensure_running(place, stop)
        except BaseException as error:
            os.close(user)
            if isinstance(error, Stopped | KeyboardInterrupt) and locks.is_free(place.users_lock):
                _break_off(place)
            raise


def _ensure_running(place: Place, stop: threading.Event | None) -> str:
    server_log.trim(place.log)
    postmaster = _settle(place, stop) or _launch(place, stop)
    _ensure_database(postmaster)
    heed(stop)
    return url(postmaster.socket_directory)


def _settle(place: Place, stop: threading.Event | None = None) -> Postmaster | None:
    """Wait until the server answers, which gives it, or is gone."""
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while True:
        found = read_postmaster(place)
        answer = ping(found) if found else Ping.NO_RESPONSE
        if answer is Ping.OK:
            return found
        if answer is not Ping.REJECT and locks.is_free(place.server_lock):
            return None
        heed(stop)
        if time.monotonic() > deadline:
            what = (
                "it is still recovering"
                if answer is Ping.REJECT
                else "processes of a server that does not answer still hold it"
            )
            raise Unavailable(
                f"PostgreSQL in {place.base}",
                f"after {RECOVERY_SECONDS_MAX} seconds {what}. Try again later, and see {place.log}.",
                retry_after_ms=RECOVERY_SECONDS_MAX * 1000,
            )
        time.sleep(POLL_SECONDS)


def _launch(place: Place, stop: threading.Event | None) -> Postmaster:
    """Start a server where none lives, making its data directory if there is none."""
    programs = binaries.find()
    cluster.require_space(place.base)
    runner = run_as.choose(place.base)
    run_as.require_reach(runner, place.base, programs.postgres)
    runner.adopt(place.base)
    with locks.held(place.server_lock, START_SECONDS_MAX) as lock:
        if not place.data.exists():
            cluster.initialise(place, programs, runner, keep=lock, stop=stop)
        cluster.require_major(place.data, programs.major)
        socket_directory = make_socket_directory(place, runner)
        forget_postmaster(place, socket_directory)
        cluster.configure(place, runner, socket_directory)
        heed(stop)
        with place.log.open("ab") as output:
            offset = output.tell()
            # the shell ends at once, so that the server is nobody's child and never a zombie of ours
            detach = ("/bin/sh", "-c", '"$@" &', "sh", programs.postgres, "-D", place.data)
            runner.run(*detach, output=output.fileno(), keep=(lock,))
    postmaster = _settle(place, stop)
    if postmaster is None:
        why = server_log.last_words(place.log, offset)
        raise Unavailable(f"PostgreSQL in {place.base}", f"it gave up while starting: {why}. See {place.log}.")
    return postmaster


def _ensure_database(postmaster: Postmaster) -> None:
    try:
        with psycopg.connect(url(postmaster.socket_directory, "postgres"), autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.Error as error:
        raise Unavailable(f"PostgreSQL in {postmaster.socket_directory}", " ".join(str(error).split())) from error


def _shut_down(place: Place) -> None:
    found = _settle(place)
    if found is None:
        return
    # the second one is the immediate shutdown: nothing is lost, the next start recovers
    for signal_number, seconds_max in ((signal.SIGINT, STOP_SECONDS_MAX), (signal.SIGQUIT, KILL_SECONDS_MAX)):
        if ping(found) is not Ping.NO_RESPONSE:  # it answers, so the pid is still its own
            with suppress(ProcessLookupError):
                os.kill(found.pid, signal_number)
        if _ends(place, found, seconds_max):
            break
    else:
        raise Unavailable(f"PostgreSQL in {place.base}", f"its process {found.pid} does not end. See {place.log}.")
    if found.socket_directory.parent != place.base:
        with suppress(OSError):
            found.socket_directory.rmdir()


def _break_off(place: Place) -> None:
    """End a server that starts for nobody any more. What does not end soon is left: the next run finds and uses it."""
    deadline = time.monotonic() + BREAK_OFF_SECONDS_MAX
    told = False
    while not locks.is_free(place.server_lock) and time.monotonic() < deadline:
        found = read_postmaster(place)
        if not told and found is not None and ping(found) is not Ping.NO_RESPONSE:
            with suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGINT)
            told = True
        time.sleep(POLL_SECONDS)


def _ends(place: Place, postmaster: Postmaster, seconds_max: float) -> bool:
    deadline = time.monotonic() + seconds_max
    while not (locks.is_free(place.server_lock) and ping(postmaster) is Ping.NO_RESPONSE):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
