"""The market as a whole: the hourly closes of the reference contracts, told to every symbol.

    symbol:BTCUSDT ──ReportHours──▶ market:main ──▶ HoursReported ──SeeHours──▶ every symbol that joined ─▶ MarketSeen
    symbol:…       ──JoinMarket───▶             ──▶ SymbolJoined  ──SeeHours──▶ that symbol, all that is known

So what a symbol knows of BTC and ETH stands in its own stream, in the order in which it learnt it: a replay, a restore
and a checkpoint find the same. A symbol whose candle of the full hour is handled before BTC's sees that hour at its
next analysis; hours are joined by time, never by place.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from domain.base import Command, Decider, Event, Input, Issued, Reaction, Tell, Timer, plain_decider

STREAM: Final = "market:main"
REFERENCES: Final = ("BTCUSDT", "ETHUSDT")
"""The contracts that stand for the market."""
HOURS_KEPT: Final = 100
"""What the market trend looks at (cryptosignal.md §2.13)."""

Hours: TypeAlias = tuple[tuple[int, float], ...]
"""Hourly closes, oldest first: close time (ms UTC) and price (USDT)."""

# ── inputs ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ReferenceHoursArrived(Input, frozen=True, gc=False):
    """Hourly closes of a reference contract that is not among the run's symbols, oldest first."""

    reference: str
    closes: Hours

    def deliveries(self) -> tuple[Tell, ...]:
        """To the market actor."""
        return (Tell(STREAM, ReportHours(self.reference, self.closes)),)


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


class ReportHours(Command, frozen=True, gc=False):
    """Hours of a reference contract closed."""

    reference: str
    closes: Hours


class JoinMarket(Command, frozen=True, gc=False):
    """A symbol wants to see the market from now on."""

    symbol: str


class SeeHours(Command, frozen=True, gc=False):
    """The market to a symbol: hours of a reference contract that it has not seen yet."""

    reference: str
    closes: Hours


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────


class HoursReported(Event, frozen=True, gc=False):
    """Hours of a reference contract closed: those that were not known before."""

    reference: str
    closes: Hours


class SymbolJoined(Event, frozen=True, gc=False):
    """A symbol sees the market from now on."""

    symbol: str


EVENTS = (HoursReported, SymbolJoined)
MarketCommand: TypeAlias = ReportHours | JoinMarket
MarketEvent: TypeAlias = HoursReported | SymbolJoined

# ── state ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class MarketView(msgspec.Struct, frozen=True):
    """What is known of the references, and who is told."""

    hours: dict[str, Hours] = {}
    members: tuple[str, ...] = ()


def decide(state: MarketView, command: MarketCommand) -> tuple[MarketEvent, ...]:
    """Say what follows from a command."""
    match command:
        case ReportHours(reference, closes):
            fresh = newer(state.hours.get(reference, ()), closes)
            return (HoursReported(reference, fresh),) if reference in REFERENCES and fresh else ()
        case JoinMarket(symbol):
            return () if symbol in state.members else (SymbolJoined(symbol),)


def evolve(state: MarketView, event: MarketEvent) -> MarketView:
    """Give the state after an event."""
    match event:
        case HoursReported(reference, closes):
            return replace(state, hours=extended(state.hours, reference, closes))
        case SymbolJoined(symbol):
            return replace(state, members=(*state.members, symbol))


def react(state: MarketView, event: MarketEvent) -> tuple[Reaction, ...]:
    """Say what an event sets in motion: everybody is told what is new to them."""
    match event:
        case HoursReported(reference, closes):
            seen = SeeHours(reference, closes)
            return tuple(Tell(f"symbol:{symbol}", seen) for symbol in state.members)
        case SymbolJoined(symbol):
            known = ((name, state.hours[name]) for name in REFERENCES if name in state.hours)
            return tuple(Tell(f"symbol:{symbol}", SeeHours(name, hours)) for name, hours in known)


def newer(known: Hours, closes: Hours) -> Hours:
    """Give the closes that come after what is known, at most as many as are kept."""
    last_ms = known[-1][0] if known else 0
    return tuple(close for close in closes if close[0] > last_ms)[-HOURS_KEPT:]


def extended(hours: dict[str, Hours], reference: str, closes: Hours) -> dict[str, Hours]:
    """Give all hours with newer ones of a reference, in the order of `REFERENCES`, so that equal states are equal."""
    after = {**hours, reference: (*hours.get(reference, ()), *closes)[-HOURS_KEPT:]}
    return {name: after[name] for name in REFERENCES if name in after}


def _resume(_: MarketView) -> tuple[Issued | Timer, ...]:
    return ()


DECIDER: Decider[MarketView] = plain_decider(
    state_type=MarketView, initial=lambda _: MarketView(), decide=decide, evolve=evolve, react=react, resume=_resume
)
