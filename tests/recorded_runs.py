"""Runs over the synthetic market, recorded in memory: one of candles alone, one with ticks as in life."""

from __future__ import annotations

import itertools

from actors.runner import Runner
from domain.config import Config, StrategyConfig
from domain.market import MINUTE_MS, CandleArrived, HistoryArrived, MarketTick
from domain.operations import SessionEnded, SessionStarted
from infra.code_version import strategy_named
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.session import begin

START_MS = 1_750_000_200_000 // MINUTE_MS * MINUTE_MS
SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT")
TREND = Config(strategy=StrategyConfig(name="trend", cooldown_minutes=5))
STARTED = SessionStarted(TREND, "test", "00", "paper", "synthetic")


def recorded(hours: float, *, ticks: bool, seed: int = 3) -> MemoryJournal:
    """Trade the synthetic market with the trend strategy and give the journal of it."""
    journal = MemoryJournal()
    market = SyntheticMarket(seed, SYMBOLS)
    runner = begin(journal, journal, strategy_named, STARTED, START_MS)
    for instrument in market.instruments():
        runner.feed(START_MS, instrument)
    for symbol in SYMBOLS:
        for interval in ("5m", "1m"):
            runner.feed(START_MS, HistoryArrived(symbol, interval, market.history(symbol, interval, START_MS, 300)))
    feed(runner, market, START_MS, START_MS + int(hours * 60) * MINUTE_MS, ticks=ticks)
    runner.feed(runner.kernel.head.at_ms, SessionEnded("done"))
    journal.close()
    return journal


def feed(runner: Runner, market: SyntheticMarket, start_ms: int, end_ms: int, *, ticks: bool = False) -> None:
    """Feed what comes in between two moments."""
    due = itertools.takewhile(lambda dated: dated[0] <= end_ms, market.feed(start_ms, 10_000))
    if ticks:
        for at_ms, input_ in due:
            runner.feed(at_ms, input_)
        return
    untimed = ((at_ms, input_) for at_ms, input_ in due if not isinstance(input_, MarketTick))
    for (at_ms, kind), group in itertools.groupby(untimed, key=lambda dated: (dated[0], type(dated[1]))):
        inputs = [input_ for _, input_ in group]
        if kind is CandleArrived:
            runner.feed_candles(at_ms, MINUTE_MS, [one for one in inputs if isinstance(one, CandleArrived)])
        else:
            for input_ in inputs:
                runner.feed(at_ms, input_)
