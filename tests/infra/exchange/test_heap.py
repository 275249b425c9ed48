"""The heap setting: it is taken where there is a glibc, and harmless elsewhere."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy
from infra.exchange.heap import keep_freed_memory
print(keep_freed_memory())
numpy.ones(200_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    numpy.ones(200_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_arrays_are_used_again_without_asking_the_system() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "True"
    assert int(said[1]) < 2_000  # 200 arrays of 1.6 MB are 78,000 pages
