"""What `doctor` says of an exchange and a key: what works, and one clear sentence for everything that does not."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from domain.venue import VenueFilled
from infra.binance.examination import Finding, examine
from infra.binance.settings import BinanceSettings
from infra.cli.app import main
from infra.exchange.auth import READ, ApiKey
from infra.exchange.faults import Faults
from tests.venue_worlds import WireWorld, order


@pytest.fixture
def world() -> Iterator[WireWorld]:
    made = WireWorld()
    yield made
    made.close()


@pytest.fixture
def settings(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> BinanceSettings:
    """The adapter's settings for the simulator, whose first key is in the environment."""
    announced = world.server.announced
    monkeypatch.setenv("BINANCE_API_KEY", announced.api_key)
    monkeypatch.setenv("BINANCE_API_SECRET", announced.api_secret)
    # The simulator's time is another than ours: what doctor would say of that is a test of its own.
    world.on_loop(lambda: world.stage.clock.advance(0))
    return BinanceSettings(rest_url=announced.rest, stream_url=announced.ws, timeout_ms=3_000)


def about(settings: BinanceSettings, *, named: tuple[str, ...] = ("BTCUSDT",)) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings, named)}


def test_everything_that_works_is_said(world: WireWorld, settings: BinanceSettings) -> None:
    found = about(settings)
    assert {name for name, finding in found.items() if not finding.ok} <= {"clock"}
    assert "10000 USDT available" in found["key"].detail.replace("10000.00000000", "10000")
    assert "one-way mode" in found["account"].detail
    assert "2400" in found["weights"].detail
    assert "BTCUSDT" in found["universe"].detail
    assert set(found) == {"exchange", "clock", "universe", "streams", "weights", "key", "account"}


def test_a_clock_that_is_wrong_is_named_with_by_how_much(world: WireWorld, settings: BinanceSettings) -> None:
    assert "Synchronise this machine's clock" in about(settings)["clock"].detail


def test_a_wrong_secret_is_a_sentence_without_the_secret(
    settings: BinanceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "wrong-secret-4711")
    found = about(settings)["key"]
    assert not found.ok
    assert "does not belong to the API key" in found.detail
    assert "4711" not in found.detail


def test_a_wrong_key_is_a_sentence(settings: BinanceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "a" * 64)
    found = about(settings)["key"]
    assert not found.ok
    assert "Check the key, its permissions" in found.detail


def test_a_key_that_may_only_read_is_a_sentence(
    world: WireWorld, settings: BinanceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.on_loop(lambda: world.stage.keys.add(ApiKey("r" * 64, "account-1", "s" * 64, "", (READ,))))
    monkeypatch.setenv("BINANCE_API_KEY", "r" * 64)
    monkeypatch.setenv("BINANCE_API_SECRET", "s" * 64)
    found = about(settings)["key"]
    assert not found.ok
    assert "permission" in found.detail


def test_multi_assets_mode_is_a_sentence(world: WireWorld, settings: BinanceSettings) -> None:
    world.run(world.rest.set_multi_assets(on=True))
    assert "expected single-asset mode" in about(settings)["account"].detail


def test_what_the_account_holds_is_named(world: WireWorld, settings: BinanceSettings) -> None:
    world.hears(VenueFilled, world.place(order(2, leverage=5)))
    assert "1 open: BTCUSDT LONG 0.01" in about(settings)["account"].detail


def test_no_key_means_paper(settings: BinanceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINANCE_API_KEY")
    monkeypatch.delenv("BINANCE_API_SECRET")
    found = about(settings)["key"]
    assert found.ok
    assert "paper trading only" in found.detail


BROKEN_PEM = "-----BEGIN PRIVATE KEY-----\nMIIabcdefghijklmnopqrstuvwxyz\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("api_key", "api_secret", "words"),
    [
        ("k" * 64, "", "BINANCE_API_SECRET"),
        ("", "s" * 64, "BINANCE_API_KEY"),
        ("k" * 64, BROKEN_PEM, "Export it as PKCS#8"),
    ],
    ids=["no secret", "no key", "unreadable"],
)
def test_a_key_that_is_given_and_of_no_use_is_a_finding(
    settings: BinanceSettings, monkeypatch: pytest.MonkeyPatch, api_key: str, api_secret: str, words: str
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", api_key)
    monkeypatch.setenv("BINANCE_API_SECRET", api_secret)
    found = about(settings)["key"]
    assert not found.ok
    assert words in found.detail
    assert "abcdefghij" not in found.detail


def test_a_key_file_that_is_not_there_is_a_finding(settings: BinanceSettings, tmp_path: Path) -> None:
    found = about(replace(settings, api_key=f"file:{tmp_path / 'nowhere'}"))["key"]
    assert not found.ok
    assert "nowhere" in found.detail


def test_an_exchange_in_maintenance_is_a_sentence(world: WireWorld, settings: BinanceSettings) -> None:
    world.misbehave(Faults(maintenance=True))
    found = examine(settings)
    assert len(found) == 1
    assert "HTTP 503" in found[0].detail


def test_an_unknown_host_and_a_closed_port_are_sentences(settings: BinanceSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (closed,) = examine(replace(settings, rest_url=f"http://127.0.0.1:{port}"))
    (unknown,) = examine(replace(settings, rest_url="http://no-such-host.invalid"))
    assert "no connection to 127.0.0.1" in closed.detail
    assert "no-such-host.invalid" in unknown.detail


def test_a_tls_failure_is_a_sentence(settings: BinanceSettings) -> None:
    (found,) = examine(replace(settings, rest_url=settings.rest_url.replace("http://", "https://")))
    assert not found.ok
    assert "TLS failure" in found.detail


@contextmanager
def geo_blocked() -> Iterator[str]:
    """A server that answers everybody 451, as Binance does where it serves no one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> web.AppRunner:
        async def refuse(_: web.Request) -> web.Response:
            return web.json_response({"code": 0, "msg": "Service unavailable from a restricted location"}, status=451)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", refuse)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_a_geo_block_is_a_sentence(settings: BinanceSettings) -> None:
    with geo_blocked() as url:
        (found,) = examine(replace(settings, rest_url=url))
    assert "geo-block" in found.detail


def test_the_command_shows_the_exchange_and_no_secret(
    settings: BinanceSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], world: WireWorld
) -> None:
    monkeypatch.setenv("HINDSIGHT_BINANCE__REST_URL", settings.rest_url)
    monkeypatch.setenv("HINDSIGHT_BINANCE__STREAM_URL", settings.stream_url)
    main(["doctor", "--venue", "binance", "--store", "memory", "--json"])
    said = capsys.readouterr().out
    checks = {check["name"]: check for check in json.loads(said)["checks"]}
    assert checks["key"]["ok"]
    assert world.server.announced.api_secret not in said
    assert world.server.announced.api_key not in said
