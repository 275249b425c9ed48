"""What one symbol's closed candles say: the factors' memory, and the structure of the frames that trade on it.

It takes each closed candle once, in the order of time, and stands in checkpoints: after a restart it goes on to the
last bit as if it had never stopped. History that comes late, before what was read already, makes it begin anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.candles import Frames
from domain.factors import FactorState
from domain.factors.state import FactorTracks
from domain.market import INTERVALS_MS, Candle
from domain.smc import Structure

STRUCTURED: Final = ("5m", "15m", "1h")
"""The frames whose structure counts."""


class Reading:
    """Mutable; `evolve` of the symbol is its only writer."""

    __slots__ = ("factors", "structures")

    def __init__(self, factors: FactorState, structures: dict[str, Structure]) -> None:
        self.factors = factors
        self.structures = structures

    @classmethod
    def empty(cls) -> Reading:
        """Nothing read yet."""
        return cls(FactorState(), {interval: Structure(INTERVALS_MS[interval]) for interval in STRUCTURED})

    def close(self, intervals: Iterable[str], candles: Iterable[Candle]) -> None:
        """Take the candles that closed at one moment."""
        for interval, candle in zip(intervals, candles, strict=True):
            if interval != "1m":
                self.factors.close(interval, candle)
                structure = self.structures.get(interval)
                if structure is not None:
                    structure.update(candle)

    def again(self, frames: Frames) -> Reading:
        """Read all that the frames hold from its beginning; open interest stays, no candle of a window tells it."""
        fresh = Reading.empty()
        fresh.factors = FactorState(FactorTracks(interest=self.factors.interest))
        for interval in frames.intervals:
            for candle in frames.frame(interval).window:
                fresh.close((interval,), (candle,))
        return fresh

    def freeze(self) -> FrozenReading:
        """Give the state as a value."""
        return FrozenReading(self.factors.freeze(), self.structures)


class FrozenReading(msgspec.Struct, array_like=True):
    """A reading in a checkpoint."""

    factors: bytes
    structures: dict[str, Structure]

    def thaw(self) -> Reading:
        """Give the reading back."""
        return Reading(FactorState.thaw(self.factors), self.structures)
