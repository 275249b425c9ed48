"""The program as a user starts it: a process of its own, with a clean environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("E2E_SEED", "20251"))
"""Where and when programs are killed. A failing test prints it."""
WAIT_S = 90.0
POLL_S = 0.02


class Ended(NamedTuple):
    """What is left of a process."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Give this process's environment without what would steer the program.

    The market is the one in process unless a test asks for another: it is quicker, and most tests are about the rest.
    """
    more = {"HINDSIGHT_MARKET__VENUE": "synthetic", **more}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HINDSIGHT_", "DATABASE_URL"))}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), **more}


class Running:
    """A process whose output goes to files, so that nobody has to read it while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self.process = process
        self._out, self._err = out, err
        self._began = time.monotonic()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def lives_for(self, seconds: float) -> bool:
        """Wait so long; false if it ended by itself meanwhile."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def comes_to(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until something holds, but not longer than so; it must not end before."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.lives_for(POLL_S), f"it ended by itself: {self.ended()}"
            if time.monotonic() > deadline:
                return False
        return True

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds."""
        assert self.comes_to(condition, WAIT_S), f"not within {WAIT_S:g} s: {self.said()}"

    def started(self) -> bool:
        """Whether it says that it runs."""
        return "Running" in self.said()

    def said(self) -> str:
        """Give what it wrote to standard error so far."""
        return Path(self._err.name).read_text("utf-8")

    def signal(self, number: signal.Signals, *, to_group: bool = False) -> Ended:
        """Send a signal, to all that it started too as a terminal does, and wait: `seconds` is how long that took."""
        self._began = time.monotonic()
        if to_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.ended()

    def kill9(self) -> None:
        """End it at this instruction."""
        self.process.kill()
        self.process.wait()

    def ended(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait(WAIT_S)
        return Ended(code, Path(self._out.name).read_text("utf-8"), self.said(), time.monotonic() - self._began)


@contextmanager
def python(*arguments: object, **more: str) -> Iterator[Running]:
    """Run Python with these arguments while the block runs, in a group of its own; `more` is its environment."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment(**more),
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield Running(process, out, err)
        finally:
            process.kill()
            process.wait()


@contextmanager
def running(*arguments: object, **more: str) -> Iterator[Running]:
    """Run `run.py` with these arguments while the block runs."""
    with python(ROOT / "run.py", *arguments, **more) as process:
        yield process


def run(*arguments: object, **more: str) -> Ended:
    """Run `run.py` with these arguments to its end."""
    with running(*arguments, **more) as process:
        return process.ended()
