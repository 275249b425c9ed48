"""The twelve factors of one symbol: ten that are weighed, F that modulates, E that is reported.

- `context.py`: what may be known beside the candles; summaries of depth and trades
- `state.py`: what is remembered from bar to bar (`FactorState`), and the view that a factor looks at (`FactorView`)
- `bars.py`, `tracks.py`, `series.py`: that memory's parts
- `base.py`: `FactorScore`, the mapping
- one file a factor: T `trend` M `momentum` C `flow` S `structure` V `volume` O `open_interest` L `liquidity` B `basis`
  Q `aggression` I `independence` F `funds` E `environment`
- `whole.py`: the same scores computed from whole windows with numpy, the slow twin for tests and benchmarks

T M C V O B Q have a direction; S L I are quality. Each file lists what it repairs of the older system.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from domain.factors import (
    aggression,
    basis,
    environment,
    flow,
    funds,
    independence,
    liquidity,
    momentum,
    open_interest,
    structure,
    trend,
    volume,
)
from domain.factors.base import FactorScore
from domain.factors.context import DepthSummary, MarketContext, Reference, TradeFlow, depth_summary, trade_flow
from domain.factors.state import FactorState, FactorView

Scores: TypeAlias = dict[str, FactorScore]

DIRECTIONAL = ("T", "M", "C", "V", "O", "B", "Q")
QUALITY = ("S", "L", "I")
WEIGHED = ("T", "M", "C", "S", "V", "O", "L", "B", "Q", "I")
NAMES = (*WEIGHED, "F", "E")

FACTORS: dict[str, Callable[[FactorView], FactorScore]] = {
    "T": trend.score,
    "M": momentum.score,
    "C": flow.score,
    "S": structure.score,
    "V": volume.score,
    "O": open_interest.score,
    "L": liquidity.score,
    "B": basis.score,
    "Q": aggression.score,
    "I": independence.score,
    "F": funds.score,
    "E": environment.score,
}
_OF_CLOSED_BARS = ("T", "M", "C", "S", "V", "O", "F", "E")


def score_all(view: FactorView) -> Scores:
    """Give all scores, in the order of `NAMES`. What rests on closed bars alone is kept until a bar closes."""
    kept: Scores | None = view.state.kept.get("scores")
    if kept is None:
        kept = view.state.kept["scores"] = {name: FACTORS[name](view) for name in _OF_CLOSED_BARS}
    return {name: kept[name] if name in kept else FACTORS[name](view) for name in NAMES}


__all__ = [
    "DIRECTIONAL",
    "FACTORS",
    "NAMES",
    "QUALITY",
    "WEIGHED",
    "DepthSummary",
    "FactorScore",
    "FactorState",
    "FactorView",
    "MarketContext",
    "Reference",
    "Scores",
    "TradeFlow",
    "depth_summary",
    "score_all",
    "trade_flow",
]
