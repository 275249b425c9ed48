"""The slow twin of `assess`: the same verdict from whole windows, remembering nothing. Baseline of `bench analysis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.analysis.market_trend import coherence
from domain.calibration.table import Calibration
from domain.factors import FactorState, FactorView, MarketContext
from domain.factors.whole import whole_scores
from domain.market import Candle
from domain.scoring.gates import GateState
from domain.scoring.policy import ScoringPolicy
from domain.scoring.verdict import Verdict, judge_scores


def assess_windows(
    windows: Mapping[str, Sequence[Candle]],
    interest: Sequence[tuple[int, float]],
    context: MarketContext,
    policy: ScoringPolicy,
    gates: GateState,
    calibration: Calibration,
    time_ms: int,
) -> tuple[Verdict, GateState]:
    """Run the chain over closed candles by interval (5m, 15m, 1h, 4h, 1d) and hourly open interest (UTC ms, USDT)."""
    state = FactorState()
    for interval, candles in windows.items():
        for candle in candles:
            state.close(interval, candle)
    scores = whole_scores(windows["1h"], windows["15m"], interest, context)
    view = FactorView("", time_ms, state, context)
    return judge_scores(scores, coherence(state), view, policy, gates, calibration)
