"""`export` and `verify`: events a second into an audit bundle, and through the verifier that lies in it.

`export` writes everything that a bundle has: lines, tables, proofs, signature. Its baseline reads the same rows and
does nothing. `verify` is the bundle's own `verify.py` in a process of its own, as an auditor runs it; its baseline
hashes the same bytes with SHA-256, in a process as well.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from infra.bench.context import BenchContext
from infra.bench.histories import SYMBOLS, analysed
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.bench.storing import Storage
from infra.export.bundle import export
from infra.export.plan import wish_for
from infra.export.signing import signing_key
from infra.export.source import PostgresSource, RunFacts
from infra.postgres.reader import PostgresReader

UNIT: Final = "events/s"
READ: Final = "a bare read of the same rows"
HASHED: Final = "bare SHA-256 of the same bytes"
_RUN: Final = RunFacts("bench", "backtest", "drawn")
_HASH: Final = """
import hashlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
"""


def bench_export(context: BenchContext) -> list[Measure]:
    """Measure an export against reading alone."""
    with _history(context) as (source, count, home):
        ours, bare = take_turns(
            context.rounds,
            lambda: rate(count, lambda: _exported(source, home)),
            lambda: rate(count, lambda: sum(1 for _ in source.stored(0, count))),
        )
    return [beside("export", ours, UNIT, READ, bare)]


def bench_verify(context: BenchContext) -> list[Measure]:
    """Measure the stand-alone verifier against hashing alone."""
    with _history(context) as (source, count, home), tempfile.TemporaryDirectory() as empty:
        bundle = _exported(source, home)
        verify = [sys.executable, "-I", str(bundle / "verify.py"), str(bundle)]
        hashed = [sys.executable, "-I", "-c", _HASH, str(bundle)]
        ours, bare = take_turns(
            context.rounds,
            lambda: rate(count, lambda: _run(verify, empty)),
            lambda: rate(count, lambda: _run(hashed, empty)),
        )
    return [beside("verify", ours, UNIT, HASHED, bare)]


@contextmanager
def _history(context: BenchContext) -> Generator[tuple[PostgresSource, int, Path]]:
    """Give a stored history of symbols that close candles and are analysed, its length, and a place for files."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hindsight-bench-")))
        tables = stack.enter_context(context.tables())
        with closing(Storage(context.url, tables)) as storage:
            storage.store(analysed(SYMBOLS, context.size(5_000, 10)))
        reader = stack.enter_context(PostgresReader(context.url, tables))
        source = stack.enter_context(PostgresSource(context.url, tables, reader))
        yield source, reader.head().seq, home


def _exported(source: PostgresSource, home: Path) -> Path:
    """Make a bundle in a directory of its own."""
    out = Path(tempfile.mkdtemp(dir=home)) / "bundle"
    export(source, wish_for(_RUN), out, signing_key(home))
    return out


def _run(command: list[str], directory: str) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True)  # noqa: S603 - our own files
