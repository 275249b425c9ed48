"""`as_of`: seconds of `replay --at` at the end of a long history, the server already up.

Ours starts from the nearest checkpoint, as a user's question does, and gives every stream's state for a human, with its
hash. The baseline folds from zero what no checkpoint tells. Both answers must be the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from actors.kernel import CHECKPOINT_SCHEMA
from domain.config import Config, StrategyConfig
from domain.errors import CorruptHistory
from domain.market import MINUTE_MS
from domain.operations import SessionStarted
from infra import replay
from infra.bench.context import BenchContext
from infra.bench.histories import START_MS, SYMBOLS, candles
from infra.bench.measure import Measure, beside, take_turns, undisturbed
from infra.code_version import strategy_named
from infra.postgres.journal import PostgresJournal
from infra.postgres.reader import PostgresReader
from infra.postgres.tables import Tables
from infra.session import begin

UNIT: Final = "s, lower is better"
ROUNDS: Final = 3
_STARTED: Final = SessionStarted(Config(strategy=StrategyConfig(name="trend")), "bench", "", "paper", "drawn")


def bench_as_of(context: BenchContext) -> list[Measure]:
    """Measure a question about the last moment against a fold from zero."""
    events = context.size(1_050_000, 1_000)  # half-way between two checkpoints: neither the best moment nor the worst
    with context.tables() as tables:
        _fill(context, tables, events)
        with (
            PostgresReader(context.url, tables, checkpoint_schema=CHECKPOINT_SCHEMA) as ours,
            PostgresReader(context.url, tables, checkpoint_schema="none") as bare,
        ):
            seq = ours.head().seq
            if _state_hash(ours, seq) != _state_hash(bare, seq):
                raise CorruptHistory(seq, "the state from a checkpoint is not the state from zero")
            checkpointed, folded = take_turns(
                min(ROUNDS, context.rounds),
                lambda: _seconds(lambda: _state_hash(ours, seq)),
                lambda: _seconds(lambda: _state_hash(bare, seq)),
            )
    return [beside("as_of", checkpointed, UNIT, f"folding {seq:,} events from zero", folded)]


def _fill(context: BenchContext, tables: Tables, events: int) -> None:
    """Run candles through a kernel until the history is so long, with the checkpoints that a run makes."""
    with (
        PostgresReader(context.url, tables, checkpoint_schema=CHECKPOINT_SCHEMA) as reader,
        closing(PostgresJournal(context.url, tables, lambda _: None, clock_kind="drawn")) as journal,
    ):
        runner = begin(journal, reader, strategy_named, _STARTED, START_MS)
        with closing(runner.kernel):
            for arrived in candles(SYMBOLS, events):
                runner.feed(arrived.candle.open_time_ms + MINUTE_MS, arrived)
                if runner.kernel.head.seq >= events:
                    break


def _state_hash(reader: PostgresReader, seq: int) -> str:
    return replay.as_of(reader, seq, strategy_named).state_hash


def _seconds(work: Callable[[], object]) -> float:
    with undisturbed():
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
