"""Scores, states and verdicts made to measure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace
from walks import HOUR, START, scaled, walk

from domain.calibration.table import Calibration
from domain.factors import NAMES, FactorScore, FactorState, FactorView, MarketContext, Scores
from domain.market import Candle
from domain.scoring import GateState, ScoringPolicy, Verdict
from domain.scoring.verdict import judge_scores

PLAIN = Calibration("factors", "plain", ((0.0, 0.0), (100.0, 1.0)), prime_strength=50.0)
LISTED_LONG_AGO = START - 400 * 24 * HOUR


def score(value: float | None) -> FactorScore:
    return FactorScore(value, 1.0, (), "made to measure")


def scores(values: Mapping[str, float | None] | None = None, **named: float | None) -> Scores:
    """All factors missing but the named ones."""
    given = {**(values or {}), **named}
    return {name: score(given.get(name)) for name in NAMES}


def every(value: float, **others: float | None) -> Scores:
    """The directional factors at one value, S, L, I and F at 0, unless said otherwise."""
    base: dict[str, float | None] = dict.fromkeys(("T", "M", "C", "V", "O", "B", "Q"), value)
    return scores({**base, "S": 0.0, "L": 0.0, "I": 0.0, "F": 0.0, "E": 0.0}, **others)


def rising(bars: int = 120, drift: float = 0.0) -> list[Candle]:
    return [scaled([candle], (1.0 + drift) ** at)[0] for at, candle in enumerate(walk(4, bars))]


def state_of(candles: list[Candle], four_hours: int = 60) -> FactorState:
    state = FactorState()
    for candle in candles:
        state.close("1h", candle)
    for at in range(four_hours):
        state.close("4h", replace(candles[0], open_time_ms=START + 4 * HOUR * at))
    return state


def judged(
    given: Scores,
    context: MarketContext | None = None,
    policy: ScoringPolicy | None = None,
    *,
    gates: GateState | None = None,
    state: FactorState | None = None,
    coherent: float = 100.0,
    calibration: Calibration = PLAIN,
    time_ms: int | None = None,
) -> tuple[Verdict, GateState]:
    """Judge scores made to measure, on a mature contract unless the context says otherwise."""
    state = state or state_of(rising())
    context = context or MarketContext(onboard_ms=LISTED_LONG_AGO)
    at_ms = state.hour.last_open_ms + HOUR if time_ms is None else time_ms
    view = FactorView("BTCUSDT", at_ms, state, context)
    return judge_scores(given, coherent, view, policy or ScoringPolicy(), gates or GateState(), calibration)
