"""The `factors` strategy: a Prime verdict of the scoring chain is a proposal, everything else passes with its reason.

The target is TP2, the take-profit that rests on the exchange; win is P of the chosen side (product §3).
"""

from __future__ import annotations

from msgspec.structs import replace

from domain.scoring.verdict import Verdict
from domain.strategies import Facts, Pass, Proposal
from domain.values import Side


def proposal_of(verdict: Verdict) -> Proposal | Pass:
    """Turn a verdict into what a strategy answers."""
    facts = facts_of(verdict)
    levels = verdict.levels
    if verdict.tier != "prime" or levels is None:
        return Pass(verdict.reasons[0], facts)
    return Proposal(
        side=Side.LONG if verdict.side > 0 else Side.SHORT,
        entry=levels.entry,
        stop=levels.stop,
        target=levels.tp2,
        confidence=verdict.confidence,
        win=verdict.p,
        reasons=("PRIME", *supporters(verdict)),
        facts=(*facts, ("entry_low", levels.entry_low), ("entry_high", levels.entry_high), ("tp1", levels.tp1)),
    )


def own_proposal(verdict: Verdict, prime_strength: float) -> Proposal | Pass:
    """Give what `hybrid` joins: the proposal by the calibrated `prime_strength`, whatever `min_score` a user asks for.

    Otherwise a higher `min_score`, by silencing the factors, could let a proposal of the `ict` rules through that they
    contradict at a lower one: raising it would add a signal.
    """
    against = [reason for reason in verdict.reasons if reason != "STRENGTH_BELOW_PRIME"]
    if against or verdict.strength.value < prime_strength:
        return Pass(against[0] if against else "STRENGTH_BELOW_PRIME")
    return proposal_of(replace(verdict, tier="prime"))


def facts_of(verdict: Verdict) -> Facts:
    """Give the numbers that the verdict rested on: the scores that exist, then the steps of the chain."""
    scores = tuple((name, score.value) for name, score in verdict.scores.items() if score.value is not None)
    direction = verdict.direction
    return (
        *scores,
        ("direction", direction.d or 0.0),
        ("raw_confidence", direction.raw),
        ("quality", direction.quality),
        ("coherence", verdict.coherence),
        ("p_long", verdict.probability.p_long),
        ("strength", verdict.strength.value),
        ("expected_value", verdict.gates.expected_value),
    )


def supporters(verdict: Verdict) -> tuple[str, ...]:
    """Name the weighed factors that support the side with 40 or more."""
    side = verdict.side
    known = ((name, score.value) for name, score in verdict.scores.items() if verdict.weights.get(name))
    return tuple(f"{name}_SUPPORTS" for name, value in known if value is not None and value * side >= 40.0)
