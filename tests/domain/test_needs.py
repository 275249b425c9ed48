"""What a strategy does not look at is not kept for it, and begins with the held candles when one needs it."""

from __future__ import annotations

import pytest
from symbol_steps import STREAM, candle

from domain.analysis.full import NAMES, unasked
from domain.base import Decider
from domain.config import Config, StrategyConfig
from domain.errors import InvalidInput
from domain.market import HistoryArrived, OpenInterestArrived
from domain.strategies import needs_of, trend
from domain.symbol.decider import decider
from domain.symbol.events import CandleClosed, HistoryLoaded, OpenInterestLoaded, SymbolEvent
from domain.symbol.state import SymbolState

TREND = decider(Config(strategy=StrategyConfig(name="trend")), trend.propose)
HYBRID = decider(Config(), unasked)
MINE = decider(Config(strategy=StrategyConfig(name="mine.py")), trend.propose)
CLOSED = [CandleClosed(candle(minute, 100.0 + minute % 17)) for minute in range(120)]


def folded(rules: Decider[SymbolState], *events: SymbolEvent, state: SymbolState | None = None) -> SymbolState:
    state = rules.initial(STREAM) if state is None else state
    for event in events:
        state = rules.evolve(state, event)
    return state


def test_trend_looks_at_indicators_and_the_full_analysis_at_what_candles_say() -> None:
    plain, full, own = (folded(rules, *CLOSED) for rules in (TREND, HYBRID, MINE))
    assert plain.reading is None
    assert full.reading is not None
    assert own.reading is not None
    assert own.reading.freeze() == full.reading.freeze()
    assert own.frames.freeze() == plain.frames.freeze()
    with pytest.raises(InvalidInput):
        _ = full.frames.frame("5m").indicators
    assert full.frames.frame("5m").window == plain.frames.frame("5m").window
    for name in NAMES:
        assert needs_of(name).reading


@pytest.mark.parametrize("rules", [TREND, HYBRID, MINE])
@pytest.mark.parametrize("before", [TREND, HYBRID, MINE])
def test_the_next_strategy_begins_with_what_is_held(before: Decider[SymbolState], rules: Decider[SymbolState]) -> None:
    switched = folded(rules, *CLOSED[60:], state=folded(before, *CLOSED[:60]))
    assert rules.freeze(switched) == rules.freeze(folded(rules, *CLOSED))
    thawed = folded(rules, *CLOSED[60:], state=rules.thaw(before.freeze(folded(before, *CLOSED[:60]))))
    assert rules.freeze(thawed) == rules.freeze(switched)


def test_open_interest_is_taken_by_who_looks_at_it() -> None:
    arrived = OpenInterestArrived("BTCUSDT", ((3_600_000, 1.0),))
    assert TREND.decide(TREND.initial(STREAM), arrived) == ()
    (loaded,) = HYBRID.decide(HYBRID.initial(STREAM), arrived)
    assert folded(TREND, loaded).interest_ms == -1
    assert folded(HYBRID, OpenInterestLoaded(arrived.points)).interest_ms == 3_600_000


def test_history_is_held_for_everybody() -> None:
    history = HistoryArrived("BTCUSDT", "1h", (candle(0), candle(60)))
    (loaded,) = TREND.decide(TREND.initial(STREAM), history)
    assert len(folded(TREND, loaded).frames.frame("1h").window) == 2
    late = folded(MINE, HistoryLoaded("1h", (candle(60),)), HistoryLoaded("1h", (candle(0),)))
    whole = folded(MINE, HistoryLoaded("1h", (candle(0), candle(60))))
    assert late.frames.freeze() == whole.frames.freeze()


def test_an_operator_is_shown_the_structure_where_it_is_kept() -> None:
    told = folded(HYBRID, *CLOSED).describe()
    assert set(told["structure"]) == {"5m"}, "15m and 1h have too few bars yet"
    assert told["frames"]["5m"]["indicators"] is None
    told = folded(TREND, *CLOSED).describe()
    assert told["structure"] == {}
    assert set(told["frames"]["5m"]["indicators"]) >= {"ema20", "rsi14"}
