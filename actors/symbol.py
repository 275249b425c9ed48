"""The actor of one symbol's stream: `symbol:BTCUSDT`."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain.base import Decider
from domain.config import Config
from domain.strategies import Strategy
from domain.symbol.decider import decider
from domain.symbol.state import SymbolState


class SymbolActor(EventSourcedActor):
    """Runs `domain/symbol/decider.py`."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[SymbolState]:
        """Give the rules under these settings."""
        return decider(config, strategy)
