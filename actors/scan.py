"""The actor of the periodic scan's stream: `scan:main`."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain.base import Decider
from domain.config import Config
from domain.scan.decider import Scanning, decider
from domain.strategies import Strategy


class ScanActor(EventSourcedActor):
    """Runs `domain/scan/decider.py`."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[Scanning]:  # noqa: ARG003
        """Give the rules under these settings."""
        return decider(config)
