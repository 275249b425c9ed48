"""What a symbol's actor holds: plain facts, candle windows, and what it knows beside its candles."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

import msgspec

from domain.analysis.reading import FrozenReading, Reading
from domain.candles import Frames
from domain.instrument import Instrument
from domain.market import MINUTE_MS, Candle, Quote
from domain.scoring import GateState, PublicationState
from domain.scoring.gates import data_quality
from domain.symbol.context import Context
from domain.values import Side

QUALITY_WINDOW_MS = 5 * MINUTE_MS


class Attached(msgspec.Struct, frozen=True):
    """A position that watches this symbol."""

    position: str
    side: Side
    account: str


class Defect(msgspec.Struct, frozen=True, array_like=True):
    """How many candles were missing, came out of order or did not match another one of their time, at `time_ms`."""

    time_ms: int
    missing: int
    out_of_order: int
    mismatched: int


class Facts(msgspec.Struct):
    """The part of a symbol's state that is plain values.

    `leaving`: it is delisted, and its terms are kept until nothing is open in it.
    """

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
    defects: tuple[Defect, ...] = ()
    gate_state: GateState = GateState()
    publication: PublicationState = PublicationState()
    leaving: bool = False

    @property
    def tradable(self) -> bool:
        """Whether something new may be opened."""
        return self.instrument is not None and not self.leaving

    def found(self, time_ms: int, missing: int, out_of_order: int, mismatched: int) -> None:
        """Note what was wrong with the candles around `time_ms`; forget what is too old to count."""
        fresh = tuple(defect for defect in self.defects if defect.time_ms > time_ms - QUALITY_WINDOW_MS)
        self.defects = (*fresh, Defect(time_ms, missing, out_of_order, mismatched))

    def data_quality(self, time_ms: int, base_ms: int) -> float:
        """Give how good the candles of the last 5 minutes were, 0 … 1 (`scoring.gates.data_quality`)."""
        if not self.defects:
            return 1.0
        span_ms = max(QUALITY_WINDOW_MS, base_ms)
        recent = [defect for defect in self.defects if defect.time_ms > time_ms - span_ms]
        expected = span_ms / base_ms
        missing = sum(defect.missing for defect in recent)
        out_of_order = sum(defect.out_of_order for defect in recent)
        mismatched = sum(defect.mismatched for defect in recent)
        shares = (min(1.0, count / expected) for count in (missing, out_of_order, mismatched))
        missing_share, order_share, match_share = shares
        return data_quality(missing_share, order_share, 0.0, match_share)


class Kept(msgspec.Struct, frozen=True):
    """What is kept for the strategy: the indicators of these intervals, and the reading of the candles."""

    indicators: tuple[str, ...]
    reading: bool


class SymbolState:
    """A symbol's facts and windows, and what its candles and the market say.

    `kept` is what its strategy needs, None before the first event; `reading` is None where it is not kept. `closed`
    are the intervals that the newest candle closed; `quote` is ephemeral.
    """

    __slots__ = ("closed", "context", "facts", "frames", "kept", "quote", "reading")

    def __init__(self, facts: Facts, frames: Frames, context: Context, reading: Reading | None) -> None:
        self.facts = facts
        self.frames = frames
        self.context = context
        self.reading = reading
        self.closed: tuple[str, ...] = ()
        self.quote: Quote | None = None
        self.kept: Kept | None = None

    @classmethod
    def initial(cls, symbol: str, base_interval: str) -> SymbolState:
        """Give the state before the first event: `keep` says what there is to be beside candles."""
        return cls(Facts(symbol), Frames(base_interval, ()), Context(), None)

    @property
    def interest_ms(self) -> int:
        """The newest hour of open interest that is known, -1 if none is."""
        return -1 if self.reading is None else self.reading.factors.interest.last_ms

    def keep(self, kept: Kept) -> None:
        """Keep these from now on. What was not kept until now begins with the candles that are held."""
        self.kept = kept
        self.frames.carry(kept.indicators)
        if not kept.reading:
            self.reading = None
        elif self.reading is None:
            self.reading = Reading.empty().again(self.frames)

    def close(self, candle: Candle) -> None:
        """Let all frames close that end with this candle, before anything is decided on them."""
        frames = self.frames
        self.closed = closed = frames.push(candle)
        if self.reading is not None and (len(closed) > 1 or frames.base_ms > MINUTE_MS):
            self.reading.close(closed, frames.newest)

    def empty(self) -> None:
        """Forget all candles, and what was read of them; open interest stays."""
        self.frames = self.frames.emptied()
        if self.reading is not None:
            self.reading = self.reading.again(self.frames)
        self.closed = ()

    def load(self, interval: str, candles: tuple[Candle, ...]) -> None:
        """Take in candles from before what is held."""
        fresh = not len(self.frames.frame(interval).window)
        self.frames.load(interval, candles)
        if self.reading is None:
            return
        if fresh:
            self.reading.close(repeat(interval, len(candles)), candles)
        else:
            self.reading = self.reading.again(self.frames)

    def learn_interest(self, points: Iterable[tuple[int, float]]) -> None:
        """Take the open interest (USDT) of full hours, oldest first."""
        if self.reading is not None:
            for hour_ms, notional in points:
                self.reading.factors.add_open_interest(hour_ms, notional)

    def describe(self) -> dict[str, object]:
        """Say what is held, in JSON types: facts, frames, and the structure of those that are read."""
        structures = {} if self.reading is None else self.reading.structures
        structure = {interval: one.describe() for interval, one in structures.items() if one.ready}
        return {**msgspec.to_builtins(self.facts), "frames": self.frames.describe(), "structure": structure}

    def freeze(self) -> bytes:
        """Give the state without its ephemeral part as canonical bytes."""
        return _encode(_Frozen(self.facts, self.context, self.frames.freeze(), self.reading and self.reading.freeze()))

    @classmethod
    def thaw(cls, data: bytes) -> SymbolState:
        """Give back the state that `freeze` wrote."""
        frozen = _decode(data)
        return cls(frozen.facts, Frames.thaw(frozen.frames), frozen.context, frozen.reading and frozen.reading.thaw())


class _Frozen(msgspec.Struct, array_like=True):
    facts: Facts
    context: Context
    frames: bytes
    reading: FrozenReading | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frozen).decode
