"""What a symbol knows beside its candles: the market's hours, and its own open interest hour by hour."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from domain.market import Candle
from domain.market_view import Hours, extended, newer

OPEN_INTEREST_HOURS: Final = 200
"""What factor O looks at (cryptosignal.md §2.6)."""

Points = tuple[tuple[int, float], ...]


class Context(msgspec.Struct):
    """Mutable; `evolve` of the symbol is its only writer, by the methods below.

    `hours` are the closes of each reference contract, `open_interest` the newest hourly values (close time of the hour
    in ms UTC, base asset), oldest first. An hour that nobody knew is absent.
    """

    hours: dict[str, Hours] = msgspec.field(default_factory=dict[str, Hours])
    open_interest: list[tuple[int, float]] = msgspec.field(default_factory=list[tuple[int, float]])

    def hour_closed(self, candle: Candle, close_ms: int) -> None:
        """Note what stood beside the candle that closed an hour."""
        held = self.open_interest
        if candle.open_interest is not None and (not held or close_ms > held[-1][0]):
            held.append((close_ms, candle.open_interest))
            del held[:-OPEN_INTEREST_HOURS]

    def loaded(self, points: Points) -> None:
        """Put older open interest before what is held."""
        self.open_interest = [*points, *self.open_interest][-OPEN_INTEREST_HOURS:]

    def unknown(self, points: Points) -> Points:
        """Give the points that come before what is held, ascending, each time once."""
        first_ms = self.open_interest[0][0] if self.open_interest else None
        older = {at: value for at, value in points if 0.0 <= value < math.inf and (first_ms is None or at < first_ms)}
        return tuple(sorted(older.items()))[-OPEN_INTEREST_HOURS:]

    def seen(self, reference: str, closes: Hours) -> None:
        """Note newer closes of a reference contract."""
        self.hours = extended(self.hours, reference, closes)

    def unseen(self, reference: str, closes: Hours) -> Hours:
        """Give the closes that are newer than what is known."""
        return newer(self.hours.get(reference, ()), closes)
