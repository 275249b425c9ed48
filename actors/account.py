"""The actor of one account's stream: `account:main`."""

from __future__ import annotations

from actors.base import EventSourcedActor
from domain import account
from domain.base import Decider
from domain.config import Config
from domain.strategies import Strategy


class AccountActor(EventSourcedActor):
    """Runs `domain/account.py`."""

    @classmethod
    def decider_for(cls, config: Config, strategy: Strategy) -> Decider[account.Account]:  # noqa: ARG003
        """Give the rules under these settings."""
        return account.decider(config)
