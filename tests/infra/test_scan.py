"""One look at all symbols: recorded and built-in markets, who is left out and why, and no network at all."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from candle_files import START_MS, candles, write

from domain.base import Input
from domain.config import Config, ScoringConfig, StrategyConfig
from domain.errors import InvalidInput
from domain.market import INTERVALS_MS, MINUTE_MS
from infra.cli.app import main
from infra.code_version import strategy_named
from infra.network_calls import NetworkCalls
from infra.scan import scan
from infra.scan_sources import source_of
from infra.settings import MarketSettings

MARKET = MarketSettings(symbols=3, seed=5)
AT_MS = 1_750_000_200_000


def built_in(config: Config | None = None, names: tuple[str, ...] | None = None) -> Any:
    used = config or Config()
    return scan(source_of(None, MARKET, used, names, AT_MS), used, strategy_named)


def recorded(root: Path, config: Config | None = None, names: tuple[str, ...] | None = None) -> Any:
    used = config or Config()
    return scan(source_of(root, MARKET, used, names, AT_MS), used, strategy_named)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two symbols that end at different minutes, and one without candles of the base interval."""
    write(tmp_path, "klines/1m/AUSDT_a.parquet", candles(600))
    write(tmp_path, "klines/1m/BUSDT_a.parquet", candles(723, price=7.0))
    write(tmp_path, "klines/1h/CUSDT_a.parquet", candles(5, "1h"))
    return tmp_path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a scan must not touch the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_scan_analyses_every_symbol_without_a_network() -> None:
    summary = built_in()
    assert (summary.total_symbols, summary.analysed, summary.api_calls) == (3, 3, 0)
    assert [row.symbol for row in summary.results] == list(source_of(None, MARKET, Config(), None, AT_MS).symbols)
    assert all(row.time_ms == AT_MS // 300_000 * 300_000 for row in summary.results)
    assert summary.elapsed_seconds > 0
    assert summary.symbols_per_second > 0


def test_the_same_moment_gives_the_same_scan() -> None:
    assert built_in().results == built_in().results


@pytest.mark.usefixtures("no_network")
def test_each_recorded_symbol_is_looked_at_at_its_own_last_candle(directory: Path) -> None:
    summary = recorded(directory)
    times = {row.symbol: (row.time_ms - START_MS) // MINUTE_MS for row in summary.results}
    assert times == {"AUSDT": 600, "BUSDT": 720}
    assert (summary.total_symbols, summary.analysed, summary.skipped, summary.errors) == (3, 2, 1, 0)
    assert summary.skipped_because == (("CUSDT", "It has candles of 1h only, and none of 1m."),)


def test_a_symbol_with_too_few_candles_is_skipped_with_the_reason(directory: Path) -> None:
    write(directory, "klines/1m/DUSDT_a.parquet", candles(3))
    found = recorded(directory, names=("DUSDT",))
    assert (found.analysed, found.skipped) == (0, 1)
    assert dict(found.skipped_because)["DUSDT"]


def test_a_strategy_that_raises_is_an_error_of_its_symbol_only(directory: Path) -> None:
    def propose(view: Any) -> Any:
        if view.symbol == "AUSDT":
            raise ValueError("no idea")
        return strategy_named("trend")(view)

    config = Config(strategy=StrategyConfig(name="mine"))
    summary = scan(source_of(directory, MARKET, config, None, AT_MS), config, lambda _: propose)
    assert (summary.analysed, summary.skipped, summary.errors) == (1, 1, 1)
    assert summary.failed_because == (("AUSDT", "ValueError: no idea"),)


def test_a_higher_score_never_finds_more(directory: Path) -> None:
    found = [
        recorded(directory, Config(scoring=ScoringConfig(min_score=least))).signals_found
        for least in (0.0, 50.0, 100.0)
    ]
    assert found == sorted(found, reverse=True)


def test_an_unknown_symbol_is_refused_with_what_there_is(directory: Path) -> None:
    with pytest.raises(InvalidInput, match="some of AUSDT, BUSDT, CUSDT, found ZUSDT"):
        recorded(directory, names=("ZUSDT",))


class Elsewhere:
    """A source of somebody else's: a symbol that calls home."""

    symbols = ("AUSDT",)

    def inputs(self, symbol: str) -> Any:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as home:
            home.connect(("127.0.0.1", 9))
        found: list[tuple[int, Input]] = []
        return iter(found)


def test_calls_are_measured_and_not_claimed() -> None:
    summary = scan(Elsewhere(), Config(), strategy_named)
    assert summary.api_calls == 1
    assert summary.skipped_because == (("AUSDT", "no 5m candle closed in the last 60 minutes"),)


def test_local_sockets_are_no_calls(tmp_path: Path) -> None:
    with NetworkCalls() as calls, socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(os.fspath(tmp_path / "s"))
        server.listen()
        client.connect(os.fspath(tmp_path / "s"))
    assert calls.count == 0


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_prints_one_document_with_all_that_was_promised(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--data", str(directory), "--json", "--min-score", "70"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    promised = {"total_symbols", "analysed", "skipped", "errors", "signals_found", "elapsed_seconds"}
    assert promised | {"symbols_per_second", "api_calls", "results"} <= set(found)
    assert {row["needed"] for row in found["results"]} == {70.0}
    assert found["skipped_because"] == {"CUSDT": "It has candles of 1h only, and none of 1m."}
    assert set(found["distribution"]) >= set(found["results"][0]["scores"])


def test_the_command_speaks_to_a_human_too(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "--data", str(directory), "--symbols", "AUSDT,CUSDT"]) == 0
    said = capsys.readouterr()
    assert "2 symbols: 1 analysed, 1 skipped, 0 failed" in said.out
    assert "CUSDT was not analysed" in said.err


@pytest.mark.parametrize("symbols", ["2", "ausdt, busdt"])
def test_symbols_are_a_number_or_names(symbols: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "--data", str(directory), "--json", "--symbols", symbols]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["total_symbols"] == 2


def test_a_base_interval_of_an_hour_has_no_full_analysis_and_says_so(directory: Path) -> None:
    config = Config(base_interval="1h", strategy=StrategyConfig(analysis_interval="1h"))
    found = recorded(directory, config, ("CUSDT",))
    assert [row.reasons for row in found.results] == [("NEEDS_5M_CANDLES",)]
    assert INTERVALS_MS["1h"] == found.results[0].time_ms - START_MS - 4 * INTERVALS_MS["1h"]
