"""What a strategy is: one file with one function `propose(view) -> Proposal | Pass`.

It is called when a candle of the analysis interval has closed, looks at closed candles only, and says what it would do
and why. It keeps nothing between two calls: the same view gives the same answer. `trend.py` is the example to copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from domain.candles import Frame, Frames
from domain.values import Facts, Side

if TYPE_CHECKING:  # both rest on this module
    from domain.analysis.reading import Reading
    from domain.factors import MarketContext


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """A trade worth taking: which way, at which prices (USDT), how sure, and why.

    `confidence` (0 … 1) ranks proposals and sizes the position; `win` (0 … 1) is the estimated probability that the
    target comes before the stop. `facts` are the numbers that it rested on, by name.
    """

    side: Side
    entry: float
    stop: float
    target: float
    confidence: float
    win: float
    reasons: tuple[str, ...] = ()
    facts: Facts = ()


class Pass(msgspec.Struct, frozen=True, gc=False):
    """No trade, and why: a stable code in upper case, and the numbers that it rested on."""

    reason: str
    facts: Facts = ()


class View(msgspec.Struct, frozen=True):
    """What a strategy may look at: the closed candles of one symbol as of `time_ms`, and nothing later.

    `time_ms` is the close time (UTC) of the newest candle of `interval`, the analysis interval. `reading` is what the
    closed candles say (the factors' memory, the structure of the frames), `context` what stood around the symbol; both
    are None where a view is made by hand, and where the strategy does not need them (`NEEDS`).
    """

    symbol: str
    time_ms: int
    interval: str
    frames: Frames
    reading: Reading | None = None
    context: MarketContext | None = None

    def frame(self, interval: str) -> Frame:
        """Give the candles and indicators of one interval. Raises `InvalidInput` if there is no such frame."""
        return self.frames.frame(interval)

    @property
    def close(self) -> float:
        """The newest close of the analysis interval."""
        return float(self.frame(self.interval).window.close[-1])


Strategy: TypeAlias = Callable[[View], Proposal | Pass]


class Needs(msgspec.Struct, frozen=True):
    """What a strategy looks at beside candles: the indicators of frames, `View.reading`, `View.context`."""

    indicators: bool = True
    reading: bool = True
    context: bool = True


NEEDS: Final = {
    "trend": Needs(reading=False, context=False),
    "factors": Needs(indicators=False),
    "ict": Needs(indicators=False),
    "hybrid": Needs(indicators=False),
}
"""The shipped strategies; one of a user's own gets everything."""


def needs_of(name: str) -> Needs:
    """Say what the strategy of this name (or path) looks at."""
    return NEEDS.get(name, Needs())


__all__ = ["Facts", "Needs", "Pass", "Proposal", "Strategy", "View", "needs_of"]
