"""One scan: every symbol brought to its newest close in a kernel of its own, analysed, and summed up.

    source ──contract, history, last hour's candles──▶ Kernel ──▶ SymbolAnalyzed ──▶ ScanSummary

The kernel is the one that trades, so a scan says what a run would say. Whatever a source brings is at hand before the
clock starts to count analyses; nothing is fetched while symbols are analysed, and the summary says so as measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final, Protocol

import msgspec

from actors.kernel import Kernel
from domain.base import Input, Recorded
from domain.config import Config
from domain.errors import HindsightError
from domain.market import INTERVALS_MS, MINUTE_MS
from domain.operations import DeadLetter, SessionStarted
from domain.scan.summary import Held, ScanRow, ScanSummary, row_of, summed_up
from domain.strategies import Strategy
from domain.symbol.events import SymbolAnalyzed
from domain.symbol.state import SymbolState
from infra.memory import MemoryJournal
from infra.network_calls import NetworkCalls

LOOK_BACK_MS: Final = 60 * MINUTE_MS
"""Candles of the last hour are lived through, so that gates and publication stand as they would in a run."""


class ScanSource(Protocol):
    """Where the symbols of a scan come from. Swap it for another market."""

    symbols: tuple[str, ...]

    def inputs(self, symbol: str) -> Iterator[tuple[int, Input]]:
        """Give all that brings one symbol to its newest close, dated and in order: the last inputs are its candles.

        Raises `HindsightError` with the reason if there is nothing to analyse.
        """
        ...


class Looked(msgspec.Struct, frozen=True):
    """What one symbol came to: its analysis, or why there is none (`failed`: it crashed)."""

    row: ScanRow | None
    why: str = ""
    candles: int = 0
    closed: int = 0
    failed: bool = False


def scan(
    source: ScanSource,
    config: Config,
    strategies: Callable[[str], Strategy],
    progress: Callable[[int], None] | None = None,
) -> ScanSummary:
    """Look at every symbol of the source once."""
    looked: dict[str, Looked] = {}
    with NetworkCalls() as calls:
        began = time.perf_counter()
        for done, symbol in enumerate(source.symbols, 1):
            looked[symbol] = _look(source, symbol, config, strategies)
            if progress is not None:
                progress(done)
        seconds = time.perf_counter() - began
    rows = [one.row for one in looked.values() if one.row is not None]
    summary = summed_up(
        rows,
        {symbol: one.why for symbol, one in looked.items() if one.row is None and not one.failed},
        {symbol: one.why for symbol, one in looked.items() if one.row is None and one.failed},
        Held(len(rows), sum(one.candles for one in looked.values()), sum(one.closed for one in looked.values())),
        config.scan.named,
    )
    return msgspec.structs.replace(
        summary,
        elapsed_seconds=round(seconds, 3),
        symbols_per_second=round(len(looked) / seconds, 1) if seconds else None,
        api_calls=calls.count,
        results=tuple(rows),
    )


def _look(source: ScanSource, symbol: str, config: Config, strategies: Callable[[str], Strategy]) -> Looked:
    try:
        inputs = list(source.inputs(symbol))
    except HindsightError as no:
        return Looked(None, str(no))
    journal = MemoryJournal()  # an actor that crashes is folded from it
    first_ms = inputs[0][0] if inputs else 0
    started = SessionStarted(config, "", "", "none", "scan")
    with closing(Kernel(journal, strategies)) as kernel:
        events: list[Recorded] = []
        for at_ms, input_ in ((first_ms, started), *inputs):
            step = kernel.process(at_ms, input_)
            journal.append(step)
            events += step.events
        return _came_to(symbol, events, kernel)


def _came_to(symbol: str, events: list[Recorded], kernel: Kernel) -> Looked:
    stream = f"symbol:{symbol}"
    actor = kernel.population.get(stream)
    state = actor.state if actor is not None else None
    held = (state.frames.held, state.facts.candles) if isinstance(state, SymbolState) else (0, 0)
    last = next((r.event for r in reversed(events) if r.stream == stream and isinstance(r.event, SymbolAnalyzed)), None)
    crash = next(
        (r.event for r in reversed(events) if isinstance(r.event, DeadLetter) and r.event.stream == stream), None
    )
    if crash is not None:
        return Looked(None, crash.error, *held, failed=True)
    if not isinstance(last, SymbolAnalyzed):
        interval = kernel.config.strategy.analysis_interval
        return Looked(None, f"no {interval} candle closed in the last {_minutes(interval)} minutes", *held)
    return Looked(row_of(symbol, last), "", *held)


def _minutes(interval: str) -> int:
    return max(LOOK_BACK_MS, INTERVALS_MS[interval]) // MINUTE_MS
