"""One look at all symbols: who was analysed, what stood out, and what kept the others back.

The same struct answers `run.py scan` and the periodic summary of a run. Always: analysed + skipped + errors = total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from domain.factors import NAMES
from domain.factors.context import percentile
from domain.symbol.events import SymbolAnalyzed

NAMED: Final = 10
PRIME: Final = "prime"


class ScanRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One symbol's newest analysis. `strength` 0 … 100 and the `needed` one, `scores` are pairs of factor and
    score; a factor that is missing is absent.

    Without an assessment (a user's own strategy) there is no tier: what proposes counts as prime.
    """

    symbol: str
    time_ms: int
    close: float
    verdict: str
    tier: str
    reasons: tuple[str, ...]
    strength: float | None = None
    needed: float | None = None
    confidence: float | None = None
    win: float | None = None
    scores: tuple[tuple[str, float], ...] = ()


class Distribution(msgspec.Struct, frozen=True, gc=False):
    """How one factor's scores lie over the symbols that have one; `count` says how many that are."""

    factor: str
    count: int
    min: float
    p25: float
    median: float
    p75: float
    max: float


class NearMiss(msgspec.Struct, frozen=True, gc=False):
    """A symbol that was close to Prime: how much strength it lacked (0: only the reasons stood against it)."""

    symbol: str
    verdict: str
    strength: float
    lacking: float
    reasons: tuple[str, ...]


class Held(msgspec.Struct, frozen=True, gc=False):
    """What the candle windows hold, as of the analyses: none of it is ever asked for again."""

    symbols: int
    candles: int
    closed: int


class ScanSummary(msgspec.Struct, frozen=True, gc=False):
    """A scan, summed up. What only a shell can measure is None where nobody did.

    `signals_found` counts the symbols whose verdict is Prime; `distribution` is by factor; `top_rejections` are the
    most frequent reasons. `skipped_because` and `failed_because` name the symbols that were not analysed.
    """

    total_symbols: int
    analysed: int
    skipped: int
    errors: int
    signals_found: int
    watched: int
    distribution: tuple[Distribution, ...]
    near_misses: tuple[NearMiss, ...]
    top_rejections: tuple[tuple[str, int], ...]
    held: Held
    skipped_because: tuple[tuple[str, str], ...] = ()
    failed_because: tuple[tuple[str, str], ...] = ()
    elapsed_seconds: float | None = None
    symbols_per_second: float | None = None
    api_calls: int | None = None
    results: tuple[ScanRow, ...] = ()


def row_of(symbol: str, event: SymbolAnalyzed) -> ScanRow:
    """Give the row of an analysis."""
    found = event.assessment
    if found is None:
        tier = PRIME if event.verdict != "NONE" else "none"
        return ScanRow(symbol, event.time_ms, event.close, event.verdict, tier, event.reasons,
                       confidence=event.confidence, win=event.win)  # fmt: skip
    return ScanRow(
        symbol,
        event.time_ms,
        event.close,
        event.verdict,
        found.tier,
        event.reasons,
        found.strength.value,
        found.strength.needed,
        event.confidence,
        event.win,
        tuple(found.scores.items()),
    )


def summed_up(
    rows: Sequence[ScanRow],
    skipped: Mapping[str, str],
    failed: Mapping[str, str],
    held: Held,
    named: int = NAMED,
) -> ScanSummary:
    """Sum a scan up. `rows`, `skipped` and `failed` (symbol → why) have no symbol in common."""
    tiers = Counter(row.tier for row in rows)
    reasons = Counter(reason for row in rows if row.tier != PRIME for reason in row.reasons)
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ScanSummary(
        total_symbols=len(rows) + len(skipped) + len(failed),
        analysed=len(rows),
        skipped=len(skipped),
        errors=len(failed),
        signals_found=tiers[PRIME],
        watched=tiers["watch"],
        distribution=tuple(spread for name in NAMES if (spread := _distribution(name, rows))),
        near_misses=_near_misses(rows, named),
        top_rejections=tuple(ranked[:named]),
        held=held,
        skipped_because=tuple(skipped.items()),
        failed_because=tuple(failed.items()),
    )


def _distribution(name: str, rows: Sequence[ScanRow]) -> Distribution | None:
    values = sorted(value for row in rows for factor, value in row.scores if factor == name)
    if not values:
        return None
    p25, median, p75 = (percentile(values, share) for share in (0.25, 0.5, 0.75))
    return Distribution(name, len(values), values[0], p25, median, p75, values[-1])


def _near_misses(rows: Sequence[ScanRow], named: int) -> tuple[NearMiss, ...]:
    found = [
        NearMiss(row.symbol, row.verdict, row.strength, max(0.0, row.needed - row.strength), row.reasons)
        for row in rows
        if row.tier != PRIME and row.strength is not None and row.needed is not None
    ]
    return tuple(sorted(found, key=attrgetter("lacking", "symbol"))[:named])
