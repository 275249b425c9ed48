"""The public archive, played by a local server: checked, resumed, skipped, and honest about what is not there."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest
from aiohttp import web
from test_import import HEADER, archive_rows

from domain.errors import InvalidInput, Unavailable
from infra.archive.download import ATTEMPTS, PARALLEL, Downloaded, download
from infra.archive.periods import ArchiveFile, files_of
from infra.cli.app import main
from infra.market.catalogue import Catalogue
from infra.market.series import load_candles

MAY = ArchiveFile("BTCUSDT", "1m", "2025-05")
JUNE = ArchiveFile("BTCUSDT", "1m", "2025-06")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def zipped(file: ArchiveFile, rows: int = 5) -> bytes:
    """A file's bytes; the rows differ so much that they don't compress to nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(file.name.replace(".zip", ".csv"), HEADER + archive_rows(rows))
    return out.getvalue()


class ArchiveServer:
    """Serves files with their checksums; counts requests, and answers a path once as `trouble` says."""

    def __init__(self, *files: ArchiveFile) -> None:
        self.content = {f"/{file.path}": zipped(file) for file in files}
        self.asked: list[str] = []
        self.trouble: dict[str, list[Answer]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.trouble.get(request.path):
            return await self.trouble[request.path].pop(0)(request)
        data = self.content.get(request.path.removesuffix(".CHECKSUM"))
        if data is None:
            return web.Response(status=404)
        if request.path.endswith(".CHECKSUM"):
            return web.Response(text=f"{hashlib.sha256(data).hexdigest()}  {request.path.split('/')[-1][:-9]}\n")
        if request.http_range.start:
            if request.http_range.start >= len(data):
                return web.Response(status=416)
            return web.Response(body=data[request.http_range.start :], status=206)
        return web.Response(body=data)

    async def start(self) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


def fetch(server: ArchiveServer, root: Path, *files: ArchiveFile) -> Downloaded:
    async def fetched() -> Downloaded:
        runner, url = await server.start()
        try:
            return await download(url, files, root, back_off_s=0.0)
        finally:
            await runner.cleanup()

    return asyncio.run(fetched())


def status(code: int) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code)

    return answer


async def half(request: web.Request) -> web.StreamResponse:
    """Give half of a file, and drop the connection."""
    data = zipped(MAY)
    response = web.StreamResponse(headers={"Content-Length": str(len(data))})
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"not what the checksum says")


def test_a_file_is_checked_brought_in_and_not_fetched_again(tmp_path: Path) -> None:
    server = ArchiveServer(MAY)
    assert fetch(server, tmp_path, MAY) == Downloaded(1, 5, 0, (), (), 0)
    assert len(load_candles(Catalogue.open(tmp_path), "BTCUSDT", "1m").times) == 5
    server.asked.clear()
    assert fetch(server, tmp_path, MAY) == Downloaded(0, 0, 1, (), (), 0)
    assert server.asked == [f"/{MAY.path}.CHECKSUM"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["BTCUSDT_2025-05.parquet"]


def test_a_file_that_was_published_anew_is_fetched_again(tmp_path: Path) -> None:
    server = ArchiveServer(MAY)
    fetch(server, tmp_path, MAY)
    server.content[f"/{MAY.path}"] = zipped(MAY, 7)
    assert fetch(server, tmp_path, MAY).rows == 7


def test_a_transfer_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    server = ArchiveServer(MAY)
    ranges: list[int | None] = []

    async def noted(request: web.Request) -> web.StreamResponse:
        ranges.append(request.http_range.start)
        return await server.answer(request)

    server.trouble[f"/{MAY.path}"] = [half, noted]
    assert fetch(server, tmp_path, MAY) == Downloaded(1, 5, 0, (), (), 0)
    assert ranges == [len(zipped(MAY)) // 2]


def test_a_wrong_checksum_is_never_used(tmp_path: Path) -> None:
    server = ArchiveServer(MAY)
    server.trouble[f"/{MAY.path}"] = [garbage] * 3
    result = fetch(server, tmp_path, MAY, JUNE)
    assert result.files == 0
    assert result.missing == (JUNE.name,)
    assert "SHA-256" in result.failed[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_passing_trouble_is_survived_and_a_lasting_one_is_told(tmp_path: Path) -> None:
    server = ArchiveServer(MAY, JUNE)
    server.trouble[f"/{MAY.path}"] = [status(503), status(429)]
    server.trouble[f"/{JUNE.path}"] = [status(500)] * 3
    result = fetch(server, tmp_path, MAY, JUNE)
    assert (result.files, result.rows) == (1, 5)
    assert "HTTP 500" in result.failed[0]


def test_a_month_that_is_not_archived_yet_comes_as_its_days(tmp_path: Path) -> None:
    server = ArchiveServer(*JUNE.days()[20:])
    result = fetch(server, tmp_path, JUNE)
    assert result.files == 10
    assert len(result.missing) == 20


def test_a_checksum_of_another_file_is_refused(tmp_path: Path) -> None:
    async def other(_: web.Request) -> web.StreamResponse:
        return web.Response(text=f"{'0' * 64}  ETHUSDT-1m-2025-05.zip\n")

    server = ArchiveServer(MAY)
    server.trouble[f"/{MAY.path}.CHECKSUM"] = [other]
    assert "SHA-256 and the file's name" in fetch(server, tmp_path, MAY).failed[0]


async def deaf() -> tuple[asyncio.Server, str, list[int]]:
    """A host that takes connections and drops them before it answers: it counts them."""
    seen: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


def test_an_archive_that_can_not_be_reached_ends_the_download_after_a_few_attempts(tmp_path: Path) -> None:
    async def tried() -> int:
        server, url, seen = await deaf()
        async with server:
            with pytest.raises(Unavailable, match="0 of 151 files are there and stay; the same command goes on"):
                await download(url, (MAY, *JUNE.days() * 5), tmp_path, back_off_s=0.0)
        return len(seen)

    assert asyncio.run(tried()) <= PARALLEL * ATTEMPTS * 2  # the client itself may try a dropped connection again
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9 is not available: the archive does not answer"):
        asyncio.run(download("http://127.0.0.1:9", (MAY,), tmp_path, back_off_s=0.0))


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https:///x"])
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput):
        asyncio.run(download(url, (MAY,), tmp_path))


def test_a_network_that_is_lost_on_the_way_keeps_what_was_done(tmp_path: Path) -> None:
    days = JUNE.days()
    server = ArchiveServer(*days)

    async def lost() -> None:
        runner, url = await server.start()

        async def last(request: web.Request) -> web.StreamResponse:
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(runner.cleanup()))
            return await server.answer(request)

        server.trouble[f"/{days[10].path}"] = [last]
        with pytest.raises(Unavailable, match="of 30 files are there and stay"):
            await download(url, days, tmp_path, back_off_s=0.0)

    asyncio.run(lost())
    kept = len(list(tmp_path.rglob("*.parquet")))
    assert 10 <= kept < 30
    done = fetch(server, tmp_path, *days)
    assert (done.files, done.skipped, done.failed) == (30 - kept, kept, ())


def test_a_file_that_the_archive_drops_is_one_files_trouble(tmp_path: Path) -> None:
    async def dropped(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server = ArchiveServer(MAY, JUNE)
    answers: list[Answer] = [dropped]
    server.trouble[f"/{MAY.path}"] = answers * 2 * ATTEMPTS
    result = fetch(server, tmp_path, MAY, JUNE)
    assert (result.files, len(result.failed)) == (1, 1)


def test_the_command_says_in_one_sentence_that_there_is_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["download", "btcusdt", "--from", "2024-01", "--to", "2025-01-01", "--data", str(tmp_path)]
    assert main([*arguments, "--set", "market.archive_url=http://127.0.0.1:9"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "0 of 12 files" in said.err


def test_a_range_is_split_into_months_and_days() -> None:
    files = files_of("BTCUSDT", "1m", date(2025, 4, 29), date(2025, 6, 3), date(2025, 6, 2))
    assert [file.period for file in files] == ["2025-04-29", "2025-04-30", "2025-05", "2025-06-01"]
    assert files[2].path == "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-05.zip"
    assert files[0].path == "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-04-29.zip"
    assert files_of("BTCUSDT", "1m", date(2025, 6, 2), date(2025, 7, 1), date(2025, 6, 2)) == ()


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = ArchiveServer(MAY)

    async def run() -> int:
        runner, url = await server.start()
        try:
            arguments = ["download", "btcusdt", "--from", "2025-05", "--to", "2025-06-02", "--data", str(tmp_path)]
            return await asyncio.to_thread(main, [*arguments, "--set", f"market.archive_url={url}", "--json"])
        finally:
            await runner.cleanup()

    assert asyncio.run(run()) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["files"], found["rows"], found["missing"]) == (1, 5, ["BTCUSDT-1m-2025-06-01.zip"])
    assert "Not in the archive: BTCUSDT-1m-2025-06-01.zip" in said.err


def test_the_import_command_brings_in_what_it_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / MAY.name, tmp_path / JUNE.name
    good.write_bytes(zipped(MAY))
    bad.write_bytes(b"nothing")
    assert main(["import", str(good), str(bad), "--data", str(tmp_path / "data"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["rows"]) == (1, 5)
    assert "a sound zip file" in found["failed"][0]
