"""`analysis`: full analyses a second of one symbol with full windows.

Ours is what a symbol's actor does at a 5m close: the candle goes into windows, indicators, factors' memory and
structure, then the whole chain runs (scores, features, strategies, gates, levels, publication), and the event is
encoded. Book, trades, open interest and the references are known, so that no factor is missing. The indicators of all
frames are kept beside it: the strategy does not look at them, but one of a user's own may.
The baseline is the same, computed from the whole windows at every close, as a program without memory does.

`analysis:close` is the 5m close of 140 symbols with windows of their own, beside the five minutes that it may take.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
from msgspec.structs import replace

from domain.analysis.features import IctView
from domain.analysis.full import policy_of
from domain.base import Event
from domain.book import DepthSummary
from domain.calibration.shipped import SHIPPED
from domain.candles import Window
from domain.catalog import encode_event
from domain.commands import Analyze
from domain.config import Config
from domain.flow import TradeFlow
from domain.indicators import IndicatorSet, adx, atr, bollinger, ema, macd, rsi
from domain.instrument import assumed
from domain.market import INTERVALS_MS, Candle, HistoryArrived, InstrumentArrived, OpenInterestArrived
from domain.market_view import REFERENCES, SeeHours
from domain.scoring import GateState
from domain.scoring.whole import assess_windows
from domain.smc import Structure
from domain.strategies import ict
from domain.symbol.decider import decider
from domain.symbol.state import SymbolState
from infra.bench.context import BenchContext
from infra.bench.histories import START_MS, candles
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.code_version import strategy_named

UNIT: Final = "analyses/s"
BASELINE: Final = "the same computed from the whole windows"
FIVE_MINUTES: Final = "the five minutes until the next one"
SYMBOL: Final = "B000USDT"
SYMBOLS: Final = 140
_CONFIG: Final = Config(base_interval="5m")
_COUNTS: Final = {"1d": 100, "4h": 200, "1h": 300, "15m": 300, "5m": 300}


def bench_analysis(context: BenchContext) -> list[Measure]:
    """Measure the analysis beside its slow twin."""
    count = context.size(600, 12)
    closed = five_minutes(count)
    ours, baseline = take_turns(
        context.rounds,
        lambda: _incremental(closed),
        lambda: _whole(closed, max(1, count // 20)),
    )
    symbols = context.size(SYMBOLS, 4)
    closing_ms = _close_ms([warm() for _ in range(symbols)], closed[: context.size(10, 2)])
    return [
        beside("analysis", ours, UNIT, BASELINE, baseline),
        beside("analysis:close", closing_ms, f"ms for {symbols} symbols, lower is better", FIVE_MINUTES, 300_000.0),
    ]


def warm() -> SymbolState:
    """Give a symbol with full windows of all frames, up to the start of the closes that are measured."""
    rules = decider(_CONFIG, strategy_named("hybrid"))
    state = rules.initial(f"symbol:{SYMBOL}")
    for wish in (InstrumentArrived(assumed(SYMBOL, 100.0), "bench"), *_histories(), *_market()):
        for event in rules.decide(state, wish):
            state = rules.evolve(state, event)
    return state


def _market() -> list[OpenInterestArrived | SeeHours]:
    """Give what is known of the market: 200 hours of open interest, 48 of the references."""
    hour_ms = INTERVALS_MS["1h"]
    interest = tuple((START_MS - back * hour_ms, 1e7 * (1.0 + 0.001 * (back % 7))) for back in range(200, 0, -1))
    closes = tuple((START_MS - back * hour_ms, 100.0 + back % 5) for back in range(48, -1, -1))
    return [OpenInterestArrived(SYMBOL, interest), *(SeeHours(name, closes, 40.0) for name in REFERENCES)]


def _histories() -> list[HistoryArrived]:
    """Give random candles of every interval, all up to the same moment."""
    found: list[HistoryArrived] = []
    for interval, count in _COUNTS.items():
        step_ms = INTERVALS_MS[interval]
        first = START_MS - count * step_ms
        drawn = [arrived.candle for arrived in candles(1, count)]
        moved = [replace(one, open_time_ms=first + at * step_ms) for at, one in enumerate(drawn)]
        found.append(HistoryArrived(SYMBOL, interval, tuple(moved)))
    return found


def five_minutes(count: int) -> list[Candle]:
    """Give the closes that are measured, with everything beside them that a factor asks for."""
    step_ms = INTERVALS_MS["5m"]
    book = DepthSummary(1.0, 400_000.0, 380_000.0, 20_000.0, 0.6, 0.5)
    drawn = (arrived.candle for arrived in candles(1, count))
    return [
        replace(
            one,
            open_time_ms=START_MS + at * step_ms,
            depth=book,
            flow=TradeFlow(9_000, 900_000, 2_500.0, 400_000.0 + at, 380_000.0),
        )
        for at, one in enumerate(drawn)
    ]


def _incremental(closed: list[Candle]) -> float:
    state = warm()
    return rate(len(closed), lambda: analyse([state], closed))


def _close_ms(states: list[SymbolState], closed: list[Candle]) -> float:
    """Give how long one close of all symbols takes."""
    return 1_000.0 / rate(len(closed), lambda: analyse(states, closed))


def analyse(states: list[SymbolState], closed: list[Candle]) -> list[Event]:
    """Let candles close and be analysed in every symbol; give the events of the last one."""
    events: tuple[Event, ...] = ()
    rules, step_ms = decider(_CONFIG, strategy_named("hybrid")), INTERVALS_MS["5m"]
    beside_it = [defaultdict[str, IndicatorSet](IndicatorSet) for _ in states]
    for candle in closed:
        for state, indicators in zip(states, beside_it, strict=True):
            state.close(candle)
            for interval, one in zip(state.closed, state.frames.newest, strict=True):
                indicators[interval].update(one)
            events = rules.decide(state, Analyze(candle.open_time_ms + step_ms))
            for event in events:
                rules.evolve(state, event)
                encode_event(1, 1, event)
    return list(events)


def _whole(closed: list[Candle], count: int) -> float:
    state, policy, step_ms = warm(), policy_of(_CONFIG), INTERVALS_MS["5m"]

    def work() -> None:
        for candle in closed[:count]:
            state.frames.push(candle)
            windows = {name: tuple(state.frames.frame(name).window) for name in reversed(_COUNTS)}
            for name in windows:
                _indicators(state.frames.frame(name).window)
            m5, m15, h1 = (Structure.of(INTERVALS_MS[name], windows[name]) for name in ("5m", "15m", "1h"))
            time_ms = candle.open_time_ms + step_ms
            around = state.context.around(candle, None, _CONFIG, 1.0)
            assess_windows(windows, (), around, policy, GateState(), SHIPPED["factors"], time_ms)
            ict.propose(IctView(SYMBOL, time_ms, candle.close, m5, m15, h1))

    return rate(count, work)


def _indicators(window: Window) -> None:
    high, low, close = (np.ascontiguousarray(column) for column in (window.high, window.low, window.close))
    ema(close, 20)
    ema(close, 50)
    rsi(close, 14)
    macd(close, 12, 26, 9)
    bollinger(close, 20, 2.0)
    adx(high, low, close, 14)
    atr(high, low, close, 14)
