"""The actor of the market's stream: `market:main`."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain import market_view
from domain.base import Decider
from domain.config import Config
from domain.strategies import Strategy


class MarketActor(EventSourcedActor):
    """Runs `domain/market_view.py`."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[market_view.MarketView]:  # noqa: ARG003
        """Give the rules."""
        return market_view.DECIDER
