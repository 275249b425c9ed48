"""A server that was killed, raced for, copied or tampered with: what `start` promises all the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest

from domain.errors import InvalidInput, Unavailable
from infra.postgres import embedded
from infra.postgres.server import locks
from infra.postgres.server.place import PORT, SOCKET_NAME, Place, read_postmaster

PROJECT = Path(__file__).parents[2]
SECONDS_MAX = 60

Spawn: TypeAlias = Callable[[str, Path], subprocess.Popen[str]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose server was started, filled with one row and stopped. Tests copy it, since initdb is slow."""
    home = tmp_path_factory.mktemp("cluster")
    with embedded.running(home) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE facts (text text)")
        connection.execute("INSERT INTO facts VALUES ('committed')")
    return home


@pytest.fixture
def home(cluster: Path, tmp_path: Path) -> Iterator[Path]:
    """A home of one's own with a stopped server, stopped again at the end whatever became of it."""
    home = tmp_path / "home"
    shutil.copytree(cluster, home)
    yield home
    embedded.stop(home)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def facts(url: str) -> object:
    return ask(url, "SELECT string_agg(text, ',') FROM facts")


def started_at(url: str) -> object:
    return ask(url, "SELECT pg_postmaster_start_time()")


def postmaster_pid(home: Path) -> int:
    found = read_postmaster(Place.of(home))
    assert found is not None
    return found.pid


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start another process of ours, which knows `home`; none outlives the test."""
    prelude = "import sys\nfrom pathlib import Path\nfrom infra.postgres import embedded\nhome = Path(sys.argv[1])\n"
    spawned: list[subprocess.Popen[str]] = []

    def start(script: str, home: Path) -> subprocess.Popen[str]:
        spawned.append(
            subprocess.Popen(
                [sys.executable, "-c", prelude + script, str(home)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return spawned[-1]

    yield start
    for process in spawned:
        with process:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_started_server_answers_with_what_was_committed(home: Path) -> None:
    url = embedded.start(home)
    assert embedded.is_running(home)
    assert facts(url) == "committed"


def test_a_second_start_finds_the_first_server(home: Path) -> None:
    first = embedded.start(home)
    before = started_at(first)
    assert embedded.start(home) == first
    assert started_at(first) == before


def test_stopping_is_idempotent_and_needs_no_server(home: Path, tmp_path: Path) -> None:
    embedded.start(home)
    embedded.stop(home)
    assert not embedded.is_running(home)
    embedded.stop(home)
    embedded.stop(tmp_path / "never used")
    assert not (tmp_path / "never used").exists()


def test_a_server_that_is_kept_comes_back_by_itself_however_often_it_dies(home: Path) -> None:
    place = Place.of(home)
    with embedded.kept(home) as url:
        for _ in range(2):
            died = postmaster_pid(home)
            os.kill(died, signal.SIGKILL)
            assert within_seconds(lambda died=died: embedded.is_running(home) and postmaster_pid(home) != died)
            assert facts(url) == "committed"
    assert locks.is_free(place.server_lock)


def within_seconds(true: Callable[[], bool]) -> bool:
    deadline, tick = time.monotonic() + SECONDS_MAX, threading.Event()
    while not true():
        if time.monotonic() > deadline:
            return False
        tick.wait(0.05)
    return True


def test_a_stopped_server_starts_again(home: Path) -> None:
    embedded.start(home)
    embedded.stop(home)
    assert facts(embedded.start(home)) == "committed"


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_reused_pid_is_not_taken_for_a_running_server(home: Path, end: str) -> None:
    embedded.start(home)
    place = Place.of(home)
    pid_file = place.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    found = read_postmaster(place)
    assert found is not None
    if end == "stopped":
        embedded.stop(home)
    else:
        os.kill(found.pid, signal.SIGKILL)
        with locks.held(place.server_lock, SECONDS_MAX):
            pass
    socket = found.socket_directory
    socket.mkdir(exist_ok=True)
    ours = str(os.getpid())
    pid_file.write_text("\n".join([ours, *lines[1:]]) + "\n")
    (socket / f"{SOCKET_NAME}.lock").write_text("\n".join([ours, lines[1], lines[2], str(PORT), str(socket)]) + "\n")
    assert not embedded.is_running(home)
    assert facts(embedded.start(home)) == "committed"


def test_a_copied_home_does_not_lead_to_the_server_of_the_original(home: Path, tmp_path: Path) -> None:
    embedded.start(home)
    (tmp_path / "copy" / "postgres" / "data").mkdir(parents=True)
    pid_file = Path("postgres", "data", "postmaster.pid")
    shutil.copy(home / pid_file, tmp_path / "copy" / pid_file)
    assert embedded.is_running(home)
    assert not embedded.is_running(tmp_path / "copy")


def test_after_kill_9_a_start_recovers_what_was_committed(home: Path) -> None:
    url = embedded.start(home)
    connection = psycopg.connect(url)
    connection.execute("INSERT INTO facts VALUES ('just now')")
    connection.commit()
    connection.execute("INSERT INTO facts VALUES ('never committed')")
    os.kill(postmaster_pid(home), signal.SIGKILL)
    connection.close()
    assert facts(embedded.start(home)) == "committed,just now"


def test_a_start_waits_for_the_last_process_of_a_dead_server(home: Path) -> None:
    connection = psycopg.connect(embedded.start(home))
    orphan = connection.info.backend_pid
    os.kill(orphan, signal.SIGSTOP)
    os.kill(postmaster_pid(home), signal.SIGKILL)
    answers: list[object] = []
    starting = threading.Thread(target=lambda: answers.append(facts(embedded.start(home))))
    starting.start()
    try:
        starting.join(timeout=1)
        assert starting.is_alive(), "it did not wait"
    finally:
        os.kill(orphan, signal.SIGCONT)
        starting.join(timeout=SECONDS_MAX)
        connection.close()
    assert answers == ["committed"]


def test_two_starts_at_once_make_one_server(tmp_path: Path, spawn: Spawn) -> None:
    script = "print(embedded.start(home), flush=True)"
    racers = [spawn(script, tmp_path), spawn(script, tmp_path)]
    answers = [racer.communicate(timeout=SECONDS_MAX)[0].split() for racer in racers]
    try:
        assert answers[0] == answers[1]
        assert embedded.is_running(tmp_path)
        assert ask(answers[0][0], "SELECT current_database()") == "hindsight"
        assert not (tmp_path / "postgres" / "data.new").exists()
    finally:
        embedded.stop(tmp_path)


def test_an_interrupted_initdb_leaves_nothing_that_passes_for_a_data_directory(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.new"
    unfinished.mkdir(parents=True, mode=0o700)
    (unfinished / "PG_VERSION").write_text("18\n")
    with embedded.running(tmp_path) as url:
        assert ask(url, "SELECT 1") == 1
    assert not unfinished.exists()


def test_the_last_of_two_users_stops_the_server(home: Path) -> None:
    with embedded.running(home) as url:
        with embedded.running(home) as same:
            assert same == url
        assert embedded.is_running(home)
    assert not embedded.is_running(home)


def test_a_server_that_another_process_uses_is_not_stopped(home: Path, spawn: Spawn) -> None:
    other = spawn("with embedded.running(home) as url:\n    print(url, flush=True)\n    input()", home)
    url = first_line(other)
    with embedded.running(home) as same:
        assert same == url
    assert embedded.is_running(home)
    other.communicate("\n", timeout=SECONDS_MAX)
    assert not embedded.is_running(home)


def test_a_server_survives_its_killed_owner_and_is_found_by_the_next(home: Path, spawn: Spawn) -> None:
    owner = spawn("with embedded.running(home) as url:\n    print(url, flush=True)\n    input()", home)
    before = started_at(first_line(owner))
    owner.kill()
    owner.communicate(timeout=SECONDS_MAX)
    assert embedded.is_running(home)
    with embedded.running(home) as url:
        assert started_at(url) == before
    assert not embedded.is_running(home)


def test_a_failure_inside_the_block_stops_the_server_too(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), embedded.running(home):
        raise ZeroDivisionError
    assert not embedded.is_running(home)


def test_the_server_stands_outside_the_session_of_the_terminal(home: Path) -> None:
    embedded.start(home)
    pid = postmaster_pid(home)
    assert os.getsid(pid) != os.getsid(0)
    with pytest.raises(ChildProcessError):  # not our child: it can't become our zombie
        os.waitpid(pid, os.WNOHANG)


def test_nothing_is_printed_and_the_package_is_never_imported(home: Path, spawn: Spawn) -> None:
    script = (
        "with embedded.running(home): pass\nassert not [name for name in sys.modules if name.startswith('pixeltable')]"
    )
    process = spawn(script, home)
    output, _ = process.communicate(timeout=SECONDS_MAX)
    assert (process.returncode, output) == (0, "")


def test_there_is_no_tcp_port_and_the_socket_is_private(home: Path) -> None:
    url = embedded.start(home)
    assert ask(url, "SHOW listen_addresses") == ""
    found = read_postmaster(Place.of(home))
    assert found is not None
    assert found.socket_directory.stat().st_mode & 0o777 == 0o700
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700


def test_the_settings_are_written_anew_at_every_start(home: Path) -> None:
    (home / "postgres" / "data" / "hindsight.conf").write_text("fsync = off\n")
    assert ask(embedded.start(home), "SHOW fsync") == "on"


def test_the_database_is_utf8_in_byte_order_and_utc(home: Path) -> None:
    url = embedded.start(home)
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SELECT datcollate FROM pg_database WHERE datname = 'hindsight'") == "C"
    assert ask(url, "SHOW timezone") == "UTC"


@pytest.mark.parametrize("name", ["x" * 120, "a, b", 'it\'s "here"', "50% off", "größer"])
def test_any_path_may_be_a_home(cluster: Path, tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    shutil.copytree(cluster, home)
    with embedded.running(home) as url:
        assert facts(url) == "committed"
        found = read_postmaster(Place.of(home))
        assert found is not None
        assert found.socket_directory.stat().st_mode & 0o777 == 0o700
    assert found.socket_directory.parent == Place.of(home).base or not found.socket_directory.exists()


def test_a_relative_home_and_a_link_to_it_are_the_same(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = embedded.start(home)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(home)
    assert embedded.start(Path("home")) == url
    assert embedded.start(Path("link")) == url


def test_a_data_directory_of_another_major_version_is_refused(home: Path) -> None:
    (home / "postgres" / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(InvalidInput, match=r"expected .* PostgreSQL 18, found one of PostgreSQL 15"):
        embedded.start(home)
    assert not embedded.is_running(home)


def test_a_server_that_gives_up_says_why(home: Path) -> None:
    (home / "postgres" / "data" / "postgresql.auto.conf").write_text("work_mem = 'plenty'\n")
    with pytest.raises(Unavailable, match=r"configuration file .* contains errors.*postgres\.log"):
        embedded.start(home)


def test_a_home_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"expected a directory that can be written to, found .* Not a directory"):
        embedded.start(tmp_path / "file" / "home")
