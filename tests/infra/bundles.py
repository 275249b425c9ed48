"""Makes audit bundles of small histories, spoils them, and checks them as an auditor does: with the file in them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from stored_runs import MemoryRun
from trading_history import TradingHistory, busy_history

from domain.base import Recorded
from infra.export.bundle import Exported, export
from infra.export.plan import wish_for
from infra.export.signing import SigningKey, signing_key
from infra.export.source import ReaderSource, RunFacts
from infra.export.verifier import Finding, check

RUN = RunFacts("live", "live", "market")


@cache
def history(candles: int = 150) -> tuple[Recorded, ...]:
    """A history in which much happens, with candles after it."""
    told = busy_history()
    for number in range(candles):
        told.candle("BTCUSDT", 100.0 + number)
    return tuple(told.events)


def source_of(events: Sequence[Recorded]) -> ReaderSource:
    """Keep a history in memory."""
    run = MemoryRun()
    run.add(events)
    return ReaderSource(run.reader)


class Desk:
    """A place with a signing key, where bundles are made."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @property
    def key(self) -> SigningKey:
        return signing_key(self.place / "home")

    def make(self, name: str = "bundle", events: Sequence[Recorded] | None = None, **wish: Any) -> Path:
        """Make a bundle and give its directory."""
        self.export(name, events, **wish)
        return self.place / name

    def export(
        self,
        name: str = "bundle",
        events: Sequence[Recorded] | None = None,
        *,
        key: SigningKey | None = None,
        part: int = 64,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        **wish: Any,
    ) -> Exported:
        """Make a bundle and say what came of it."""
        source = source_of(history() if events is None else events)
        return export(source, wish_for(RUN, **wish), self.place / name, key or self.key, progress=progress, part=part)

    def copy(self, bundle: Path, name: str = "spoilt") -> Path:
        """Give a fresh copy to spoil."""
        shutil.rmtree(self.place / name, ignore_errors=True)
        return Path(shutil.copytree(bundle, self.place / name))


def retold(change: Callable[[TradingHistory], None], candles: int = 150) -> tuple[Recorded, ...]:
    """Give a history that begins otherwise."""
    told = TradingHistory()
    change(told)
    for recorded in busy_history().events:
        told.record((recorded.stream, recorded.event))
    for number in range(candles):
        told.candle("BTCUSDT", 100.0 + number)
    return tuple(told.events)


def contents(bundle: Path) -> dict[str, bytes]:
    """Give every file of a bundle by its name."""
    return {path.relative_to(bundle).as_posix(): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}


def lines(bundle: Path) -> list[dict[str, Any]]:
    """Give the events of a bundle."""
    return [json.loads(line) for line in (bundle / "events.jsonl").read_bytes().splitlines()]


def manifest(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "manifest.json").read_bytes())


def findings(bundle: Path, **known: Any) -> list[Finding]:
    """Check a bundle in this process."""
    return check(bundle, **known).findings


def places(bundle: Path, **known: Any) -> set[str]:
    """Say where something was found."""
    return {finding.where for finding in findings(bundle, **known)}


def verifier_run(script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a bundle's own verifier with the standard library and nothing else."""
    command = [sys.executable, "-I", "-S", "-W", "error", str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})
