"""A strategy that looks at candles only: structure and factors are not kept for it, and begin when one needs them."""

from __future__ import annotations

from symbol_steps import STREAM, candle

from domain.analysis.full import unasked
from domain.config import Config, StrategyConfig
from domain.market import HistoryArrived, OpenInterestArrived
from domain.strategies import trend
from domain.symbol.decider import decider
from domain.symbol.events import CandleClosed, HistoryLoaded, OpenInterestLoaded
from domain.symbol.state import SymbolState

TREND = decider(Config(strategy=StrategyConfig(name="trend")), trend.propose)
HYBRID = decider(Config(), unasked)
CLOSED = [CandleClosed(candle(minute, 100.0 + minute % 17)) for minute in range(120)]


def test_nothing_is_read_for_it() -> None:
    state = TREND.initial(STREAM)
    for event in (HistoryLoaded("1h", (candle(-60),)), *CLOSED):
        state = TREND.evolve(state, event)
    assert state.reading is None
    assert len(state.frames.frame("5m").window) == 24
    assert TREND.freeze(SymbolState.thaw(state.freeze())) == state.freeze()


def test_open_interest_is_not_asked_for_by_it() -> None:
    arrived = OpenInterestArrived("BTCUSDT", ((3_600_000, 1.0),))
    assert TREND.decide(TREND.initial(STREAM), arrived) == ()
    (loaded,) = HYBRID.decide(HYBRID.initial(STREAM), arrived)
    assert TREND.evolve(TREND.initial(STREAM), loaded).interest_ms == -1
    assert HYBRID.evolve(HYBRID.initial(STREAM), OpenInterestLoaded(arrived.points)).interest_ms == 3_600_000


def test_the_next_strategy_that_reads_begins_with_what_is_held() -> None:
    switched, always = TREND.initial(STREAM), HYBRID.initial(STREAM)
    for event in CLOSED[:60]:
        switched, always = TREND.evolve(switched, event), HYBRID.evolve(always, event)
    for event in CLOSED[60:]:
        switched, always = HYBRID.evolve(switched, event), HYBRID.evolve(always, event)
    assert switched.reading is not None
    assert switched.freeze() == always.freeze()
    assert TREND.evolve(switched, CandleClosed(candle(120))).reading is None


def test_history_is_held_for_it_as_for_others() -> None:
    history = HistoryArrived("BTCUSDT", "1h", (candle(0), candle(60)))
    (loaded,) = TREND.decide(TREND.initial(STREAM), history)
    assert len(TREND.evolve(TREND.initial(STREAM), loaded).frames.frame("1h").window) == 2
