"""What a symbol's actor holds: plain facts, candle windows, and what it knows beside its candles."""

from __future__ import annotations

import msgspec

from domain.candles import Frames
from domain.context import Context
from domain.instrument import Instrument
from domain.market import Quote
from domain.values import Side


class Attached(msgspec.Struct, frozen=True):
    """A position that watches this symbol."""

    position: str
    side: Side
    account: str


class Facts(msgspec.Struct):
    """The part of a symbol's state that is plain values."""

    symbol: str
    version: int = 0
    instrument: Instrument | None = None
    attached: tuple[Attached, ...] = ()
    published: Side | None = None
    signals: int = 0
    last_signal_ms: int | None = None
    last_gap_ms: int | None = None
    candles: int = 0
    rejected: int = 0
    gaps: int = 0


class SymbolState:
    """A symbol's facts and windows. `closed` are the intervals that the newest candle closed; `quote` is ephemeral."""

    __slots__ = ("closed", "context", "facts", "frames", "quote")

    def __init__(self, facts: Facts, frames: Frames, context: Context) -> None:
        self.facts = facts
        self.frames = frames
        self.context = context
        self.closed: tuple[str, ...] = ()
        self.quote: Quote | None = None
