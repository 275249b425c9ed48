"""What benchmarks store and read: steps as the kernel makes them, over a market that is drawn from a fixed seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Final

from actors.kernel import Kernel
from actors.ports import Frame, Head, Step
from domain.base import Input, Recorded
from domain.catalog import NO_EFFECTS, TOPICS, encode_event, encode_input
from domain.config import Config, StrategyConfig
from domain.deal import ExitReason, Plan
from domain.market import MINUTE_MS, Candle, CandleArrived
from domain.operations import ClockTicked, SessionStarted
from domain.position_events import PositionClosed
from domain.proof.chain import roll, row_bytes
from domain.values import Side
from infra.code_version import strategy_named
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.session import begin

START_MS: Final = 1_746_057_600_000
"""2025-05-01, UTC."""
SYMBOLS: Final = 20
_SEED: Final = 1


def symbol_names(count: int) -> list[str]:
    """Name so many symbols."""
    return [f"B{number:03d}USDT" for number in range(count)]


def candles(symbols: int, minutes: int) -> Iterator[CandleArrived]:
    """Give closed 1m candles of all symbols, minute by minute, with everything that may stand beside a candle."""
    draw = random.Random(_SEED)  # noqa: S311 - prices, not secrets
    names = symbol_names(symbols)
    prices = [100.0 + 10.0 * at for at in range(symbols)]
    for minute in range(minutes):
        for at, name in enumerate(names):
            opened = prices[at]
            close = prices[at] = round(opened * (1.0 + draw.gauss(0.0, 0.001)), 4)
            high, low = max(opened, close) * 1.0005, min(opened, close) * 0.9995
            yield CandleArrived(name, _candle(START_MS + minute * MINUTE_MS, opened, high, low, close, draw.random()))


def _candle(open_time_ms: int, opened: float, high: float, low: float, close: float, activity: float) -> Candle:
    volume = round(1_000.0 * activity + 1.0, 3)
    return Candle(
        open_time_ms,
        opened,
        high,
        low,
        close,
        volume,
        quote_volume=volume * close,
        trades=int(volume),
        taker_buy_volume=volume / 3.0,
        taker_buy_quote_volume=volume * close / 3.0,
        mark=close,
        index=close * 1.0001,
        funding_rate=0.0001,
        bid=close - 0.0001,
        ask=close + 0.0001,
        open_interest=50_000.0 + volume,
    )


def analysed(symbols: int, minutes: int) -> list[Step]:
    """Give the steps of a run over `candles`: every minute closes, every fifth is analysed, no contract is known and
    so nothing is traded.
    """
    started = SessionStarted(Config(strategy=StrategyConfig(name="trend")), "bench", "", "none", "drawn")
    with closing(Kernel(MemoryJournal(), strategy_named)) as kernel:
        return [kernel.process(START_MS, started), *_steps(kernel, candles(symbols, minutes))]


def traded(symbols: int, minutes: int, config: Config) -> list[Step]:
    """Give the steps of a run over the synthetic market: analyses, positions, orders, fills."""
    market, journal, steps = SyntheticMarket(_SEED, symbols), MemoryJournal(), list[Step]()
    started = SessionStarted(config, "bench", "", "none", "drawn")
    runner = begin(journal, journal, strategy_named, started, START_MS, on_step=steps.append)
    with closing(runner.kernel):
        for instrument in market.instruments():
            runner.feed(START_MS, instrument)
        closed: list[CandleArrived] = []
        for due_ms, input_ in market.feed(START_MS, MINUTE_MS):
            if due_ms > START_MS + minutes * MINUTE_MS:
                return steps
            if isinstance(input_, CandleArrived):
                closed.append(input_)
                continue
            runner.feed_candles(due_ms, MINUTE_MS, tuple(closed))
            closed.clear()
            runner.feed(due_ms, input_)
    return steps


def _steps(kernel: Kernel, arrivals: Iterable[CandleArrived]) -> Iterator[Step]:
    for arrived in arrivals:
        yield kernel.process(arrived.candle.open_time_ms + MINUTE_MS, arrived)


def closed_positions(count: int) -> Iterator[Step]:
    """Give a history of nothing but positions that close, one an input, as if the rest had been left out."""
    names = symbol_names(SYMBOLS)
    head = Head()
    for number in range(1, count + 1):
        symbol = names[number % SYMBOLS]
        at_ms = START_MS + number * 40_000
        step = one_event(head, at_ms, f"position:main/{symbol}-{number}", _closed(symbol, number, at_ms))
        head = Head(number, number, at_ms, step.content_hash)
        yield step


def one_event(head: Head, at_ms: int, stream: str, event: PositionClosed) -> Step:
    """Give the step of an input that made one event, the first of its stream."""
    input_: Input = ClockTicked()
    seq, input_seq = head.seq + 1, head.input_seq + 1
    row = row_bytes(seq, stream.encode(), 1, TOPICS[type(event)], encode_event(input_seq, at_ms, event))
    frame = Frame(input_seq, at_ms, encode_input(input_), NO_EFFECTS)
    content = roll(head.content_hash, input_seq, at_ms, frame.input, (row,), frame.effects)
    return Step(frame, (Recorded(seq, stream, 1, input_seq, at_ms, event),), (row,), (), content)


def _closed(symbol: str, number: int, at_ms: int) -> PositionClosed:
    gross = Decimal(number % 4001 - 2000).scaleb(-2) + Decimal("0.12345678")
    fees, funding = Decimal("1.2345"), Decimal("-0.12345678")
    plan = Plan(
        account="main",
        symbol=symbol,
        side=Side.LONG,
        quantity=Decimal("0.123"),
        reference_price=Decimal("50000.1"),
        stop=Decimal("49000.1"),
        target=Decimal("52000.1"),
        leverage=5,
        margin=Decimal("1230.00"),
        time_stop_ms=7_200_000,
        signal_id=f"symbol:{symbol}@{number}",
        strategy="trend",
        confidence=0.61,
        win=0.4,
    )
    return PositionClosed(
        reason=ExitReason.TARGET,
        time_ms=at_ms,
        held_ms=3_600_000,
        quantity=plan.quantity,
        entry_price=Decimal("50000.12345678"),
        exit_price=Decimal("50500.12345678"),
        gross=gross,
        fees=fees,
        funding=funding,
        net=gross - fees + funding,
        favourable_excursion=Decimal("0.01234567"),
        adverse_excursion=Decimal("0.00234567"),
        plan=plan,
    )
