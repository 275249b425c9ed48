"""What a symbol knows of the market as a whole: the hourly closes of the reference contracts."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.market_view import Hours, extended, newer

OPEN_INTEREST_HOURS: Final = 200
"""How far back factor O looks (cryptosignal.md §2.6)."""


class Context(msgspec.Struct):
    """Mutable; `evolve` of the symbol is its only writer, by `seen`. `hours` are the closes of each reference."""

    hours: dict[str, Hours] = msgspec.field(default_factory=dict[str, Hours])

    def seen(self, reference: str, closes: Hours) -> None:
        """Note newer closes of a reference contract."""
        self.hours = extended(self.hours, reference, closes)

    def unseen(self, reference: str, closes: Hours) -> Hours:
        """Give the closes that are newer than what is known."""
        return newer(self.hours.get(reference, ()), closes)
