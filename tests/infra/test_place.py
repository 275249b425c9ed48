"""What is read from, and decided about, the files of a server that is not there."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Ping

from domain.errors import InvalidInput
from infra.postgres.server.place import (
    SOCKET_NAME,
    SOCKET_PATH_BYTES_MAX,
    Place,
    Postmaster,
    make_socket_directory,
    ping,
    read_postmaster,
    url,
)
from infra.postgres.server.run_as import RunAs


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place.of(tmp_path)
    place.data.mkdir(parents=True)
    return place


def write_pid_file(place: Place, *lines: str) -> None:
    (place.data / "postmaster.pid").write_text("\n".join(lines) + "\n")


def test_a_url_carries_any_directory_to_libpq() -> None:
    directory = Path("/tmp/50% off/größer & more?x=1#y")
    assert conninfo_to_dict(url(directory))["host"] == str(directory)
    assert parse_qs(urlsplit(url(directory)).query)["host"] == [str(directory)]


def test_a_pid_file_names_the_server_and_its_socket(place: Place) -> None:
    write_pid_file(place, "42", str(place.data), "1700000000", "5432", "/somewhere", "", "1 2", "ready")
    assert read_postmaster(place) == Postmaster(42, Path("/somewhere"))


@pytest.mark.parametrize(
    "lines",
    [
        ("42",),
        ("42", "{data}", "1700000000", "5432", ""),
        ("42", "/elsewhere", "1700000000", "5432", "/somewhere"),
        ("nonsense", "{data}", "1700000000", "5432", "/somewhere"),
    ],
    ids=["unfinished", "no socket", "copied", "damaged"],
)
def test_a_pid_file_that_tells_nothing_is_no_server(place: Place, lines: tuple[str, ...]) -> None:
    write_pid_file(place, *(line.format(data=place.data) for line in lines))
    assert read_postmaster(place) is None


def test_no_pid_file_is_no_server(place: Place) -> None:
    assert read_postmaster(place) is None


def test_a_socket_that_nobody_listens_on_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).touch()
    assert ping(Postmaster(os.getpid(), tmp_path)) is Ping.NO_RESPONSE


def test_a_socket_lies_under_home_if_its_path_fits() -> None:
    place = Place(Path(f"/tmp/hs-{os.getpid()}"))
    place.base.mkdir(parents=True)
    try:
        assert make_socket_directory(place, RunAs()) == place.base / "socket"
    finally:
        (place.base / "socket").rmdir()
        place.base.rmdir()
        place.home.rmdir()


@pytest.mark.parametrize("name", ["x" * SOCKET_PATH_BYTES_MAX, "a,b", "a'b"])
def test_a_socket_that_does_not_fit_goes_to_a_private_directory(tmp_path: Path, name: str) -> None:
    directory = make_socket_directory(Place(tmp_path / name), RunAs())
    try:
        assert len(os.fsencode(directory / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
        assert directory.stat().st_mode & 0o777 == 0o700
        assert make_socket_directory(Place(tmp_path / name), RunAs()) == directory
    finally:
        directory.rmdir()


def test_two_long_homes_get_two_directories(tmp_path: Path) -> None:
    made = [make_socket_directory(Place(tmp_path / (letter * 200)), RunAs()) for letter in "ab"]
    for directory in made:
        directory.rmdir()
    assert made[0] != made[1]


def test_a_link_that_waits_in_the_temporary_directory_is_not_followed(tmp_path: Path) -> None:
    place = Place(tmp_path / ("x" * 200))
    directory = make_socket_directory(place, RunAs())
    directory.rmdir()
    directory.symlink_to(tmp_path)
    try:
        with pytest.raises(InvalidInput, match="somebody else made"):
            make_socket_directory(place, RunAs())
    finally:
        directory.unlink()
