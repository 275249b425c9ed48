"""A recorded market traded again: its market inputs only, through today's code, on the in-process exchange.

What-if compares two such runs under different settings; parity compares one with the record.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

import msgspec

from actors.ports import Checkpoint, Reader, Step
from actors.runner import Runner
from domain.account import AccountOpened, FillBooked, FundingBooked
from domain.base import Event, Input, Recorded, kind_of
from domain.catalog import decode_input, name_of
from domain.deal import VIRTUAL
from domain.errors import InvalidInput, Unavailable
from domain.market import (
    INTERVALS_MS,
    CandleArrived,
    FundingArrived,
    HistoryArrived,
    InstrumentArrived,
    InstrumentLeft,
    MarketTick,
    OpenInterestArrived,
)
from domain.market_view import ReferenceHoursArrived
from domain.operations import ClockTicked, OperatorCommand, OperatorKind, RunStarted, SessionStarted
from domain.position_events import FundingSettled, PositionClosed
from domain.strategies import Strategy
from infra.memory import MemoryJournal
from infra.session import begin
from projections.totals import Totals

Progress = Callable[[int], None]
MARKET: Final = (
    InstrumentArrived,
    InstrumentLeft,
    HistoryArrived,
    OpenInterestArrived,
    ReferenceHoursArrived,
    CandleArrived,
    MarketTick,
    FundingArrived,
    ClockTicked,
)
CURVE_POINTS_MAX: Final = 5_000
WHO: Final = "what-if"
"""Who halts entries before the moment from which is traded."""


class Trade(msgspec.Struct, frozen=True):
    """A closed real position. `opened_ms` is when it was decided on; money in USDT."""

    position: str
    symbol: str
    side: str
    opened_ms: int
    closed_ms: int
    reason: str
    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    net: Decimal


class Outcome(msgspec.Struct, frozen=True):
    """What trading a market came to. `exposure` is the average number of positions that were open."""

    trades: int
    win_rate: float | None
    realized_pnl: Decimal
    fees: Decimal
    funding: Decimal
    max_drawdown: float
    sharpe: float | None
    signals: int
    exposure: float
    closed: tuple[Trade, ...]
    curve: tuple[tuple[int, Decimal], ...]
    events: tuple[Recorded, ...] = ()


def market_of(reader: Reader, *, ticks: bool = True, until_input: int | None = None) -> Iterator[tuple[int, Input]]:
    """Give the market inputs of a recorded run with their receipt times, without ticks if they are not wanted."""
    for frame in reader.frames(0, until_input):
        input_ = decode_input(frame.input)
        if isinstance(input_, MARKET) and (ticks or not isinstance(input_, MarketTick)):
            yield frame.at_ms, input_


def session_of(reader: Reader, at_input: int = 1) -> SessionStarted:
    """Give the settings in force at an input: those of the last session that had started by then.

    Raises `InvalidInput` for an empty run.
    """
    found: RunStarted | None = None
    for recorded in reader.events(0, topics=(name_of(RunStarted),)):
        if isinstance(recorded.event, RunStarted) and (found is None or recorded.input_seq <= at_input):
            found = recorded.event
    if found is None:
        raise InvalidInput("--run", "a run with recorded inputs", "an empty one")
    return SessionStarted(*msgspec.structs.astuple(found))


def trade(
    market: Iterator[tuple[int, Input]],
    started: SessionStarted,
    strategies: Callable[[str], Strategy],
    *,
    from_ms: int = 0,
    keep: tuple[type[Event], ...] = (),
    progress: Progress | None = None,
) -> Outcome:
    """Trade a market under the settings of `started`; `keep` names kinds of events to give back.

    With ticks, orders are filled at ticks; a market of candles alone is walked inside each candle, as in a backtest.
    What comes before `from_ms` only teaches the symbols their past: entries are halted until then, nothing counts.
    """
    first = next(market, None)
    if first is None:
        raise InvalidInput("--run", "a run with market inputs", "none")
    tally = _Tally(keep)
    runner = begin(_Scratch(), MemoryJournal(), strategies, started, first[0], on_step=tally.take)
    tally.counts = from_ms <= first[0]
    if not tally.counts:
        runner.feed(first[0], OperatorCommand(1, OperatorKind.HALT, "", WHO))
    interval_ms = INTERVALS_MS[started.config.base_interval]
    ticking = False
    for number, (_, dated) in enumerate(itertools.groupby(itertools.chain((first,), market), key=_moment)):
        together = list(dated)
        at_ms, kind = together[-1][0], type(together[0][1])
        if at_ms >= from_ms and not tally.counts:
            runner.feed(runner.kernel.head.at_ms, OperatorCommand(2, OperatorKind.RESUME, "", WHO))
            tally.counts = True
        ticking = ticking or kind is MarketTick
        if kind is CandleArrived and not ticking:
            candles = [input_ for _, input_ in together if isinstance(input_, CandleArrived)]
            runner.feed_candles(at_ms, interval_ms, candles)
        else:
            _feed(runner, together)
        if progress is not None and number % 5_000 == 0:
            progress(runner.kernel.head.input_seq)
    return tally.outcome(max(first[0], from_ms), runner.kernel.head.at_ms)


def _moment(dated: tuple[int, Input]) -> tuple[str, int]:
    """Say which inputs belong together: the candles of one time, even if they were received one after the other."""
    at_ms, input_ = dated
    if isinstance(input_, CandleArrived):
        return "candles", input_.candle.open_time_ms
    return type(input_).__name__, at_ms


def _feed(runner: Runner, dated: list[tuple[int, Input]]) -> None:
    for at_ms, input_ in dated:
        runner.feed(at_ms, input_)


class _Tally:
    """Sums a run up as its steps happen."""

    def __init__(self, keep: tuple[type[Event], ...]) -> None:
        self._keep = keep
        self._kept: list[Recorded] = []
        self._totals = Totals()
        self._trades: list[Trade] = []
        self._curve: list[tuple[int, Decimal]] = []
        self._covered_ms = 0
        self.counts = True

    def take(self, step: Step) -> None:
        """Follow a step; while nothing `counts`, only what the account began with."""
        if not self.counts:
            return
        self._totals.take(step.events)
        for recorded in step.events:
            event = recorded.event
            if isinstance(event, PositionClosed) and event.plan.account != VIRTUAL:
                self._trades.append(_trade(recorded.stream, event))
                self._covered_ms += event.held_ms
            elif isinstance(event, FundingSettled) and event.after_close is not None:
                self._trades = [
                    msgspec.structs.replace(trade, net=trade.net + event.amount)
                    if trade.position == recorded.stream
                    else trade
                    for trade in self._trades
                ]
            elif isinstance(event, AccountOpened | FillBooked | FundingBooked):
                self._curve.append((recorded.at_ms, event.balance))
            if isinstance(event, self._keep):
                self._kept.append(recorded)

    def outcome(self, start_ms: int, end_ms: int) -> Outcome:
        """Give the sums."""
        totals = self._totals
        every = max(1, len(self._curve) // CURVE_POINTS_MAX)
        return Outcome(
            trades=totals.closed,
            win_rate=totals.win_rate,
            realized_pnl=totals.realized_pnl,
            fees=totals.fees,
            funding=totals.funding,
            max_drawdown=totals.max_drawdown,
            sharpe=totals.sharpe,
            signals=totals.signals,
            exposure=self._covered_ms / max(1, end_ms - start_ms),
            closed=tuple(self._trades),
            curve=tuple(self._curve[::every]),
            events=tuple(self._kept),
        )


def _trade(position: str, event: PositionClosed) -> Trade:
    return Trade(
        position=position,
        symbol=event.plan.symbol,
        side=event.plan.side.value,
        opened_ms=event.time_ms - event.held_ms,
        closed_ms=event.time_ms,
        reason=event.reason.value,
        entry_price=event.entry_price,
        exit_price=event.exit_price,
        quantity=event.quantity,
        net=event.net,
    )


class _Scratch:
    """A journal that keeps nothing but what may be folded again: the streams of positions, account and operations."""

    def __init__(self) -> None:
        self._streams: dict[str, list[Recorded]] = {}

    def append(self, step: Step) -> None:
        for recorded in step.events:
            if kind_of(recorded.stream) != "symbol":
                self._streams.setdefault(recorded.stream, []).append(recorded)

    def commit_soon(self) -> None: ...

    def save(self, checkpoint: Checkpoint) -> None: ...

    def of_stream(self, stream: str, after_version: int = 0) -> Iterator[Recorded]:
        if kind_of(stream) == "symbol":
            raise Unavailable(f"The past of {stream}", "its actor crashed, most likely in the strategy")
        return iter(self._streams.get(stream, ())[after_version:])
