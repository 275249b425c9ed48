"""One symbol: its candles, its analysis, its signals, and the positions that watch it.

    CandleArrived ─▶ CandleClosed ─▶ (analysis interval closed) Analyze ─▶ SymbolAnalyzed ─▶ SignalRaised
                                                                                   │              │
    account ◀── Consider ──────────────────────────────────────────────────────────┼──────────────┘
                                                                                   └▶ SignalDeclined

A signal is raised when the verdict changes, not while it lasts. Decisions rest on closed candles only. The state owns
mutable windows for speed; `evolve` is their only writer.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec

from domain.base import Decider, Issued, Reaction, Tell, Timer, event_id
from domain.commands import (
    Analyze,
    AttachPosition,
    ClosePosition,
    Consider,
    DetachPosition,
    FollowVirtually,
    ObservePrice,
    OpenPosition,
)
from domain.config import Config
from domain.deal import ExitReason
from domain.market import (
    INTERVALS_MS,
    Candle,
    CandleArrived,
    FundingArrived,
    HistoryArrived,
    InstrumentArrived,
    InstrumentLeft,
    OpenInterestArrived,
    Quote,
    QuoteArrived,
)
from domain.market_view import HOURS_KEPT, REFERENCES, JoinMarket, ReportHours, SeeHours
from domain.market_view import STREAM as MARKET
from domain.scan.decider import STREAM as SCAN
from domain.scan.decider import EnlistSymbol, ReportAnalysis
from domain.scan.summary import row_of
from domain.strategies import Strategy, needs_of
from domain.symbol.events import (
    CandleClosed,
    CandleGapFound,
    CandleRejected,
    HistoryLoaded,
    HistoryRefused,
    MarketSeen,
    OpenInterestLoaded,
    PositionAttached,
    PositionDetached,
    SignalDeclined,
    SignalRaised,
    SymbolAnalyzed,
    SymbolDelisted,
    SymbolEvent,
    SymbolListed,
    VirtualPositionPlanned,
)
from domain.symbol.signals import Signals
from domain.symbol.state import Attached, Facts, Kept, SymbolState
from domain.values import Side

SymbolCommand: TypeAlias = (
    InstrumentArrived | InstrumentLeft | HistoryArrived | CandleArrived | FundingArrived | OpenInterestArrived
    | SeeHours | Analyze | FollowVirtually | AttachPosition | DetachPosition
)  # fmt: skip

# ── decide ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Rules(msgspec.Struct, frozen=True):
    """What a symbol decides by: the settings, and what makes signals of its candles."""

    config: Config
    signals: Signals

    def decide(self, state: SymbolState, command: SymbolCommand) -> tuple[SymbolEvent, ...]:
        """Say what follows from a command."""
        match command:
            case CandleArrived():
                return _candle(state, command, INTERVALS_MS[self.config.base_interval])
            case Analyze():
                return self.signals.analyze(state, command)
            case FollowVirtually(signal_id, number, proposal, why):
                return self.signals.follow(state, proposal, signal_id, number, why)
            case AttachPosition(position, plan):
                return (PositionAttached(position, plan.side, plan.account),)
            case DetachPosition(position):
                known = any(attached.position == position for attached in state.facts.attached)
                return (PositionDetached(position),) if known else ()
            case InstrumentArrived(instrument, source):
                known = instrument == state.facts.instrument and not state.facts.leaving
                return () if known else (SymbolListed(instrument, source),)
            case InstrumentLeft(_, reason):
                return (SymbolDelisted(reason),) if state.facts.instrument is not None else ()
            case HistoryArrived():
                return _history(state, command)
            case FundingArrived():
                return ()
            case OpenInterestArrived(_, points):
                return _interest(state.interest_ms, points) if needs_of(self.config.strategy.name).reading else ()
            case SeeHours(reference, closes, trend):
                unseen = state.context.unseen(reference, closes)
                return (MarketSeen(reference, unseen, trend),) if unseen else ()


def _candle(state: SymbolState, arrived: CandleArrived, interval_ms: int) -> tuple[SymbolEvent, ...]:
    candle, opened = arrived.candle, arrived.candle.open_time_ms
    last = state.frames.last_open_ms
    defect = candle.defect() or ("OFF_GRID" if opened % interval_ms else None)
    if defect is not None:
        return (CandleRejected(opened, defect),)
    if last is None or opened == last + interval_ms:
        return (CandleClosed(candle, arrived.late, arrived.stale),)
    if opened > last:
        gap = CandleGapFound(last + interval_ms, opened - interval_ms)
        return gap, CandleClosed(candle, arrived.late, arrived.stale)
    if opened == last and candle == state.frames.last:
        return ()
    return (CandleRejected(opened, "DUPLICATE_DIFFERS" if opened == last else "OUT_OF_ORDER"),)


def _history(state: SymbolState, offered: HistoryArrived) -> tuple[SymbolEvent, ...]:
    interval, candles = offered.interval, offered.candles
    frames = state.frames.emptied() if offered.anew else state.frames
    reason = frames.objection(interval, candles) or next(filter(None, map(Candle.defect, candles)), None)
    if reason is None:
        return (HistoryLoaded(interval, candles, offered.anew),)
    return (HistoryRefused(interval, len(candles), reason),)


def _interest(last_ms: int, points: tuple[tuple[int, float], ...]) -> tuple[SymbolEvent, ...]:
    newer = tuple((at, value) for at, value in points if at > last_ms and 0.0 < value < math.inf)
    return (OpenInterestLoaded(newer),) if newer else ()


_SIDES = {1: Side.LONG, -1: Side.SHORT, 0: None}

# ── evolve ────────────────────────────────────────────────────────────────────────────────────────────────────────


def evolve(state: SymbolState, event: SymbolEvent, kept: Kept) -> SymbolState:
    """Give the state after an event: the same object, changed."""
    if state.kept is not kept:
        state.keep(kept)
    facts = state.facts
    facts.version += 1
    if type(event) is CandleClosed:  # nearly all events are of these two kinds, and a pattern asks five times longer
        facts.candles += 1
        state.close(event.candle)
    elif type(event) is SymbolAnalyzed:
        _judged(facts, event)
    else:
        _changed(state, facts, event)
    return state


def _judged(facts: Facts, event: SymbolAnalyzed) -> None:
    """Note what an analysis leaves behind for the next one."""
    assessment = event.assessment
    if assessment is not None:
        facts.gate_state, facts.publication = assessment.gate_state, assessment.publication
        facts.published = _SIDES[assessment.publication.published]
    elif facts.published is not None and event.verdict != facts.published.value:
        facts.published = None


def _changed(state: SymbolState, facts: Facts, event: SymbolEvent) -> None:
    match event:
        case SignalRaised(number, time_ms, _, proposal):
            facts.signals, facts.last_signal_ms, facts.published = number, time_ms, proposal.side
        case PositionAttached() | PositionDetached():
            _watched_by(facts, event)
        case SymbolListed() | SymbolDelisted():
            _traded(facts, event)
        case HistoryLoaded() | OpenInterestLoaded() | MarketSeen():
            _learn(state, event)
        case CandleRejected() | CandleGapFound():
            _found(state, event)
        case VirtualPositionPlanned(position):
            facts.signals = max(facts.signals, int(position.rpartition("-")[2]))
        case HistoryRefused() | SignalDeclined() | CandleClosed() | SymbolAnalyzed():
            pass


def _traded(facts: Facts, event: SymbolListed | SymbolDelisted) -> None:
    """Note the terms of the contract; while something is open in one that ended they are still needed."""
    if isinstance(event, SymbolListed):
        facts.instrument, facts.leaving = event.instrument, False
    elif facts.attached:
        facts.leaving = True
    else:
        facts.instrument, facts.leaving = None, False


def _watched_by(facts: Facts, event: PositionAttached | PositionDetached) -> None:
    """Note who wants to see prices."""
    match event:
        case PositionAttached(position, side, account):
            facts.attached = (*facts.attached, Attached(position, side, account))
        case PositionDetached(position):
            facts.attached = tuple(a for a in facts.attached if a.position != position)
            if facts.leaving and not facts.attached:
                facts.instrument, facts.leaving = None, False


def _found(state: SymbolState, event: CandleRejected | CandleGapFound) -> None:
    """Count what is wrong with the candles."""
    facts, base_ms = state.facts, state.frames.base_ms
    match event:
        case CandleRejected(opened_ms, reason):
            facts.rejected += 1
            at_ms = (opened_ms if state.frames.last_open_ms is None else state.frames.last_open_ms) + base_ms
            late = reason == "OUT_OF_ORDER"
            facts.found(at_ms, 0, int(late), int(not late))
        case CandleGapFound(first_ms, last_ms):
            facts.gaps, facts.last_gap_ms = facts.gaps + 1, last_ms
            facts.found(last_ms + 2 * base_ms, (last_ms - first_ms) // base_ms + 1, 0, 0)  # as the next one closes


def _learn(state: SymbolState, event: HistoryLoaded | OpenInterestLoaded | MarketSeen) -> None:
    """Take in what was before, or elsewhere."""
    match event:
        case HistoryLoaded(interval, candles, anew):
            if anew:
                state.empty()
            state.load(interval, candles)
        case OpenInterestLoaded(points):
            state.learn_interest(points)
        case MarketSeen(reference, closes, trend):
            state.context.seen(reference, closes, trend)


# ── react ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def react(state: SymbolState, event: SymbolEvent, config: Config) -> tuple[Reaction, ...]:
    """Say what an event sets in motion."""
    facts = state.facts
    match event:
        case CandleClosed():
            if not facts.attached and len(state.closed) == 1 and config.strategy.analysis_interval not in state.closed:
                return ()
            return _candle_closed(state, event, config)
        case SymbolAnalyzed() if facts.instrument is not None:  # who is listed is counted
            report = ReportAnalysis(row_of(facts.symbol, event), state.frames.held, facts.candles)
            return (Tell(SCAN, report),)
        case SymbolListed():
            return Tell(MARKET, JoinMarket(facts.symbol)), Tell(SCAN, EnlistSymbol(facts.symbol))
        case SymbolDelisted():
            return tuple(Tell(a.position, ClosePosition(ExitReason.DELISTED)) for a in facts.attached)
        case HistoryLoaded(interval, candles) if interval == "1h" and facts.symbol in REFERENCES:
            return (Tell(MARKET, ReportHours(facts.symbol, tuple(map(_hour, candles[-HOURS_KEPT:])))),)
        case SignalRaised(number, _, strategy, proposal) if facts.instrument is not None:
            signal_id = event_id(_stream(facts.symbol), facts.version)
            wish = Consider(facts.symbol, number, signal_id, proposal, facts.instrument, strategy)
            return (Tell(f"account:{config.account.name}", wish),)
        case VirtualPositionPlanned(position, plan, _, replaces):
            opened = Tell(position, OpenPosition(plan))
            return (Tell(replaces, ClosePosition(ExitReason.REPLACED)), opened) if replaces else (opened,)
        case _:
            return ()


def _candle_closed(state: SymbolState, closed: CandleClosed, config: Config) -> tuple[Reaction, ...]:
    candle = closed.candle
    seen = ObservePrice(candle.high, candle.low)
    tells = [Tell(attached.position, seen) for attached in state.facts.attached]
    time_ms = candle.open_time_ms + INTERVALS_MS[config.base_interval]
    if "1h" in state.closed and state.facts.symbol in REFERENCES:
        hour = state.frames.newest[state.closed.index("1h")]
        tells.append(Tell(MARKET, ReportHours(state.facts.symbol, (_hour(hour),))))
    if config.strategy.analysis_interval in state.closed:
        tells.append(Tell(_stream(state.facts.symbol), Analyze(time_ms, closed.late, closed.stale)))
    return tuple(tells)


def _hour(candle: Candle) -> tuple[int, float, float, float]:
    return candle.open_time_ms + INTERVALS_MS["1h"], candle.high, candle.low, candle.close


def observe(state: SymbolState, seen: QuoteArrived) -> tuple[SymbolState, tuple[Reaction, ...]]:
    """Take a quote: shown to the positions, remembered until the next one, never an event."""
    state.quote = seen.quote
    price = ObservePrice(seen.quote.mark, seen.quote.mark)
    return state, tuple(Tell(attached.position, price) for attached in state.facts.attached)


def _stream(symbol: str) -> str:
    return f"symbol:{symbol}"


# ── the decider ───────────────────────────────────────────────────────────────────────────────────────────────────

_encode = msgspec.msgpack.Encoder().encode
_decode_quote = msgspec.msgpack.Decoder(Quote | None).decode


def decider(config: Config, strategy: Strategy) -> Decider[SymbolState]:
    """Give the symbol's decider under these settings and this strategy."""
    kept = _kept(config)
    return Decider(
        initial=lambda stream: SymbolState.initial(stream.partition(":")[2], config.base_interval),
        decide=Rules(config, Signals.of(config, strategy)).decide,
        evolve=lambda state, event: evolve(state, event, kept),
        react=lambda state, event: react(state, event, config),
        resume=_resume,
        finished=None,
        freeze=SymbolState.freeze,
        thaw=SymbolState.thaw,
        describe=SymbolState.describe,
        forget=_forget,
        ephemeral=lambda state: _encode(state.quote),
        recall=_recall,
        glimpses=(QuoteArrived,),
        observe=observe,
    )


def _kept(config: Config) -> Kept:
    """Say what the strategy needs. Indicators are of every frame above one minute, and of the analysis interval."""
    needs, analysed = needs_of(config.strategy.name), config.strategy.analysis_interval
    frames = tuple(name for name in INTERVALS_MS if name != "1m" or analysed == "1m")
    return Kept(frames if needs.indicators else (), needs.reading)


def _resume(_: SymbolState) -> tuple[Issued | Timer, ...]:
    return ()


def _forget(state: SymbolState) -> SymbolState:
    state.quote = None
    return state


def _recall(state: SymbolState, data: bytes) -> SymbolState:
    state.quote = _decode_quote(data)
    return state
