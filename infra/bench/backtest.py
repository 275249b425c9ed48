"""`backtest` and `replay`: recorded 1m candles a second, through everything that is on.

A backtest of five real symbols: signals, orders at the in-process exchange, and every input, event and effect hashed
and made durable in PostgreSQL, with the sample strategy and (`backtest:hybrid`) with the full analysis. Its baseline is
the same run kept in memory only.
`replay` runs the tape of a backtest through the same code and compares every event and effect; its baseline is that
backtest.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final

from actors.kernel import CHECKPOINT_SCHEMA
from domain.config import Config, StrategyConfig
from domain.errors import CorruptHistory, InvalidInput
from domain.market import MINUTE_MS
from domain.operations import SessionStarted
from infra import backtest as backtests
from infra import replay as replays
from infra.bench.context import BenchContext
from infra.bench.measure import Measure, Skipped, beside, medians, rate, take_turns
from infra.code_version import strategy_named, strategy_sha256
from infra.market.catalogue import Catalogue
from infra.market.recorded import RecordedMarket
from infra.memory import MemoryJournal
from infra.postgres.journal import PostgresJournal
from infra.postgres.reader import PostgresReader
from infra.postgres.tables import Tables

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT")
UNIT: Final = "1m candles/s"
_HOUR_MS: Final = 60 * MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


def bench_backtest(context: BenchContext) -> list[Measure]:
    """Measure a backtest that is stored against one that is not. Raises `Skipped` without recorded candles."""
    market = _market(context)

    def measured(name: str, strategy: str) -> Measure:
        def stored() -> float:
            with context.tables() as tables:
                return _stored(context, tables, market, strategy)

        ours, memory = take_turns(context.rounds, stored, lambda: _in_memory(market, strategy))
        return beside(name, ours, UNIT, "the same backtest kept in memory", memory)

    return [measured("backtest", "trend"), measured("backtest:hybrid", "hybrid")]


def bench_replay(context: BenchContext) -> list[Measure]:
    """Measure a decision replay against the backtest that it replays. Raises `Skipped` without recorded candles."""
    market = _market(context)

    def turn() -> tuple[float, float]:
        with context.tables() as tables, PostgresReader(context.url, tables) as reader:
            stored = _stored(context, tables, market, "trend")
            return rate(market.candles, lambda: _verified(reader)), stored

    ours, stored = medians(turn() for _ in range(context.rounds))
    return [beside("replay", ours, UNIT, "the backtest that is replayed", stored)]


def _market(context: BenchContext) -> RecordedMarket:
    try:
        catalogue = Catalogue.open(context.data)
        start_ms = RecordedMarket(catalogue, SYMBOLS).start_ms
        return RecordedMarket(catalogue, SYMBOLS, "1m", start_ms, start_ms + context.size(5 * _DAY_MS, _HOUR_MS))
    except InvalidInput as error:
        raise Skipped(f"backtest and replay need recorded candles, see --data. {error}") from error


def _started(strategy: str) -> SessionStarted:
    config = Config(strategy=StrategyConfig(name=strategy))
    return SessionStarted(config, "bench", strategy_sha256(strategy), "paper", "recorded")


def _stored(context: BenchContext, tables: Tables, market: RecordedMarket, strategy: str) -> float:
    with (
        PostgresReader(context.url, tables, checkpoint_schema=CHECKPOINT_SCHEMA) as reader,
        closing(PostgresJournal(context.url, tables, lambda _: None, clock_kind="recorded")) as journal,
    ):
        started = _started(strategy)
        return rate(market.candles, lambda: backtests.run("bench", market, started, journal, reader, strategy_named))


def _in_memory(market: RecordedMarket, strategy: str) -> float:
    journal, started = MemoryJournal(), _started(strategy)
    return rate(market.candles, lambda: backtests.run("bench", market, started, journal, journal, strategy_named))


def _verified(reader: PostgresReader) -> None:
    report = replays.verify(reader, strategy_named)
    if report.divergences or not report.chain_equal:
        raise CorruptHistory(0, "the replay of the benchmark's own backtest found a difference")
