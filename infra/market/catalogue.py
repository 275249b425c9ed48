"""Which recorded market files a directory holds: `<kind>/<interval>/<SYMBOL>_<anything>.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from domain.errors import InvalidInput
from domain.market import INTERVALS_MS

KLINES = "klines"
MARK_KLINES = "mark_klines"
FUNDING = "funding"
OPEN_INTEREST = "open_interest"
AGG_TRADES = "agg_trades"
DEPTH = "depth"
_KINDS_BY_INTERVAL = (KLINES, MARK_KLINES)
_PLAIN_KINDS = (FUNDING, OPEN_INTEREST, AGG_TRADES, DEPTH)
_DEPTH_FILES = ("_bookTicker", "_depthUpdate")
_NAMES_SHOWN_MAX = 30
_LAYOUT = "files named klines/<interval>/<SYMBOL>_<anything>.parquet"


class Source(msgspec.Struct, frozen=True, order=True):
    """One file. `interval` is empty where the kind has none."""

    kind: str
    interval: str
    symbol: str
    path: Path


class Holding(msgspec.Struct, frozen=True):
    """What a catalogue holds of one kind, interval and symbol. `note` says why files are not used, or is empty."""

    kind: str
    interval: str
    symbol: str
    files: tuple[str, ...]
    note: str = ""


class Catalogue(msgspec.Struct, frozen=True):
    """The files of one directory, found once and sorted, so that their order never depends on the file system."""

    root: Path
    sources: tuple[Source, ...]

    @classmethod
    def open(cls, root: Path) -> Catalogue:
        """Look through a directory. Raises `InvalidInput` if it is missing, or holds nothing of the known layout."""
        if not root.is_dir():
            found = "a file" if root.exists() else "nothing there"
            raise InvalidInput(str(root), "a directory of recorded market data", found, "Check --data.")
        sources = tuple(sorted(_sources(root)))
        if not sources:
            raise InvalidInput(str(root), _LAYOUT, "none", "Check --data, or fetch some with `run.py download`.")
        return cls(root, sources)

    def symbols(self, interval: str) -> tuple[str, ...]:
        """Give the symbols that have candles of this interval, sorted."""
        return tuple(sorted({s.symbol for s in self.sources if (s.kind, s.interval) == (KLINES, interval)}))

    def intervals(self, kind: str, symbol: str) -> tuple[str, ...]:
        """Give the known intervals that a symbol has files of, shortest first."""
        held = {s.interval for s in self.sources if (s.kind, s.symbol) == (kind, symbol)}
        return tuple(interval for interval in INTERVALS_MS if interval in held)

    def files(self, kind: str, symbol: str, interval: str = "") -> tuple[Path, ...]:
        """Give the files of one kind, symbol and interval, sorted by name; none is an empty tuple."""
        wanted = (kind, interval, symbol)
        return tuple(s.path for s in self.sources if (s.kind, s.interval, s.symbol) == wanted)

    def candle_files(self, symbol: str, interval: str) -> tuple[Path, ...]:
        """Give the candle files of a symbol. Raises `InvalidInput` that names what there is, if there are none."""
        if interval not in INTERVALS_MS:
            raise InvalidInput("interval", f"one of {', '.join(INTERVALS_MS)}", repr(interval))
        files = self.files(KLINES, symbol, interval)
        if files:
            return files
        where = str(self.root / KLINES / interval)
        held = self.symbols(interval)
        if held:
            raise InvalidInput(where, f"one of {listed(held)}", symbol, "Check --symbols.")
        there = sorted({s.interval for s in self.sources if s.kind == KLINES})
        raise InvalidInput(where, _LAYOUT, "none", f"There are candles of: {listed(there)}.")

    def describe(self) -> tuple[Holding, ...]:
        """Say what the directory holds, used or not."""
        held: dict[tuple[str, str, str], list[str]] = {}
        for s in self.sources:
            held.setdefault((s.kind, s.interval, s.symbol), []).append(str(s.path.relative_to(self.root)))
        return tuple(Holding(*key, tuple(files), _note(key[0], key[1], files)) for key, files in held.items())


def listed(names: Sequence[str]) -> str:
    """Join names for a sentence, cut where they would fill the screen."""
    shown = ", ".join(names[:_NAMES_SHOWN_MAX]) or "none"
    hidden = len(names) - _NAMES_SHOWN_MAX
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _note(kind: str, interval: str, files: list[str]) -> str:
    other = [name for name in files if not Path(name).stem.endswith(_DEPTH_FILES)] if kind == DEPTH else []
    if other:
        return f"not used: {', '.join(other)}"
    if kind in _KINDS_BY_INTERVAL and interval not in INTERVALS_MS:
        return f"not used: the interval is not one of {', '.join(INTERVALS_MS)}"
    return ""


def _sources(root: Path) -> list[Source]:
    found: list[Source] = []
    for kind in _KINDS_BY_INTERVAL:
        for folder in (root / kind).glob("*/"):
            found += _files(kind, folder.name, folder)
    for kind in _PLAIN_KINDS:
        found += _files(kind, "", root / kind)
    return found


def _files(kind: str, interval: str, folder: Path) -> list[Source]:
    return [
        Source(kind, interval, path.name.partition("_")[0], path)
        for path in folder.glob("?*_*.parquet")
        if path.is_file()
    ]
