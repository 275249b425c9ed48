"""The periodic scan of a run: all symbols' analyses since the last summary, summed up as an event.

    symbol ──EnlistSymbol────▶ scan:main ─▶ SymbolEnlisted
    symbol ──ReportAnalysis──▶     │       (remembered until the summary: ephemeral, it stands in the symbols' streams)
    operations ──ReportCrash─▶     └─ timer ─▶ ScanSummarized

A summary is due shortly after each full interval, so that what closed with it has arrived. Nothing is due while no
symbol is analysed, and a restart begins with the next analysis.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from domain.base import Command, Decider, Event, Issued, Message, Reaction, Timer
from domain.config import Config
from domain.scan.summary import Held, ScanRow, ScanSummary, summed_up

STREAM: Final = "scan:main"
SETTLE_MS: Final = 30_000
"""So long after a full interval a summary waits for symbols that are late; who is later still counts for the next."""
TIMER: Final = "summary"

# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


class EnlistSymbol(Command, frozen=True, gc=False):
    """A symbol wants to be counted."""

    symbol: str


class ReportAnalysis(Command, frozen=True, gc=False):
    """A symbol was analysed; how many candles its windows hold, and how many have closed in all."""

    row: ScanRow
    candles: int
    closed: int


class ReportCrash(Command, frozen=True, gc=False):
    """A symbol's actor crashed."""

    symbol: str
    error: str


class SumUp(Command, frozen=True, gc=False):
    """It is time for a summary."""


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────


class SymbolEnlisted(Event, frozen=True, gc=False):
    """A symbol is counted from now on."""

    symbol: str


class ScanSummarized(Event, frozen=True, gc=False):
    """The analyses since the last summary, up to the full interval at `time_ms` (UTC). The rows are not repeated."""

    time_ms: int
    summary: ScanSummary


EVENTS = (SymbolEnlisted, ScanSummarized)
ScanCommand: TypeAlias = EnlistSymbol | SumUp
ScanEvent: TypeAlias = SymbolEnlisted | ScanSummarized

# ── state ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Seen(msgspec.Struct, frozen=True):
    """The ephemeral part: what was reported since the last summary, and when the next one is due (ms UTC)."""

    reports: dict[str, ReportAnalysis] = {}
    crashed: dict[str, str] = {}
    due_ms: int | None = None


class Scanning(msgspec.Struct, frozen=True):
    """Who is counted, how many summaries there were, and up to which full interval (ms UTC)."""

    members: tuple[str, ...] = ()
    summaries: int = 0
    last_ms: int = 0
    seen: Seen = Seen()


def decide(state: Scanning, command: ScanCommand, config: Config) -> tuple[ScanEvent, ...]:
    """Say what follows from a command."""
    match command:
        case EnlistSymbol(symbol):
            return () if symbol in state.members else (SymbolEnlisted(symbol),)
        case SumUp():
            due_ms = state.seen.due_ms
            return () if due_ms is None else (ScanSummarized(due_ms - SETTLE_MS, _summary(state, config)),)


def _summary(state: Scanning, config: Config) -> ScanSummary:
    seen = state.seen
    reports = [seen.reports[symbol] for symbol in sorted(seen.reports) if symbol not in seen.crashed]
    analysed = [report.row.symbol for report in reports]
    absent = (symbol for symbol in state.members if symbol not in analysed and symbol not in seen.crashed)
    held = Held(len(reports), sum(one.candles for one in reports), sum(one.closed for one in reports))
    rows = [report.row for report in reports]
    return summed_up(rows, dict.fromkeys(absent, "NOT_ANALYSED"), seen.crashed, held, config.scan.named)


def evolve(state: Scanning, event: ScanEvent) -> Scanning:
    """Give the state after an event."""
    match event:
        case SymbolEnlisted(symbol):
            return replace(state, members=(*state.members, symbol))
        case ScanSummarized(time_ms):
            return replace(state, summaries=state.summaries + 1, last_ms=time_ms, seen=Seen())


def observe(state: Scanning, message: Message, config: Config) -> tuple[Scanning, tuple[Reaction, ...]]:
    """Remember a report until the next summary; the first one says when that is due."""
    seen = state.seen
    match message:
        case ReportAnalysis(row):
            seen = replace(seen, reports={**seen.reports, row.symbol: message})
            if seen.due_ms is None and config.scan.interval_seconds:
                interval_ms = config.scan.interval_seconds * 1_000
                end_ms = -(-row.time_ms // interval_ms) * interval_ms
                due_ms = max(end_ms, state.last_ms + interval_ms if state.last_ms else 0) + SETTLE_MS
                return replace(state, seen=replace(seen, due_ms=due_ms)), (Timer(TIMER, due_ms, SumUp()),)
        case ReportCrash(symbol, error):
            seen = replace(seen, crashed={**seen.crashed, symbol: error})
        case _:
            pass
    return replace(state, seen=seen), ()


def _resume(state: Scanning) -> tuple[Issued | Timer, ...]:
    due_ms = state.seen.due_ms
    return () if due_ms is None else (Timer(TIMER, due_ms, SumUp()),)


# ── the decider ───────────────────────────────────────────────────────────────────────────────────────────────────

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Scanning).decode
_decode_seen = msgspec.msgpack.Decoder(Seen).decode


def decider(config: Config) -> Decider[Scanning]:
    """Give the scan's decider under these settings."""
    return Decider(
        initial=lambda _: Scanning(),
        decide=lambda state, command: decide(state, command, config),
        evolve=evolve,
        react=lambda _state, _event: (),
        resume=_resume,
        finished=None,
        freeze=lambda state: _encode(replace(state, seen=Seen())),
        thaw=_decode,
        describe=lambda state: {"members": state.members, "summaries": state.summaries, "last_ms": state.last_ms},
        forget=lambda state: replace(state, seen=Seen()),
        ephemeral=lambda state: _encode(state.seen),
        recall=lambda state, data: replace(state, seen=_decode_seen(data)),
        glimpses=(ReportAnalysis, ReportCrash),
        observe=lambda state, message: observe(state, message, config),
    )
