"""A writer is killed, or put to sleep, at the worst moments: what left the process had been stored, and once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from histories import Author, all_events
from journals import Watch

from infra.postgres.fault import STEPS
from infra.postgres.journal import PostgresJournal, Timing
from infra.postgres.reader import PostgresReader
from infra.postgres.session import connect
from infra.postgres.tables import Tables
from infra.postgres.verify import verify_store

ROOT = Path(__file__).parents[2]
LEASE_MS = 300

WRITER = """
import os, sys
from histories import Author
from domain.errors import Fenced
from infra.postgres.fault import from_environment
from infra.postgres.journal import PostgresJournal, Timing
from infra.postgres.tables import Tables

def durable(input_seq):
    if journal and journal[0].lease_valid():
        print("released", input_seq, flush=True)

journal, author = [], Author()
journal.append(PostgresJournal(
    sys.argv[1], Tables(sys.argv[2]), durable, clock_kind="test", timing=Timing(lease_ms=int(sys.argv[3])),
    fault=from_environment(os.environ),
))
try:
    for line in sys.stdin:
        for step in author.ticks(int(line)):
            journal[0].append(step)
        if line == "0\\n":
            journal[0]._thread.join()
        journal[0].commit_soon()
except Fenced as error:
    print("fenced", error, flush=True)
"""


class Child:
    """A writer in another process. It appends as many steps as it is told, and says what it released."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.released = 0

    def append(self, steps: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n".encode())

    def line(self) -> list[str]:
        """Give what it says next, in words; nothing if it died."""
        assert self.process.stdout is not None
        words = self.process.stdout.readline().decode().split()
        if words[:1] == ["released"]:
            self.released = int(words[1])
        return words

    def wait_released(self, input_seq: int) -> None:
        """Follow it until it released so much, or died."""
        while self.released < input_seq and self.line():
            pass


@contextmanager
def writer(url: str, schema: str, fault: str = "") -> Iterator[Child]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    environment["HINDSIGHT_FAULT"] = fault
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url, schema, str(LEASE_MS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=environment,
    ) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_killed_in_the_middle_of_a_commit_leaves_a_whole_history(
    database_url: str, schema: str, step: str
) -> None:
    with writer(database_url, schema, fault=f"{step}:4") as child:
        total = 0
        for count in (1, 120, 1, 120, 1, 120):  # a large commit at least every other time
            total += count
            try:
                child.append(count)
            except BrokenPipeError:
                break
            child.wait_released(total)
        assert child.process.wait() == -signal.SIGKILL
    told: list[int] = []
    journal = PostgresJournal(database_url, Tables(schema), told.append, clock_kind="test")
    assert journal.lease_valid(), "the writer before is provably dead: nobody has to wait"
    with PostgresReader(database_url, Tables(schema)) as reader:
        head = reader.head()
        assert head.input_seq >= child.released > 0
        again = Author()
        kept = again.ticks(head.input_seq)
        assert reader.head() == again.head
        assert list(reader.events(0)) == all_events(kept)
        journal.append(again.nothing())
        journal.close()
        assert reader.head() == again.head
    assert verify_store(database_url, Tables(schema)).ok


def test_a_writer_that_slept_while_another_took_over_stops_without_releasing_anything(
    database_url: str, schema: str
) -> None:
    with writer(database_url, schema) as sleeper, connect(database_url, "observer") as observer:
        sleeper.append(2)
        sleeper.wait_released(2)
        sleeper.process.send_signal(signal.SIGSTOP)
        sleeper.append(3)
        observer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            (f"hindsight writer {sleeper.process.pid}@%",),
        )
        again, watch = Author(), Watch()
        again.ticks(2)
        watch.journal = PostgresJournal(
            database_url, Tables(schema), watch, clock_kind="test", timing=Timing(renew_ms=50, lock_wait_ms=10_000)
        )
        assert not watch.journal.lease_valid(), "the sleeper is not dead: its lease has to run out first"
        watch.journal.append(again.nothing())
        watch.journal.commit_soon()
        watch.wait_released(3)
        sleeper.process.send_signal(signal.SIGCONT)
        sleeper.append(0)
        assert sleeper.line()[:8] == f"fenced This store is owned by process {os.getpid()}".split()
        watch.journal.close()
    assert sleeper.released == 2
