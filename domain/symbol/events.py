"""The facts of a symbol's stream. The rules that make them stand in `decider.py`."""

from __future__ import annotations

from typing import TypeAlias

from domain.analysis.assessment import Assessment
from domain.base import Event
from domain.deal import Plan
from domain.instrument import Instrument
from domain.market import Candle
from domain.market_view import Closes
from domain.strategies import Proposal
from domain.values import Side


class SymbolListed(Event, frozen=True, gc=False):
    """What the contract allows is known. `source`: the exchange, or assumed."""

    instrument: Instrument
    source: str


class SymbolDelisted(Event, frozen=True, gc=False):
    """The contract is not traded any more, and why: what is open in it is closed, and nothing new is opened."""

    reason: str


class HistoryLoaded(Event, frozen=True, gc=False):
    """Candles from before the run, for warm-up. `anew`: what was held of all intervals is forgotten with this."""

    interval: str
    candles: tuple[Candle, ...]
    anew: bool = False


class HistoryRefused(Event, frozen=True, gc=False):
    """Offered history did not fit."""

    interval: str
    count: int
    reason: str


class CandleClosed(Event, frozen=True, gc=False):
    """A candle of the base interval closed, with its market context: all that an analysis uses.

    `late`: it came too late to enter anything on it; `stale`: the symbol's price of that moment was not known.
    """

    candle: Candle
    late: bool = False
    stale: bool = False


class CandleRejected(Event, frozen=True, gc=False):
    """A candle was unusable and is counted, never traded on."""

    open_time_ms: int
    reason: str


class CandleGapFound(Event, frozen=True, gc=False):
    """Candles are missing: the first and the last open time that never came (ms, both included)."""

    first_ms: int
    last_ms: int


class OpenInterestLoaded(Event, frozen=True, gc=False):
    """Open interest at full hours (ms UTC, USDT) that was not known yet, oldest first."""

    points: tuple[tuple[int, float], ...]


class MarketSeen(Event, frozen=True, gc=False):
    """The symbol learnt hourly closes of a reference contract, and its trend: all that it knows of the market."""

    reference: str
    closes: Closes
    trend: float | None


class SymbolAnalyzed(Event, frozen=True, gc=False):
    """One analysis: what the strategy said, and the numbers that it rested on.

    `verdict` is LONG, SHORT or NONE; `reasons` are the strategy's own; `facts` name the values it looked at. The
    built-in strategies `factors`, `ict` and `hybrid` tell all of it in `assessment`; then `reasons` are all reasons
    why the verdict is not Prime, or is not published, and `facts` are empty.
    """

    time_ms: int
    interval: str
    close: float
    strategy: str
    verdict: str
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, float], ...] = ()
    confidence: float | None = None
    win: float | None = None
    assessment: Assessment | None = None


class SignalRaised(Event, frozen=True, gc=False):
    """The symbol's verdict changed to a side, and nothing stood against saying so. `number` counts its signals.

    `strength` (0 … 100) is that of the built-in strategies' assessment.
    """

    number: int
    time_ms: int
    strategy: str
    proposal: Proposal
    strength: float | None = None


class SignalDeclined(Event, frozen=True, gc=False):
    """A proposal was not followed, and all reasons why."""

    time_ms: int
    side: Side
    reasons: tuple[str, ...]
    strength: float | None = None


class PositionAttached(Event, frozen=True, gc=False):
    """A position in this symbol wants to see prices."""

    position: str
    side: Side
    account: str


class PositionDetached(Event, frozen=True, gc=False):
    """A position in this symbol is over."""

    position: str


class VirtualPositionPlanned(Event, frozen=True, gc=False):
    """A signal that is not traded is followed virtually. `replaces` is the opposite one that it closes, or "".

    Where there was no signal, `tier` (prime, watch) and `strength` (0 … 100) are the analysis's, and `reasons` are all
    reasons why there was none.
    """

    position: str
    plan: Plan
    why: str
    replaces: str
    reasons: tuple[str, ...] = ()
    strength: float | None = None
    tier: str = ""


EVENTS = (
    SymbolListed, HistoryLoaded, HistoryRefused, CandleClosed, CandleRejected, CandleGapFound, OpenInterestLoaded,
    MarketSeen, SymbolAnalyzed, SignalRaised, SignalDeclined, PositionAttached, PositionDetached,
    VirtualPositionPlanned, SymbolDelisted,
)  # fmt: skip
SymbolEvent: TypeAlias = (
    SymbolListed | HistoryLoaded | HistoryRefused | CandleClosed | CandleRejected | CandleGapFound | OpenInterestLoaded
    | MarketSeen | SymbolAnalyzed | SignalRaised | SignalDeclined | PositionAttached | PositionDetached
    | VirtualPositionPlanned | SymbolDelisted
)  # fmt: skip
