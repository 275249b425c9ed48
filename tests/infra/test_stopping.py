"""A wish to stop while something is made ready: it ends soon, nothing goes on running, the next start works."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from infra.postgres import embedded
from infra.postgres.server import locks
from infra.postgres.server.place import Place, read_postmaster
from infra.stopping import Stopped, heed, unless_stopped

PROJECT = Path(__file__).parents[2]
SOON_S = 5.0
WAIT_S = 60.0

Moment = Callable[[Place], bool]
MOMENTS: dict[str, Moment] = {
    "while the data directory is made": lambda place: (place.base / "data.new" / "PG_VERSION").exists(),
    "when it is there": lambda place: place.data.exists(),
    "while the server starts": lambda place: read_postmaster(place) is not None,
}


def reached(moment: Moment, place: Place) -> None:
    pause, deadline = threading.Event(), time.monotonic() + WAIT_S
    while not moment(place):
        assert time.monotonic() < deadline
        pause.wait(0.002)


def works(home: Path) -> bool:
    try:
        with embedded.running(home):
            return embedded.is_running(home)
    finally:
        embedded.stop(home)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_stop_while_postgresql_is_made_ends_it_at_once_and_the_next_start_works(
    moment: Moment, tmp_path: Path
) -> None:
    place, stop = Place.of(tmp_path / "home"), threading.Event()
    asked_at: list[float] = []

    def ask() -> None:
        reached(moment, place)
        asked_at.append(time.monotonic())
        stop.set()

    asking = threading.Thread(target=ask)
    asking.start()
    with suppress(Stopped), embedded.running(place.home, stop):
        stop.wait(WAIT_S)  # it was up before the wish was seen
    assert time.monotonic() - asked_at[0] < SOON_S
    asking.join()
    assert locks.is_free(place.server_lock), "nothing goes on running"
    assert not (place.base / "data.new").exists()
    assert works(place.home)


def test_who_waits_for_another_s_start_can_be_stopped_too(tmp_path: Path) -> None:
    place, stop = Place.of(tmp_path), threading.Event()
    place.base.mkdir(mode=0o700)
    stop.set()
    with locks.held(place.start_lock, 1.0), pytest.raises(Stopped), embedded.running(tmp_path, stop):
        raise AssertionError("somebody else starts it")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_dies_while_postgresql_is_made_leaves_what_the_next_one_can_use(
    number: signal.Signals, tmp_path: Path
) -> None:
    place = Place.of(tmp_path / "home")
    script = (
        "import sys; from pathlib import Path; from infra.postgres import embedded; embedded.start(Path(sys.argv[1]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(place.home)], cwd=PROJECT, stderr=subprocess.DEVNULL
    ) as process:
        reached(MOMENTS["while the data directory is made"], place)
        process.send_signal(number)
    assert not place.data.exists()
    assert works(place.home)
    assert not (place.base / "data.new").exists()


def test_work_goes_to_its_end_unless_it_shall_stop() -> None:
    stop = threading.Event()

    async def answer() -> int:
        return 7

    async def fail() -> int:
        raise ValueError("no")

    assert asyncio.run(unless_stopped(answer(), None)) == 7
    assert asyncio.run(unless_stopped(answer(), stop)) == 7
    with pytest.raises(ValueError, match="no"):
        asyncio.run(unless_stopped(fail(), stop))
    heed(stop)
    stop.set()
    with pytest.raises(Stopped):
        heed(stop)


def test_work_that_never_ends_is_cancelled_and_may_tidy_up() -> None:
    stop, tidied = threading.Event(), threading.Event()

    async def never() -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            tidied.set()

    with pytest.raises(Stopped):
        asyncio.run(unless_stopped(never(), stop))
    assert tidied.is_set()
