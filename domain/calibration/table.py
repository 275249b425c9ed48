"""Make strategies comparable: a versioned table from a strategy's raw score to confidence, and its Prime strength.

Confidence is a rank: 0.9 means that nine of ten recorded analyses of this strategy scored lower. So a confidence of one
strategy says what the same confidence of another does, however their raw scores are built. Whether a rank is worth
anything is another question, and the recorded outcomes answer it: `hit_rates`, Brier score and mean absolute error.

The Prime strength is then the one that lets the wanted share (2 %) of recorded analyses through.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from domain.calibration.strength import strength_of
from domain.errors import InvalidInput
from domain.factors.context import percentile

RANKS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
SAMPLES_MIN = 200
BUCKETS = 10
BUCKET_MIN = 10
PRIME_SHARE = 0.02


class Sample(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One recorded analysis that had a side.

    `raw` is its raw score (0 … 100; of `factors` it is `Direction.score`), `p` P of the side, `won` its outcome (None:
    nobody knows), `multiplier` what frames and market did to the strength. `barred` says that something else than the
    strength kept it from being Prime.
    """

    raw: float
    p: float = 0.5
    won: bool | None = None
    multiplier: float = 1.0
    barred: bool = False


class HitRate(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What became of the samples whose confidence lay within a tenth: its lower bound, how many, and the share won."""

    confidence_min: float
    samples: int
    won: float


class Calibration(msgspec.Struct, frozen=True):
    """One strategy's table, as shipped or rebuilt. `knots` are (raw score, confidence), both ascending."""

    strategy: str
    version: str
    knots: tuple[tuple[float, float], ...]
    prime_strength: float
    samples: int = 0
    hit_rates: tuple[HitRate, ...] = ()
    brier: float | None = None

    def confidence(self, raw: float) -> float:
        """Give the confidence (0 … 1) of a raw score, linear between knots and flat beyond them."""
        knots = self.knots
        at = bisect_right(knots, (raw, 2.0))
        if at == 0:
            return knots[0][1]
        if at == len(knots):
            return knots[-1][1]
        (x0, y0), (x1, y1) = knots[at - 1], knots[at]
        return y0 + (y1 - y0) * (raw - x0) / (x1 - x0)


def rebuild(
    strategy: str,
    version: str,
    samples: Sequence[Sample],
    sideless: int = 0,
    prime_share: float = PRIME_SHARE,
) -> Calibration:
    """Rebuild a strategy's table and Prime strength.

    `samples` are the recorded analyses that had a side, `sideless` counts those that had none: the wanted share is one
    of all analyses, not of candidates. Raises `InvalidInput` below 200 samples.
    """
    if len(samples) < SAMPLES_MIN:
        found, hint = f"{len(samples)} of {strategy}", "Record longer, or keep the shipped table."
        raise InvalidInput("calibration", f"at least {SAMPLES_MIN} recorded analyses with a side", found, hint)
    table = Calibration(strategy, version, knots_of([sample.raw for sample in samples]), 100.0, len(samples))
    ranked = sorted([*strengths(table, samples), *[0.0] * sideless])
    prime_strength = prime_strength_of(ranked, prime_share)
    rated = hit_rates(table, samples)
    return msgspec.structs.replace(table, prime_strength=prime_strength, hit_rates=rated, brier=brier(samples))


def strengths(table: Calibration, samples: Sequence[Sample]) -> list[float]:
    """Give each sample's strength under a table; 0 for those that are barred anyway."""
    return [
        0.0 if sample.barred else strength_of(table.confidence(sample.raw), sample.p, sample.multiplier).value
        for sample in samples
    ]


def knots_of(raws: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Give the table: raw scores at fixed ranks. Equal raw scores share the highest of their ranks."""
    ascending = sorted(raws)
    knots: list[tuple[float, float]] = []
    for rank in RANKS:
        raw = round(percentile(ascending, rank), 2)
        if knots and raw <= knots[-1][0]:
            knots[-1] = (knots[-1][0], rank)
        else:
            knots.append((raw, rank))
    return tuple(knots)


def prime_strength_of(ascending: Sequence[float], share: float) -> float:
    """Give the strength that `share` of the analyses reach, in tenths; 100 if nothing could be Prime at all.

    Where fewer than that share may be Prime, it is the lowest strength that may: all of them, and nothing more.
    """
    possible = next((strength for strength in ascending if strength > 0.0), None)
    if possible is None:
        return 100.0
    return round(max(possible, percentile(ascending, 1.0 - share)), 1)


def hit_rates(table: Calibration, samples: Sequence[Sample]) -> tuple[HitRate, ...]:
    """Give, a tenth of confidence each, the share that won; tenths below 10 known outcomes are left out."""
    counted = [[0, 0] for _ in range(BUCKETS)]
    for sample in samples:
        if sample.won is not None:
            bucket = counted[min(BUCKETS - 1, int(table.confidence(sample.raw) * BUCKETS))]
            bucket[0] += 1
            bucket[1] += sample.won
    rows = enumerate(counted)
    return tuple(HitRate(at / BUCKETS, n, won / n) for at, (n, won) in rows if n >= BUCKET_MIN)


def brier(samples: Sequence[Sample]) -> float | None:
    """Give the mean squared error of P against the known outcomes (0.25 is a coin's), None without any."""
    errors = [(sample.p - sample.won) ** 2 for sample in samples if sample.won is not None]
    return sum(errors) / len(errors) if errors else None
