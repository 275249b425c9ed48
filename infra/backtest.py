"""A backtest: the same kernel, recorded candles as its input, the in-process exchange as its venue."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import cast

import msgspec

from actors.kernel import Kernel
from actors.ports import Reader, Step
from actors.runner import Runner
from domain.base import Input
from domain.market import INTERVALS_MS, CandleArrived
from domain.operations import SessionEnded, SessionStarted
from domain.strategies import Strategy
from infra.durability import DurableJournal
from infra.market.recorded import RecordedMarket
from infra.session import begin
from projections.totals import Totals


class BacktestResult(msgspec.Struct, frozen=True):
    """What a backtest brought. Money in USDT; `win_rate` and `max_drawdown` are fractions, `sharpe` is per trade."""

    run_id: str
    candles: int
    inputs: int
    events: int
    signals: int
    trades: int
    virtual_trades: int
    win_rate: float | None
    realized_pnl: Decimal
    fees: Decimal
    funding: Decimal
    max_drawdown: float
    sharpe: float | None
    chain_head: str
    elapsed_seconds: float
    candles_per_second: float


def run_id(started: SessionStarted, data_digest: str) -> str:
    """Name a backtest by what it is made of: settings, code, strategy and data."""
    made_of = msgspec.msgpack.encode(started) + data_digest.encode()
    return hashlib.sha256(made_of).hexdigest()[:12]


def remarks(market: RecordedMarket) -> Iterator[str]:
    """Say in sentences what the run did not use, and what it went without."""
    for report in market.reports:
        rejected = sum(count for _, count in report.rejected)
        if rejected:
            why = ", ".join(f"{count} {reason}" for reason, count in report.rejected)
            yield f"{report.symbol} {report.interval} {report.kind}: {rejected} of {report.rows} rows left out ({why})."
        if report.gaps:
            holes = f"{report.missing_candles} candles in {report.gaps} gaps"
            yield f"{report.symbol} {report.interval} {report.kind}: {holes} are missing."
    yield from market.went_without


def run(
    name: str,
    market: RecordedMarket,
    started: SessionStarted,
    journal: DurableJournal,
    reader: Reader,
    strategies: Callable[[str], Strategy],
    *,
    progress: Callable[[int], None] | None = None,
) -> BacktestResult:
    """Feed the whole market through a new run and make it durable. `progress` gets the number of candles so far."""
    began = time.perf_counter()
    totals = Totals()

    def count(step: Step) -> None:
        if step.events:
            totals.take(step.events)

    runner = begin(journal, reader, strategies, started, market.start_ms, on_step=count)
    feed_market(runner, market, progress)
    runner.feed(runner.kernel.head.at_ms, SessionEnded("end of data"))
    journal.close()
    result = _result(name, runner.kernel, totals, time.perf_counter() - began)
    runner.kernel.close()
    return result


def feed_market(runner: Runner, market: RecordedMarket, progress: Callable[[int], None] | None = None) -> None:
    """Feed contracts, warm-up history, candles and fundings of a recorded market, in time order."""
    interval_ms = INTERVALS_MS[market.base_interval]
    for input_ in (*market.instruments(), *market.warm_up()):
        runner.feed(market.start_ms, input_)
    candles, reported = 0, 0
    for due_ms, inputs in market.feed():
        if not isinstance(inputs[0], CandleArrived):  # what is due together is of one kind
            _feed_each(runner, due_ms, inputs)
            continue
        runner.feed_candles(due_ms, interval_ms, cast("tuple[CandleArrived, ...]", inputs))
        candles += len(inputs)
        if progress is not None and candles - reported >= 10_000:
            reported = candles
            progress(candles)


def _feed_each(runner: Runner, due_ms: int, inputs: Iterable[Input]) -> None:
    for input_ in inputs:
        runner.feed(due_ms, input_)


def _result(name: str, kernel: Kernel, totals: Totals, seconds: float) -> BacktestResult:
    return BacktestResult(
        run_id=name,
        candles=totals.candles,
        inputs=kernel.head.input_seq,
        events=kernel.head.seq,
        signals=totals.signals,
        trades=totals.closed,
        virtual_trades=totals.virtual_closed,
        win_rate=totals.win_rate,
        realized_pnl=totals.realized_pnl,
        fees=totals.fees,
        funding=totals.funding,
        max_drawdown=totals.max_drawdown,
        sharpe=totals.sharpe,
        chain_head=kernel.head.content_hash.hex(),
        elapsed_seconds=round(seconds, 3),
        candles_per_second=round(totals.candles / seconds, 1),
    )
