"""An export that is killed, for real and at any moment, goes on as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import Desk, contents, findings, history

CHILD = """
import os, signal, sys
from pathlib import Path
from bundles import Desk, history

def die(done, _total):
    if done >= int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Desk(Path(sys.argv[1])).make(events=history(20_000), csv=True, part=1, progress=die)
"""


@pytest.mark.parametrize("at", [8_192, 16_384, 20_500, 35_000])
def test_an_export_that_was_killed_is_taken_up_again_and_ends_with_the_same_bytes(tmp_path: Path, at: int) -> None:
    desk = Desk(tmp_path / "desk")
    fingerprint = desk.key.fingerprint
    path = os.pathsep.join(str(Path(__file__).parents[n]) for n in (0, 1, 2))
    environment = {**os.environ, "PYTHONPATH": path}
    killed = subprocess.run([sys.executable, "-c", CHILD, str(desk.place), str(at)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (desk.place / "bundle").exists()
    assert not (desk.place / "bundle.partial" / "bundle" / "tree_head.json").exists()

    made = desk.export(events=history(20_000), csv=True)
    assert made.resumed_at >= min(at, made.events) // 8_192 * 8_192
    assert not findings(desk.place / "bundle", key=fingerprint)
    assert contents(desk.place / "bundle") == contents(desk.make("quiet", events=history(20_000), csv=True))
