"""The actor of one symbol's stream: `symbol:BTCUSDT`."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain import symbol, symbol_state
from domain.base import Decider
from domain.config import Config
from domain.strategies import Strategy


class SymbolActor(EventSourcedActor):
    """Runs `domain/symbol.py`."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[symbol_state.SymbolState]:
        """Give the rules under these settings."""
        return symbol.decider(config, strategy)
