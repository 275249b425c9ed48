"""`analysis`: full analyses a second of one symbol with full windows.

Ours is what a symbol's actor does at a 5m close: the candle goes into windows, indicators, factors' memory and
structure, then the whole chain runs (scores, features, strategies, gates, levels, publication), and the event is
encoded.
The baseline is the same, computed from the whole windows at every close, as a program without memory does.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec.structs import replace

from domain.analysis import policy_of
from domain.calibration_tables import SHIPPED
from domain.candles import Window
from domain.catalog import encode_event
from domain.commands import Analyze
from domain.config import Config
from domain.features import IctView
from domain.indicators import adx, atr, bollinger, ema, macd, rsi
from domain.instrument import assumed
from domain.market import INTERVALS_MS, Candle, HistoryArrived, InstrumentArrived
from domain.scoring import GateState
from domain.scoring.whole import assess_windows
from domain.smc import Structure
from domain.strategies import ict
from domain.symbol import decider
from domain.symbol_state import SymbolState
from infra.bench.context import BenchContext
from infra.bench.histories import START_MS, candles
from infra.bench.measure import Measure, beside, rate, take_turns
from infra.code_version import strategy_named

UNIT: Final = "analyses/s"
BASELINE: Final = "the same computed from the whole windows"
SYMBOL: Final = "B000USDT"
_CONFIG: Final = Config(base_interval="5m")
_COUNTS: Final = {"1d": 100, "4h": 200, "1h": 300, "15m": 300, "5m": 300}


def bench_analysis(context: BenchContext) -> list[Measure]:
    """Measure the analysis beside its slow twin."""
    count = context.size(600, 12)
    closed = _five_minutes(count)
    ours, baseline = take_turns(
        context.rounds,
        lambda: _incremental(closed),
        lambda: _whole(closed, max(1, count // 20)),
    )
    return [beside("analysis", ours, UNIT, BASELINE, baseline)]


def warm() -> SymbolState:
    """Give a symbol with full windows of all frames, up to the start of the closes that are measured."""
    rules = decider(_CONFIG, strategy_named("hybrid"))
    state = rules.initial(f"symbol:{SYMBOL}")
    for wish in (InstrumentArrived(assumed(SYMBOL, 100.0), "bench"), *_histories()):
        for event in rules.decide(state, wish):
            state = rules.evolve(state, event)
    return state


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


def _five_minutes(count: int) -> list[Candle]:
    step_ms = INTERVALS_MS["5m"]
    drawn = (arrived.candle for arrived in candles(1, count))
    return [replace(one, open_time_ms=START_MS + at * step_ms) for at, one in enumerate(drawn)]


def _incremental(closed: list[Candle]) -> float:
    rules, state = decider(_CONFIG, strategy_named("hybrid")), warm()
    step_ms = INTERVALS_MS["5m"]

    def work() -> None:
        for candle in closed:
            state.close(candle)
            events = rules.decide(state, Analyze(candle.open_time_ms + step_ms))
            for event in events:
                rules.evolve(state, event)
                encode_event(1, 1, event)

    return rate(len(closed), work)


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
