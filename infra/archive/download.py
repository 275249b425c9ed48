"""Fetches candle files from Binance's public archive (data.binance.vision) into the catalogue.

Each file is checked against the SHA-256 that lies beside it before anything of it is used. What is there already, with
that same checksum, is not fetched again; a transfer that broke off goes on where it stopped. A file that fails is one
file's trouble; an archive that can't be reached at all is everybody's, and ends the download.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from domain.errors import HindsightError, InvalidInput, Unavailable
from infra.archive.imported import import_file
from infra.archive.periods import ArchiveFile
from infra.market.catalogue import KLINES
from infra.market.parquet import note_of

PARALLEL: Final = 4
ATTEMPTS: Final = 3
BACK_OFF_S: Final = 0.5
CHUNK: Final = 1 << 16
CHECKSUM_BYTES_MAX: Final = 4_096
TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=30)
NOTE: Final = "source_sha256"


class Downloaded(msgspec.Struct, frozen=True):
    """What a download brought. `skipped` files were there already; `missing` ones the archive does not have."""

    files: int
    rows: int
    skipped: int
    missing: tuple[str, ...]
    failed: tuple[str, ...]
    rejected_rows: int


class _Outcome(msgspec.Struct, frozen=True):
    """What became of one file."""

    file: ArchiveFile
    rows: int = 0
    rejected: int = 0
    state: str = "fetched"
    problem: str = ""


class _NotThere(Exception):
    """The archive has no such file."""


async def download(
    base_url: str,
    files: Sequence[ArchiveFile],
    root: Path,
    progress: Callable[[int], None] = lambda _: None,
    *,
    back_off_s: float = BACK_OFF_S,
) -> Downloaded:
    """Fetch files into the catalogue at `root`. What fails is reported, and the others go on.

    `progress` is told how many files are done.

    Raises:
        InvalidInput: `base_url` is no address.
        Unavailable: the archive can't be reached (any more). What was fetched by then is kept; the same call goes on.
    """
    if not base_url.startswith(("http://", "https://")) or not urlsplit(base_url).hostname:
        raise InvalidInput("market.archive_url", "an http or https address", repr(base_url))
    done: list[_Outcome] = []
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        archive = _Archive(session, base_url.rstrip("/"), root, back_off_s)
        waiting = list(reversed(files))

        async def work() -> None:
            while waiting and not archive.lost:
                done.extend(await archive.take(waiting.pop()))
                progress(len(files) - len(waiting))

        await asyncio.gather(*(work() for _ in range(min(PARALLEL, len(files)))))
    result = _summed(done)
    if archive.lost:
        there = result.files + result.skipped
        kept = f"{there:,} of {len(files):,} files are there and stay; the same command goes on with the rest"
        raise Unavailable(base_url, f"{archive.lost}. {kept}. Check the network and market.archive_url.")
    return result


def _summed(done: Iterable[_Outcome]) -> Downloaded:
    outcomes = sorted(done, key=lambda outcome: outcome.file)
    return Downloaded(
        files=sum(outcome.state == "fetched" for outcome in outcomes),
        rows=sum(outcome.rows for outcome in outcomes),
        skipped=sum(outcome.state == "skipped" for outcome in outcomes),
        missing=tuple(outcome.file.name for outcome in outcomes if outcome.state == "missing"),
        failed=tuple(f"{outcome.file.name}: {outcome.problem}" for outcome in outcomes if outcome.state == "failed"),
        rejected_rows=sum(outcome.rejected for outcome in outcomes),
    )


class _Archive:
    """The archive as one session sees it."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, root: Path, back_off_s: float) -> None:
        self._session = session
        self._base_url = base_url
        self._root = root
        self._back_off_s = back_off_s
        self._heard = 0
        self.lost = ""
        """Why the archive is given up: it answered nobody while all attempts at one file found no connection."""

    async def take(self, file: ArchiveFile) -> list[_Outcome]:
        """Bring one file in; a month that is not archived yet comes as its days."""
        outcome = await self._one(file)
        if outcome.state != "missing" or not file.monthly:
            return [outcome]
        days = [await self._one(file.days()[-1])]
        if days[0].state == "missing":
            return [outcome]  # neither the month nor its last day: there was no such contract then
        return [*[await self._one(day) for day in file.days()[:-1]], *days]

    async def _one(self, file: ArchiveFile) -> _Outcome:
        problem, heard = "", self._heard
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._back_off_s * 2 ** (attempt - 1))
            if self.lost:
                return _Outcome(file, state="failed", problem=self.lost)
            try:
                return await self._fetched(file)
            except _NotThere:
                return _Outcome(file, state="missing")
            except Unavailable as error:
                problem = str(error)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                problem = f"the archive does not answer: {error or type(error).__name__}"
            except HindsightError as error:
                return _Outcome(file, state="failed", problem=str(error))
        if self._heard == heard:
            self.lost = problem
        return _Outcome(file, state="failed", problem=problem)

    async def _fetched(self, file: ArchiveFile) -> _Outcome:
        expected = await self._checksum(file)
        target = self._root / KLINES / file.interval / f"{file.symbol}_{file.period}.parquet"
        if note_of(target).get(NOTE) == expected:
            return _Outcome(file, state="skipped")
        zipped = self._root / ".downloads" / file.name
        await self._zip(file, zipped, expected)
        imported = await asyncio.to_thread(import_file, zipped, self._root, {NOTE: expected})
        zipped.unlink()
        return _Outcome(file, imported.rows, sum(count for _, count in imported.rejected))

    async def _checksum(self, file: ArchiveFile) -> str:
        async with self._session.get(f"{self._base_url}/{file.path}.CHECKSUM") as response:
            self._heard += 1
            _require_ok(response, file.name + ".CHECKSUM")
            text = (await response.read())[:CHECKSUM_BYTES_MAX].decode("utf-8", "replace")
        digest, _, name = text.strip().partition(" ")
        if len(digest) != 64 or name.strip().lstrip("*") != file.name:
            raise InvalidInput(file.name + ".CHECKSUM", "a SHA-256 and the file's name", repr(text[:80]))
        return digest.lower()

    async def _zip(self, file: ArchiveFile, zipped: Path, expected: str) -> None:
        """Fetch the rest of a file, and let it stand under its name once its checksum is right."""
        part = zipped.with_name(zipped.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        size = part.stat().st_size if part.exists() else 0
        wanted = {"Range": f"bytes={size}-"} if size else {}
        async with self._session.get(f"{self._base_url}/{file.path}", headers=wanted) as response:
            self._heard += 1
            if response.status != 416:  # 416: all of it is here already
                _require_ok(response, file.name)
                with part.open("ab" if response.status == 206 else "wb") as out:
                    async for chunk in response.content.iter_chunked(CHUNK):
                        out.write(chunk)
        found = await asyncio.to_thread(_sha256, part)
        if found != expected:
            part.unlink()
            raise Unavailable(file.name, f"its SHA-256 should be {expected[:12]}… and is {found[:12]}…: not used")
        part.replace(zipped)


def _require_ok(response: aiohttp.ClientResponse, name: str) -> None:
    if response.status == 404:
        raise _NotThere
    if response.status == 429 or response.status >= 500:
        raise Unavailable(name, f"the archive answers HTTP {response.status}")
    if response.status not in {200, 206}:
        raise InvalidInput(name, "HTTP 200", f"HTTP {response.status}", "Check market.archive_url.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
