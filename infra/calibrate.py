"""Rebuilds a strategy's confidence table and Prime strength from its recorded analyses and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from actors.ports import Reader
from domain.base import event_id
from domain.calibration.table import PRIME_SHARE, Calibration, Sample, rebuild
from domain.catalog import name_of
from domain.deal import ExitReason
from domain.errors import InvalidInput
from domain.position_events import Aftermath, FundingSettled, PositionClosed
from domain.symbol.events import SymbolAnalyzed

NOT_BARRED: Final = {"STRENGTH_BELOW_PRIME", "UNCONFIRMED", "PUBLICATION_COOLDOWN", "UNCHANGED", "BETWEEN_BARS"}
"""Reasons that strength alone, or the anti-jitter after it, gives: they don't keep an analysis from being Prime."""


PRIME_STRENGTH_MIN: Final = 60.0
"""What full confidence gives without any probability. Where other reasons let fewer than the wanted share through, the
share alone would take whatever is left for Prime."""


class Calibrated(msgspec.Struct, frozen=True):
    """A rebuilt table, and how the samples came about: analyses with a side, without one, outcomes known."""

    strategy: str
    version: str
    samples: int
    prime_strength: float
    sideless: int
    outcomes: int
    brier: float | None
    table: Calibration


def calibrate(reader: Reader, share: float = PRIME_SHARE) -> Calibrated:
    """Rebuild from everything that a run recorded.

    Raises `InvalidInput` if it recorded too little, or no full analysis, or those of several strategies.
    """
    won = dict(_outcomes(reader))
    samples: list[Sample] = []
    sideless = last_ms = 0
    strategies: list[str] = []
    for recorded in reader.events(0, topics=(name_of(SymbolAnalyzed),)):
        event = recorded.event
        if not isinstance(event, SymbolAnalyzed) or event.assessment is None:
            continue
        if event.strategy not in strategies:
            strategies.append(event.strategy)
        last_ms = max(last_ms, event.time_ms)
        strength = event.assessment.strength
        if strength.raw is None:
            sideless += 1
            continue
        outcome = won.get(recorded.event_id, won.get(event_id(recorded.stream, recorded.version + 1)))
        barred = any(reason not in NOT_BARRED for reason in event.reasons)
        samples.append(Sample(strength.raw, strength.p, outcome, strength.multiplier, barred))
    if len(strategies) != 1:
        found = ", ".join(strategies) or "none"
        raise InvalidInput("calibrate", "a run with the analyses of one of factors, ict, hybrid", found)
    version = f"{_month(last_ms)}.{len(samples) + sideless}"
    table = rebuild(strategies[0], version, samples, sideless, share)
    table = msgspec.structs.replace(table, prime_strength=max(PRIME_STRENGTH_MIN, table.prime_strength))
    known = sum(sample.won is not None for sample in samples)
    return Calibrated(
        table.strategy, table.version, table.samples, table.prime_strength, sideless, known, table.brier, table
    )


def toml(table: Calibration) -> str:
    """Write a table as the settings file wants it."""
    knots = ", ".join(f"[{raw:g}, {rank:g}]" for raw, rank in table.knots)
    return "\n".join((
        "[[scoring.tables]]",
        f'strategy = "{table.strategy}"',
        f'version = "{table.version}"',
        f"samples = {table.samples}",
        f"prime_strength = {table.prime_strength:g}",
        f"knots = [{knots}]",
    ))  # fmt: skip


def _outcomes(reader: Reader) -> Iterator[tuple[str, bool]]:
    """Give, by the event that proposed it, whether a position won after all costs. Replaced ones tell nothing."""
    replaced: set[str] = set()
    for recorded in reader.events(0, topics=(name_of(PositionClosed), name_of(FundingSettled))):
        match recorded.event:
            case PositionClosed(reason=ExitReason.REPLACED):
                replaced.add(recorded.stream)
            case PositionClosed(net=net, plan=plan):
                yield plan.signal_id, net > 0
            case FundingSettled(amount=amount, after_close=Aftermath(net=net, plan=plan)):
                if recorded.stream not in replaced:
                    yield plan.signal_id, net + amount > 0  # the last word on it
            case _:
                pass


def _month(time_ms: int) -> str:
    from infra.moments import iso

    return iso(time_ms)[:7]
