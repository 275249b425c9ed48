"""The actor of one position's stream: `position:main/BTCUSDT-42`, or `position:virtual/…` without money."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain import position
from domain.base import Decider
from domain.config import Config
from domain.strategies import Strategy


class PositionActor(EventSourcedActor):
    """Runs `domain/position.py`: its commands carry every number, so no setting changes its rules."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[position.Position]:  # noqa: ARG003
        """Give the rules."""
        return position.DECIDER
