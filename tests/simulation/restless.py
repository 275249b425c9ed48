"""A seeded world that trades all the time, for tests that let the process die in the middle of it."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from actors.kernel import CHECKPOINT_SCHEMA
from actors.runner import Runner
from domain.config import AccountConfig, Config, StrategyConfig, SupervisionConfig
from domain.market import MINUTE_MS
from domain.operations import SessionStarted
from domain.strategies import Pass, Proposal, Strategy, View
from domain.values import Side
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.session import begin

START_MS = 1_760_000_100_000 - 1_760_000_100_000 % (8 * 60 * MINUTE_MS) - 20 * MINUTE_MS
"""Twenty minutes before a funding time."""
SYMBOLS = ("ADAUSDT", "BTCUSDT", "DOGEUSDT")
CONFIG = Config(
    account=AccountConfig(max_open_positions=2, max_same_side_positions=2),
    strategy=StrategyConfig(name="restless", analysis_interval="1m", cooldown_minutes=2, time_stop_minutes=7),
    supervision=SupervisionConfig(max_crashes=2, window_ms=90_000, back_off_ms=20_000),
)
STARTED = SessionStarted(CONFIG, "test", "00", "paper", "synthetic")


def restless(seed: int, bugs: int = 0) -> Strategy:
    """Make a strategy that proposes something narrow at every other close, and raises at `bugs` of 256 closes."""

    def propose(view: View) -> Proposal | Pass:
        drawn = hashlib.sha256(f"{seed} {view.symbol} {view.time_ms}".encode()).digest()
        if drawn[1] < bugs:
            raise ValueError(f"a bug at {view.time_ms}")
        if drawn[0] < 100:
            return Pass("TIRED", (("drawn", float(drawn[0])),))
        side = Side.LONG if drawn[0] % 2 else Side.SHORT
        risk = view.close * (0.0006 + 0.000_02 * drawn[2])
        return Proposal(side, view.close, view.close - side.sign * risk, view.close + side.sign * risk, 0.6, 0.5)

    return propose


def session(journal: MemoryJournal, strategy: Strategy, at_ms: int) -> Runner:
    """Start, or go on."""
    return begin(journal, journal, lambda _: strategy, STARTED, at_ms)


def new_journal() -> MemoryJournal:
    return MemoryJournal(manual=True, checkpoint_schema=CHECKPOINT_SCHEMA)


def contracts_into(runner: Runner, market: SyntheticMarket, at_ms: int) -> None:
    for arrived in market.instruments():
        runner.feed(at_ms, arrived)


def whole_run(seed: int, minutes: int) -> str:
    """Live without a crash, and give the end of the chain (hex)."""
    market = SyntheticMarket(seed, SYMBOLS)
    journal = new_journal()
    runner = session(journal, restless(seed), START_MS)
    contracts_into(runner, market, START_MS)
    for due_ms, input_ in market.feed(START_MS, 5_000):
        if due_ms > START_MS + minutes * MINUTE_MS:
            break
        runner.feed(due_ms, input_)
    return runner.kernel.head.content_hash.hex()


INITIAL = Decimal(10_000)
