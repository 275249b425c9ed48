"""The kernel with a venue outside: `outside_trader.py STORE FILE MINUTES`, killed again and again by its test.

It trades the synthetic market for so many of its minutes, as fast as the answers come; 0 minutes let all run out.
`TRADER_FAULT=after_send:3` kills it at the third order, just after that has reached the exchange; `HINDSIGHT_FAULT`
does so at the steps of a commit.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from outside_venue import Exchange, Handler

from actors.kernel import CHECKPOINT_SCHEMA
from actors.outbox import Outbox
from actors.runner import Runner
from domain.base import Input
from domain.config import AccountConfig, Config, StrategyConfig
from domain.deal import Deal
from domain.market import MINUTE_MS, MarketTick
from domain.operations import SessionEnded, SessionStarted
from domain.position import Closed, Entering, Exiting, Open
from domain.strategies import Pass, Proposal, Strategy, View
from domain.values import Side
from infra.market.synthetic import SyntheticMarket
from infra.postgres.backlog import Limits
from infra.postgres.fault import from_environment, kill_self
from infra.postgres.journal import PostgresJournal
from infra.postgres.reader import PostgresReader
from infra.postgres.runs import LIVE, continue_or_create, new_run
from infra.postgres.tables import Tables
from infra.session import begin

START_MS = 1_750_032_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
TICK_MS = 10_000
AHEAD_MAX = 40
"""How many inputs the kernel may be ahead of the disk: the market waits for the answers, not they for the market."""
PATIENCE_MINUTES = 60
CONFIG = Config(
    account=AccountConfig(max_open_positions=2, max_same_side_positions=2),
    strategy=StrategyConfig(name="eager", analysis_interval="1m", cooldown_minutes=0, time_stop_minutes=6),
)


def eager(view: View) -> Proposal | Pass:
    """Propose the other side every other minute, with narrow levels."""
    minute = view.time_ms // MINUTE_MS
    if minute % 2:
        return Pass("REST")
    side = Side.LONG if minute // 2 % 2 else Side.SHORT
    risk = 0.0015 * view.close * side.sign
    return Proposal(side, view.close, view.close - risk, view.close + risk, 0.7, 0.5)


def resting(_view: View) -> Proposal | Pass:
    """Propose nothing."""
    return Pass("REST")


def strategies(name: str) -> Strategy:
    """Find a strategy by its name."""
    return {"eager": eager, "resting": resting}[name]


class Trader:
    """One session."""

    def __init__(self, store: str, file: Path, strategy: str) -> None:
        self.answers: queue.SimpleQueue[Input] = queue.SimpleQueue()
        self.exchange = Exchange(file)
        handler = Handler(self.exchange, self.answers.put, fault())
        self.outbox = Outbox(handler.carry_out, lambda: self.journal.lease_valid())  # noqa: PLW0108 - made below
        self.market = SyntheticMarket(3, SYMBOLS)
        tables = Tables(LIVE)
        info = new_run(LIVE, "live", "outside", "market", "{}")
        may_begin = threading.Event()
        self.journal = PostgresJournal(
            store,
            tables,
            lambda seq: self.outbox.release(seq) if may_begin.is_set() else None,
            clock_kind="market",
            prepare=lambda connection: continue_or_create(connection, tables, info),
            limits=Limits(group_ms=20),
            fault=from_environment(os.environ),
        )
        with PostgresReader(store, tables, checkpoint_schema=CHECKPOINT_SCHEMA) as reader:
            start_ms = max(START_MS, reader.head().at_ms)
            config = replace(CONFIG, strategy=replace(CONFIG.strategy, name=strategy))
            started = SessionStarted(config, "test", "00", "outside", "synthetic")
            self.runner = begin(
                self.journal, reader, strategies, started, start_ms, outbox=self.outbox, in_process=False
            )
        self.see(self.market.tick(start_ms))
        may_begin.set()
        for instrument in self.market.instruments():
            self.feed(start_ms, instrument)
        self.reconcile()

    def see(self, tick: MarketTick) -> None:
        """Let the exchange see new prices."""
        for answer in self.exchange.observe(tick):
            self.answers.put(answer)

    def reconcile(self) -> None:
        """Hear again what happened to every order that we believe to be open."""
        for deal in held(self.runner):
            for order in deal.orders:
                for answer in self.exchange.query(order.order_id):
                    self.answers.put(answer)

    def feed(self, at_ms: int, input_: Input) -> None:
        """Take an input and all answers that are there, and wait while the disk is far behind."""
        self.runner.feed(at_ms, input_)
        head = self.runner.kernel.head
        while self.runner.kernel.head.input_seq - self.journal.durable_input() > AHEAD_MAX or not self.answers.empty():
            try:
                self.runner.feed(head.at_ms, self.answers.get(timeout=0.005))
            except queue.Empty:
                continue

    def trade(self, until_ms: int) -> None:
        """Live through the market up to a moment."""
        for due_ms, input_ in self.market.feed(self.runner.kernel.head.at_ms - 1, TICK_MS):
            if due_ms > until_ms:
                return
            if isinstance(input_, MarketTick):
                self.see(input_)
            self.feed(due_ms, input_)

    def leave(self) -> None:
        """Live on until nothing is held, and end the session."""
        last_ms = self.runner.kernel.head.at_ms + PATIENCE_MINUTES * MINUTE_MS
        while deals := held(self.runner):
            at_ms = self.runner.kernel.head.at_ms
            assert at_ms < last_ms, f"still held after {PATIENCE_MINUTES} minutes: {deals}"
            self.trade(at_ms + MINUTE_MS)
        self.runner.feed(self.runner.kernel.head.at_ms, SessionEnded("done"))
        self.runner.checkpoint()
        self.journal.close()


def held(runner: Runner) -> list[Deal]:
    """Give all deals that are not over."""
    states = [actor.state for actor in runner.kernel.population.actors()]
    return [state.deal for state in states if isinstance(state, Entering | Open | Exiting | Closed)]


def fault() -> Callable[[str], None]:
    """Give what kills this process at a step of the handler, if that is asked for."""
    name, _, count = os.environ.get("TRADER_FAULT", ":0").partition(":")
    left = {name: int(count)}

    def step(at: str) -> None:
        left[at] = left.get(at, 0) - 1
        if left[at] == 0:
            kill_self()

    return step


def main() -> None:
    """Trade; the last session lets everything run out."""
    store, file, minutes = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    trader = Trader(store, file, "eager" if minutes else "resting")
    print("trading", flush=True)
    if minutes:
        trader.trade(trader.runner.kernel.head.at_ms + minutes * MINUTE_MS)
        trader.journal.close()
    else:
        trader.leave()


if __name__ == "__main__":
    main()
