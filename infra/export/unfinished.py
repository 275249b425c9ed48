"""A bundle that is being made: everything lies beside its place, and moves there in one step when it is whole.

    <out>.partial/
        bundle/     what becomes <out>, by a rename
        scratch     Arrow record batches, of which the tables are made at the end
        state       how far it has come, replaced as a whole after each part
        lock        held by whoever writes here

Files only grow. What stands behind the lengths in `state` was being written when the process died; it is cut off when
the same export is asked for again, and made anew.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from domain.errors import InvalidInput, Unavailable
from domain.proof.merkle import Growth
from infra.export.plan import Range, Wish
from infra.export.statement import Statement
from infra.postgres.server import locks

_OWN: Final = frozenset({"bundle", "scratch", "state", "state.new", "lock"})


class State(msgspec.Struct):
    """How far an export has come.

    `events` are recorded, `lines_bytes` and `scratch_bytes` long the files; `batches` says where in the scratch file
    (offset, length) the record batches of each table lie; `tables` (name → rows) are finished files.
    """

    wish: Wish
    range: Range
    statement: Statement
    last_ms: int
    events: int = 0
    lines_bytes: int = 0
    scratch_bytes: int = 0
    batches: dict[str, list[tuple[int, int]]] = msgspec.field(default_factory=dict[str, list[tuple[int, int]]])
    counts: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    tree: Growth = Growth()
    full_tree: Growth = Growth()
    tables: dict[str, int] = msgspec.field(default_factory=dict[str, int])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode


class Growing:
    """A file to which bytes are added. What stands behind `size` when it is opened is cut off."""

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(size)
        self._file.seek(size)
        self.size = size

    def add(self, data: bytes) -> tuple[int, int]:
        """Add bytes, and say where they lie: offset and length."""
        place = self.size, len(data)
        self._file.write(data)
        self.size += len(data)
        return place

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class Unfinished:
    """The place where a bundle is made. As a context manager it holds the lock."""

    def __init__(self, out: Path) -> None:
        self._out = out.absolute()
        self._place = self._out.with_name(self._out.name + ".partial")
        self._lock: int | None = None

    @property
    def bundle(self) -> Path:
        """What will be the bundle."""
        return self._place / "bundle"

    @property
    def scratch(self) -> Path:
        """The record batches."""
        return self._place / "scratch"

    def __enter__(self) -> Self:
        """Raise `InvalidInput` if the place is taken, `Unavailable` if another process is exporting to it."""
        if self._out.exists():
            raise InvalidInput("--out", "a directory that does not exist yet", str(self._out), "Choose another name.")
        self._place.mkdir(parents=True, exist_ok=True)
        foreign = sorted({path.name for path in self._place.iterdir()} - _OWN)
        if foreign:
            hint = "Move it away, or choose another --out."
            raise InvalidInput(str(self._place), "what an interrupted export left", foreign[0], hint)
        self._lock = locks.take(self._place / "lock")
        if self._lock is None:
            raise Unavailable(f"The directory {self._place}", "another process is exporting to it")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def left_by(self, wish: Wish) -> State | None:
        """Give how far the same wish came before; what another one left is removed."""
        try:
            state = _decode((self._place / "state").read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            state = None
        if state is not None and state.wish == wish:
            return state
        for name in ("state", "scratch"):
            (self._place / name).unlink(missing_ok=True)
        if self.bundle.exists():
            shutil.rmtree(self.bundle)
        return None

    def save(self, state: State) -> None:
        """Note how far the export has come. Its files are on the disk by then."""
        draft = self._place / "state.new"
        write_durably(draft, _encode(state))
        draft.replace(self._place / "state")

    def finish(self) -> None:
        """Move the whole bundle to its place. Raises `InvalidInput` if there is something by now."""
        for directory in (*(path for path in self.bundle.rglob("*") if path.is_dir()), self.bundle):
            _sync(directory)
        try:
            self.bundle.rename(self._out)
        except OSError as error:
            raise InvalidInput("--out", "a directory that does not exist yet", f"{error}") from error
        _sync(self._out.parent)
        shutil.rmtree(self._place)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file, and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
