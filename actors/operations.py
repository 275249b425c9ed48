"""The actor of the run's own stream: `operations:main`."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain import operations
from domain.base import Decider
from domain.config import Config
from domain.strategies import Strategy


class OperationsActor(EventSourcedActor):
    """Runs `domain/operations.py`."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[operations.Operations]:  # noqa: ARG003
        """Give the rules."""
        return operations.DECIDER
