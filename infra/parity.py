"""Parity: a recorded run, backtested from its own candles. The same decisions, or each difference with its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from actors.ports import Reader
from domain.account import EntryApproved, EntryDenied
from domain.base import Event, Recorded
from domain.catalog import name_of
from domain.deal import VIRTUAL
from domain.position_events import PositionClosed, PositionOpened
from domain.strategies import Strategy
from domain.symbol.events import SignalDeclined, SignalRaised, SymbolAnalyzed
from infra.counterfactual import Progress, market_of, session_of, trade

DECISIONS: Final[tuple[type[Event], ...]] = (
    SymbolAnalyzed,
    SignalRaised,
    SignalDeclined,
    EntryApproved,
    EntryDenied,
    PositionOpened,
    PositionClosed,
)


class Difference(msgspec.Struct, frozen=True):
    """A decision that the backtest did not make alike. `seq` is its place in the record (0: in the backtest only)."""

    seq: int
    what: str
    recorded: str
    backtested: str
    cause: str


class Parity(msgspec.Struct, frozen=True):
    """How many decisions there were in the record, how many the backtest made alike, and the others."""

    decisions: int
    equal: int
    differences: tuple[Difference, ...]


def parity(reader: Reader, strategies: Callable[[str], Strategy], progress: Progress | None = None) -> Parity:
    """Backtest a run from the candles that it recorded, without its ticks, and compare the decisions."""
    started = session_of(reader)
    outcome = trade(market_of(reader, ticks=False), started, strategies, keep=DECISIONS, progress=progress)
    names = tuple(name_of(kind) for kind in DECISIONS)
    recorded = _by_key(reader.events(0, topics=names))
    backtested = _by_key(outcome.events)
    differences: list[Difference] = []
    for key, was in recorded.items():
        found = _difference(key, was, backtested.get(key))
        if found is not None:
            differences.append(found)
    missing = (_difference(key, None, now) for key, now in backtested.items() if key not in recorded)
    equal = len(recorded) - len(differences)
    return Parity(len(recorded), equal, (*differences, *(one for one in missing if one is not None)))


Key = tuple[str, str, int, int]


def _by_key(events: Iterable[Recorded]) -> dict[Key, Recorded]:
    """Name each decision by what both runs share: its kind, whose it is, the market time or number it has, and which
    of several such it is: a symbol may decline more than once at one close.
    """
    seen: Counter[tuple[str, str, int]] = Counter()
    found: dict[Key, Recorded] = {}
    for recorded in events:
        key = _key(recorded)
        seen[key] += 1
        found[*key, seen[key]] = recorded
    return found


def _key(recorded: Recorded) -> tuple[str, str, int]:
    event = recorded.event
    kind = name_of(type(event))
    match event:
        case SymbolAnalyzed(time_ms=time_ms) | SignalRaised(time_ms=time_ms) | SignalDeclined(time_ms=time_ms):
            return kind, recorded.stream, time_ms
        case EntryApproved(plan=plan):
            return "entry", plan.signal_id.partition("@")[0], _number(recorded)
        case EntryDenied(symbol=symbol, number=number):
            return "entry", f"symbol:{symbol}", number
        case _:
            return kind, recorded.stream, 0


def _number(recorded: Recorded) -> int:
    position = recorded.event.position if isinstance(recorded.event, EntryApproved) else ""
    return int(position.rpartition("-")[2])


def _difference(key: Key, was: Recorded | None, now: Recorded | None) -> Difference | None:
    recorded, backtested = _told(was), _told(now)
    if recorded == backtested:
        return None
    return Difference(was.seq if was else 0, " ".join(key[:2]), recorded, backtested, _cause(was, now))


def _told(recorded: Recorded | None) -> str:
    """Tell what was decided, without what follows from the path there (the balance, the exact time of a fill)."""
    event: Any = recorded.event if recorded else None
    match event:
        case None:
            return "nothing"
        case SymbolAnalyzed():
            return f"{event.verdict} {event.reasons} {event.facts}"
        case SignalRaised():
            return f"{event.proposal.side} at {event.proposal.entry}"
        case SignalDeclined():
            return f"declined {event.reasons}"
        case EntryApproved():
            return f"traded {event.plan.quantity:f}"
        case EntryDenied():
            return f"denied {event.code}"
        case PositionOpened():
            return f"opened at {event.price:f}"
        case _:
            return f"closed by {event.reason} at {event.exit_price:f}"


def _cause(was: Recorded | None, now: Recorded | None) -> str:
    """Say why a decision differs. Analyses rest on candles alone, so only they may not differ at all."""
    event: Any = was.event if was else now.event if now else None
    virtual = f"position:{VIRTUAL}/"
    match event:
        case SymbolAnalyzed() | SignalRaised() | SignalDeclined():
            if was is None or now is None:
                return "the run did not see this candle at the same place: it was restarted, or a candle was missing"
            return "the analysis differs: today's code or settings decide otherwise"
        case EntryApproved() | EntryDenied():
            return "the account stood differently: an earlier position was filled, or ended, at another price or time"
        case PositionOpened() if was and now:
            return "other fill price: ticks in life, the next candle's open in the backtest"
        case PositionClosed() if was and now:
            return "finer ticks: inside a candle the way of the price was known in life, and is assumed in the backtest"
        case _:
            stream = (was or now).stream if was or now else ""  # pyright: ignore[reportOptionalMemberAccess]
            followed = "followed virtually" if stream.startswith(virtual) else "traded"
            return f"only one of the two {followed} this signal, because the account stood differently"
