"""The full analysis over real markets: every symbol gets analyses with reasons, and the run replays alike."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from analysed_runs import config

from domain.operations import SessionStarted
from domain.scoring import REASONS
from domain.symbol.events import SymbolAnalyzed
from infra import backtest, moments, replay, scan
from infra.code_version import strategy_named
from infra.market.catalogue import Catalogue
from infra.market.recorded import RecordedMarket
from infra.memory import MemoryJournal
from infra.scan_sources import source_of
from infra.settings import MarketSettings

ROOT = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "market"
RANGES = {
    "2025, candles only": (("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT"), "2025-06-02", "2025-06-03"),
    "2026, with takers": (("AVAXUSDT", "LINKUSDT", "NEARUSDT"), "2026-02-10", "2026-02-11"),
}

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no recorded market at {ROOT}: set HINDSIGHT_DATA")


@pytest.mark.parametrize("name", RANGES)
def test_a_recorded_day_is_analysed_for_every_symbol_and_replays_alike(name: str) -> None:
    symbols, since, until = RANGES[name]
    start_ms, end_ms = (moments.time_ms(text, "test") for text in (since, until))
    market = RecordedMarket(Catalogue.open(ROOT), symbols, "1m", start_ms, end_ms, 5_000.0)
    journal = MemoryJournal()
    started = SessionStarted(config(), "test", "00", "paper", "recorded")
    backtest.run("test", market, started, journal, journal, strategy_named)
    found = {symbol: list[SymbolAnalyzed]() for symbol in symbols}
    for recorded in journal.events(0):
        if isinstance(recorded.event, SymbolAnalyzed):
            found[recorded.stream.partition(":")[2]].append(recorded.event)
    for analyses in found.values():
        assert len(analyses) == 288
        assert all(one.assessment is not None for one in analyses)
        reasons = {reason for one in analyses for reason in one.reasons}
        assert reasons
        assert reasons <= set(REASONS)
        assert "HISTORY_TOO_SHORT" not in reasons
    verified = replay.verify(journal, strategy_named)
    assert (verified.divergences, verified.chain_equal) == (0, True)


def test_every_recorded_symbol_is_scanned_or_says_why_not() -> None:
    used = config()
    summary = scan.scan(source_of(ROOT, MarketSettings(), used, None, 0), used, strategy_named)
    assert summary.analysed + summary.skipped + summary.errors == summary.total_symbols
    assert summary.analysed >= 8
    assert (summary.errors, summary.api_calls) == (0, 0)
    assert all(row.reasons or row.tier == "prime" for row in summary.results)
    assert all(why for _, why in summary.skipped_because)
