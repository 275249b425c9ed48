"""The states of one position. `position.py` says how it gets from one to the next."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from domain.deal import Deal, ExitReason
from domain.orders import Role


class Flat(msgspec.Struct, frozen=True, tag=True):
    """Nothing happened yet."""

    id: str


class Entering(msgspec.Struct, frozen=True, tag=True):
    """The entry is requested and nothing of it is filled."""

    deal: Deal


class Open(msgspec.Struct, frozen=True, tag=True):
    """Something is filled, and nobody wants to leave yet."""

    deal: Deal


class Exiting(msgspec.Struct, frozen=True, tag=True):
    """An exit at the market is on its way, or all is sold and the rest of the entry is being taken back."""

    deal: Deal
    reason: ExitReason

    @property
    def lacks_order(self) -> bool:
        """Whether something is held, and no exit for it is under way."""
        return self.deal.quantity > 0 and self.deal.live(Role.EXIT) is None


class Closed(msgspec.Struct, frozen=True, tag=True):
    """Over. Orders may still wait for the answer to their cancellation."""

    deal: Deal


Position: TypeAlias = Flat | Entering | Open | Exiting | Closed
