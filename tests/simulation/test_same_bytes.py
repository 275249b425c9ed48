"""The same inputs give the same bytes in another process with another hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.restless import whole_run

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from tests.simulation.restless import whole_run; print(whole_run(3, 25))"


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_the_chain_does_not_depend_on_the_process(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == whole_run(3, 25)


def test_another_seed_is_another_history() -> None:
    assert whole_run(4, 3) != whole_run(5, 3)
