"""Root, a normal user, and both on one machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from domain.errors import InvalidInput, Unavailable
from infra.postgres import embedded
from infra.postgres.server import binaries, run_as
from infra.postgres.server.place import Place, read_postmaster
from infra.postgres.server.run_as import RunAs

PROJECT = Path(__file__).parents[2]
SECONDS_MAX = 60
STRANGER = 4_000_000  # nobody's number

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can enter: pytest's own is closed."""
    directory = Path(tempfile.mkdtemp(prefix="hindsight-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def stand_in() -> pwd.struct_passwd:
    known = [entry.pw_name for entry in pwd.getpwall()]
    return pwd.getpwnam(next(name for name in run_as.STAND_INS if name in known))


def as_normal_user(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `script` as `nobody`, with our modules already imported: Python itself may lie where only root can read."""
    nobody = pwd.getpwnam("nobody")
    postgres = binaries.find().postgres
    if RunAs(uid=nobody.pw_uid, gid=nobody.pw_gid).run("/bin/sh", "-c", '"$1" --version', "sh", postgres) != 0:
        pytest.skip(f"nobody can't run {postgres}")
    prelude = (
        "import os, sys, psycopg\n"
        "from pathlib import Path\n"
        "from domain.errors import HindsightError\n"
        "from infra.postgres import embedded\n"
        "home = Path(sys.argv[1])\n"
        f"os.setgroups([]), os.setgid({nobody.pw_gid}), os.setuid({nobody.pw_uid})\n"
    )
    return subprocess.run(
        [sys.executable, "-c", prelude + script, str(home)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


@only_root
def test_root_keeps_its_files_where_user_namespaces_work(tmp_path: Path) -> None:
    if not run_as.choose(tmp_path).prefix:
        pytest.skip("user namespaces are switched off here")
    with embedded.running(tmp_path) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    owners = {path.stat().st_uid for path in tmp_path.rglob("*")}
    assert owners == {0}


@only_root
def test_root_lends_its_directory_where_they_do_not(open_directory: Path) -> None:
    account = stand_in()
    base = open_directory / "postgres"
    base.mkdir(mode=0o700)
    try:
        run_as.require_reach(RunAs(uid=account.pw_uid, gid=account.pw_gid), base, binaries.find().postgres)
    except Unavailable as error:
        pytest.skip(f"a virtual environment that only root can enter: {error}")
    os.chown(base, account.pw_uid, account.pw_gid)  # as an earlier start without namespaces left it
    for _ in ("made", "found"):
        with embedded.running(open_directory) as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            found = read_postmaster(Place.of(open_directory))
            assert found is not None
            assert Path(f"/proc/{found.pid}").stat().st_uid == account.pw_uid
    assert open_directory.stat().st_uid == 0


@only_root
def test_without_namespaces_root_chooses_an_account(tmp_path: Path) -> None:
    assert run_as.choose(tmp_path, namespaces=False) == RunAs(uid=stand_in().pw_uid, gid=stand_in().pw_gid)


@only_root
def test_without_namespaces_the_files_of_root_need_a_new_owner_first(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(Unavailable, match=rf"chown -R {stand_in().pw_name} {tmp_path}"):
        run_as.choose(tmp_path, namespaces=False)


@only_root
def test_an_account_that_can_not_get_there_is_told_what_to_do(open_directory: Path) -> None:
    open_directory.chmod(0o700)
    account = run_as.choose(open_directory, namespaces=False)
    with pytest.raises(Unavailable, match=r"can't reach .* Choose a --home that it can enter"):
        run_as.require_reach(account, open_directory / "postgres", binaries.find().postgres)


@only_root
def test_a_normal_user_needs_nothing_of_root(open_directory: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(open_directory, nobody.pw_uid, nobody.pw_gid)
    answer = as_normal_user(
        "with embedded.running(home) as url, psycopg.connect(url) as connection:\n"
        "    print(connection.execute('SELECT 41 + 1').fetchone()[0])",
        open_directory,
    )
    assert (answer.stdout, answer.stderr) == ("42\n", "")


@only_root
def test_a_normal_user_is_told_who_owns_a_home(open_directory: Path) -> None:
    (open_directory / "postgres").mkdir(mode=0o700)
    script = "try:\n    embedded.start(home)\nexcept HindsightError as error:\n    print(error)"
    assert "found one that belongs to root. Run as root" in as_normal_user(script, open_directory).stdout


@only_root
def test_a_home_that_a_normal_user_may_not_write_to_is_refused(open_directory: Path) -> None:
    script = "try:\n    embedded.start(home)\nexcept HindsightError as error:\n    print(error)"
    answer = as_normal_user(script, open_directory)
    assert "Permission denied (it belongs to root)" in answer.stdout


@only_root
def test_root_does_not_take_the_home_of_somebody_else(tmp_path: Path) -> None:
    base = tmp_path / "postgres"
    base.mkdir()
    os.chown(base, STRANGER, STRANGER)
    with pytest.raises(InvalidInput, match=f"found one that belongs to user {STRANGER}"):
        embedded.start(tmp_path)


def test_a_program_that_can_not_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no such program"):
        RunAs().run(tmp_path / "no such program")


def test_a_program_gets_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "hush")
    with (tmp_path / "seen").open("w+b") as seen:
        assert RunAs().run("/usr/bin/env", output=seen.fileno()) == 0
        seen.seek(0)
        assert b"hush" not in seen.read()
