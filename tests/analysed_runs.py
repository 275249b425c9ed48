"""Runs of the full analysis over the synthetic market, recorded in memory."""

from __future__ import annotations

import functools
import itertools

from actors.kernel import CHECKPOINT_SCHEMA
from domain.config import Config, ScoringConfig, StrategyConfig
from domain.market import MINUTE_MS, CandleArrived, HistoryArrived, MarketTick
from domain.operations import SessionEnded, SessionStarted
from infra.code_version import strategy_named
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.session import begin

START_MS = 1_750_000_200_000 // MINUTE_MS * MINUTE_MS
SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT")
HISTORY = {"4h": 60, "1h": 240, "15m": 100, "5m": 100, "1m": 60}


def config(strategy: str = "hybrid", min_score: float = -1.0) -> Config:
    return Config(strategy=StrategyConfig(name=strategy), scoring=ScoringConfig(min_score=min_score))


@functools.cache
def analysed(strategy: str = "hybrid", hours: float = 5.0, seed: int = 19, min_score: float = -1.0) -> MemoryJournal:
    """Give the journal of some hours of four symbols, candles only: with seed 19 all tiers occur."""
    journal = MemoryJournal(checkpoint_schema=CHECKPOINT_SCHEMA)
    market = SyntheticMarket(seed, SYMBOLS)
    started = SessionStarted(config(strategy, min_score), "test", "00", "paper", "synthetic")
    runner = begin(journal, journal, strategy_named, started, START_MS)
    for instrument in market.instruments():
        runner.feed(START_MS, instrument)
    for symbol in SYMBOLS:
        for interval, count in HISTORY.items():
            runner.feed(START_MS, HistoryArrived(symbol, interval, market.history(symbol, interval, START_MS, count)))
    end_ms = START_MS + int(hours * 60) * MINUTE_MS
    due = itertools.takewhile(lambda dated: dated[0] <= end_ms, market.feed(START_MS, MINUTE_MS))
    untimed = (dated for dated in due if not isinstance(dated[1], MarketTick))
    for (at_ms, kind), group in itertools.groupby(untimed, key=lambda dated: (dated[0], type(dated[1]))):
        inputs = [input_ for _, input_ in group]
        if kind is CandleArrived:
            runner.feed_candles(at_ms, MINUTE_MS, [one for one in inputs if isinstance(one, CandleArrived)])
        else:
            for input_ in inputs:
                runner.feed(at_ms, input_)
    runner.checkpoint()
    runner.feed(runner.kernel.head.at_ms, SessionEnded("done"))
    journal.close()
    return journal
