"""Whom PostgreSQL's programs run as.

They refuse to run as root. So root runs them in a user namespace of their own, where root has another number: the files
stay root's, and nobody's permissions change. Where user namespaces are switched off (most containers), root lends our
directory, and nothing above it, to an unprivileged account. Everybody else runs them as himself.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from domain.errors import InvalidInput, Unavailable
from infra.stopping import heed

STAND_INS = ("postgres", "nobody")  # in this order: a machine that has `postgres` keeps it apart from other services
PROGRAM_SECONDS_MAX = 120
PROBE_SECONDS_MAX = 10
STOP_LOOK_SECONDS = 0.05
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")  # the rest of our environment holds keys, and PG… variables mislead


class RunAs(msgspec.Struct, frozen=True):
    """How to run a program: behind `prefix`, as user `uid` and group `gid` (None: as we are)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(
        self,
        *command: str | Path,
        output: int = subprocess.DEVNULL,
        keep: Sequence[int] = (),
        stop: threading.Event | None = None,
    ) -> int:
        """Run `command` to its end, away from our terminal; stdout and stderr go to the descriptor `output`.

        The descriptors in `keep` stay open in it. Returns the exit code.

        Raises:
            Unavailable: it can't be started, or takes more than `PROGRAM_SECONDS_MAX`.
            Stopped: `stop` was set. It is killed then, with all that it started.
        """
        try:
            with subprocess.Popen(  # noqa: S603 - no shell reads it, and only our own callers choose it
                [*self.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=tuple(keep),
                cwd="/",
                env=_environment(),
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.gid is None else [],
                umask=0o077,
                start_new_session=True,  # or Ctrl-C in our terminal would end the server before its last commit
            ) as process:
                return _ended(process, stop)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable("PostgreSQL", f"{command[0]} could not be run ({error}).") from error

    def adopt(self, path: Path) -> None:
        """Give a file or directory that we made to the one whom programs run as."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def require_owner(directory: Path) -> None:
    """Check that `directory` is ours, or one that root lends to an unprivileged account.

    Raises:
        InvalidInput: it belongs to somebody else.
    """
    owner, me = directory.stat().st_uid, os.geteuid()
    lent = {entry.pw_uid for entry in _stand_ins()} if me == 0 else set[int]()
    if owner != me and owner not in lent:
        raise InvalidInput(
            str(directory),
            f"a directory of {name_of(me)}",
            f"one that belongs to {name_of(owner)}",
            f"Run as {name_of(owner)}, or choose another --home.",
        )


def choose(directory: Path, *, namespaces: bool | None = None) -> RunAs:
    """Choose whom a server runs as in `directory`, which is ours; `namespaces` says whether root may make them.

    Raises:
        Unavailable: we are root, and there is no way to give up that right here.
    """
    if os.geteuid() != 0:
        return RunAs()
    owner = directory.stat().st_uid
    stand_ins = _stand_ins()
    if not stand_ins:
        raise Unavailable("PostgreSQL", f"it refuses to run as root, and this machine has no account {STAND_INS}.")
    for stand_in in stand_ins:
        if stand_in.pw_uid == owner:
            return RunAs(uid=stand_in.pw_uid, gid=stand_in.pw_gid)
    stand_in = stand_ins[0]
    prefix = ("unshare", "--user", f"--map-user={stand_in.pw_uid}", "--")
    if _works(prefix) if namespaces is None else namespaces:
        return RunAs(prefix=prefix)
    if (directory / "data").exists():
        raise Unavailable(
            f"PostgreSQL in {directory}",
            "its files are root's, it refuses to run as root, and user namespaces are switched off here. "
            f"Type `chown -R {stand_in.pw_name} {directory}`, or choose another --home.",
        )
    return RunAs(uid=stand_in.pw_uid, gid=stand_in.pw_gid)


def require_reach(run_as: RunAs, directory: Path, program: Path) -> None:
    """Check that the unprivileged account can get to `directory`, before it is lent, and run `program`.

    Raises:
        Unavailable: it can't, since a directory above is closed to it.
    """
    if run_as.uid is None:
        return
    name = pwd.getpwuid(run_as.uid).pw_name
    probes = (
        (directory.parent, 'test -x "$1"', "Choose a --home that it can enter, such as one under /var/lib,"),
        (program, '"$1" --version', "Install Hindsight where every user can read it,"),
    )
    for path, script, remedy in probes:
        if run_as.run("/bin/sh", "-c", script, "sh", path) != 0:
            raise Unavailable(
                f"PostgreSQL in {directory}",
                f"it refuses to run as root, and the account {name!r} that stands in can't reach {path}. "
                f"{remedy} run as a normal user, or set DATABASE_URL.",
            )


def name_of(uid: int) -> str:
    """Name a user for a sentence: `root`, or `user 1000` if the machine knows no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _stand_ins() -> list[pwd.struct_passwd]:
    # initdb asks for its user's name, so a bare number will not do
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return [known[name] for name in STAND_INS if name in known]


@cache
def _works(prefix: tuple[str, ...]) -> bool:
    try:
        probe = subprocess.run(  # noqa: S603 - a constant and a number
            [*prefix, "true"], capture_output=True, timeout=PROBE_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _ended(process: subprocess.Popen[bytes], stop: threading.Event | None) -> int:
    """Wait for a program's end and give its exit code; whatever else ends the waiting ends it and its children."""
    deadline = time.monotonic() + PROGRAM_SECONDS_MAX
    try:
        while True:
            heed(stop)
            try:
                return process.wait(STOP_LOOK_SECONDS if stop else PROGRAM_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    raise
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it has a session, so a group, of its own
        raise


def _environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, **passed_on, "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
