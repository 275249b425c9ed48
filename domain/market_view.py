"""The market as a whole: the hourly closes of the reference contracts, told to every symbol.

    symbol:BTCUSDT ──ReportHours──▶ market:main ──▶ HoursReported ──SeeHours──▶ every symbol that joined ─▶ MarketSeen
    symbol:…       ──JoinMarket───▶             ──▶ SymbolJoined  ──SeeHours──▶ that symbol, all that is known

So what a symbol knows of BTC and ETH stands in its own stream, in the order in which it learnt it: a replay, a restore
and a checkpoint find the same. A symbol whose candle of the full hour is handled before BTC's sees that hour at its
next analysis; hours are joined by time, never by place.
"""

from __future__ import annotations

from math import log
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from domain.analysis.market_trend import trend_of
from domain.base import Command, Decider, Event, Input, Issued, Reaction, Tell, Timer, plain_decider
from domain.flow import HOUR_MS

STREAM: Final = "market:main"
REFERENCES: Final = ("BTCUSDT", "ETHUSDT")
"""The contracts that stand for the market."""
HOURS_KEPT: Final = 100
"""What the market trend looks at (cryptosignal.md §2.13)."""

Hours: TypeAlias = tuple[tuple[int, float, float, float], ...]
"""Closed hours, oldest first: close time (ms UTC), high, low and close (USDT)."""
Closes: TypeAlias = tuple[tuple[int, float], ...]
"""Hourly closes, oldest first: close time (ms UTC) and price (USDT)."""

# ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ReferenceHoursArrived(Input, frozen=True, gc=False):
    """Closed hours of a reference contract that is not among the run's symbols, oldest first."""

    reference: str
    hours: Hours

    def deliveries(self) -> tuple[Tell, ...]:
        """To the market actor."""
        return (Tell(STREAM, ReportHours(self.reference, self.hours)),)


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


class ReportHours(Command, frozen=True, gc=False):
    """Hours of a reference contract closed."""

    reference: str
    hours: Hours


class JoinMarket(Command, frozen=True, gc=False):
    """A symbol wants to see the market from now on."""

    symbol: str


class SeeHours(Command, frozen=True, gc=False):
    """The market to a symbol: closes of a reference contract that it has not seen yet, and the trend that they make."""

    reference: str
    closes: Closes
    trend: float | None


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────


class HoursReported(Event, frozen=True, gc=False):
    """Hours of a reference contract closed: those that were not known, and its trend after them (-100 … 100).

    The trend is None while there are too few hours to say.
    """

    reference: str
    hours: Hours
    trend: float | None = None


class SymbolJoined(Event, frozen=True, gc=False):
    """A symbol sees the market from now on."""

    symbol: str


EVENTS = (HoursReported, SymbolJoined)
MarketCommand: TypeAlias = ReportHours | JoinMarket
MarketEvent: TypeAlias = HoursReported | SymbolJoined

# ── state ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Reference(msgspec.Struct, frozen=True):
    """What is known of one reference contract."""

    hours: Hours
    trend: float | None


class MarketView(msgspec.Struct, frozen=True):
    """What is known of the references, and who is told."""

    references: dict[str, Reference] = {}
    members: tuple[str, ...] = ()


def decide(state: MarketView, command: MarketCommand) -> tuple[MarketEvent, ...]:
    """Say what follows from a command."""
    match command:
        case ReportHours(reference, hours):
            known = state.references[reference].hours if reference in state.references else ()
            fresh = newer(known, hours)
            if reference not in REFERENCES or not fresh:
                return ()
            return (HoursReported(reference, fresh, _trend((*known, *fresh)[-HOURS_KEPT:])),)
        case JoinMarket(symbol):
            return () if symbol in state.members else (SymbolJoined(symbol),)


def evolve(state: MarketView, event: MarketEvent) -> MarketView:
    """Give the state after an event."""
    match event:
        case HoursReported(name, hours, trend):
            known = state.references[name].hours if name in state.references else ()
            after = {**state.references, name: Reference((*known, *hours)[-HOURS_KEPT:], trend)}
            # in one order, whichever was told first: equal states have equal bytes
            return replace(state, references={name: after[name] for name in REFERENCES if name in after})
        case SymbolJoined(symbol):
            return replace(state, members=(*state.members, symbol))


def react(state: MarketView, event: MarketEvent) -> tuple[Reaction, ...]:
    """Say what an event sets in motion: everybody is told what is new to them."""
    match event:
        case HoursReported(reference, hours, trend):
            seen = SeeHours(reference, _closes(hours), trend)
            return tuple(Tell(f"symbol:{symbol}", seen) for symbol in state.members)
        case SymbolJoined(symbol):
            known = state.references.items()
            return tuple(Tell(f"symbol:{symbol}", SeeHours(name, _closes(r.hours), r.trend)) for name, r in known)


T = TypeVar("T", bound="tuple[int, *tuple[float, ...]]")


def newer(known: tuple[T, ...], hours: tuple[T, ...]) -> tuple[T, ...]:
    """Give the hours that come after what is known, at most as many as are kept."""
    last_ms = known[-1][0] if known else 0
    return tuple(hour for hour in hours if hour[0] > last_ms)[-HOURS_KEPT:]


def _closes(hours: Hours) -> Closes:
    return tuple((close_ms, close) for close_ms, _, _, close in hours)


def _trend(hours: Hours) -> float | None:
    """Give the trend of one leg. The hours must be contiguous as far back as it looks: a hole begins it anew."""
    first = next((at for at in range(len(hours) - 1, 0, -1) if hours[at][0] - hours[at - 1][0] != HOUR_MS), 0)
    _, high, low, close = zip(*hours[first:], strict=True)
    return trend_of([*map(log, high)], [*map(log, low)], [*map(log, close)])


def _resume(_: MarketView) -> tuple[Issued | Timer, ...]:
    return ()


DECIDER: Decider[MarketView] = plain_decider(
    state_type=MarketView, initial=lambda _: MarketView(), decide=decide, evolve=evolve, react=react, resume=_resume
)
