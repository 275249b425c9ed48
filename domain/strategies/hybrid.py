"""Join the `factors` and the `ict` strategy: where both see the same, be surer; where they differ, stay out.

Same side: the levels of `ict`, the mean of both confidences and of both win probabilities. One alone passes as it is.
Opposite sides: declined as CONFLICT (product §3).
"""

from __future__ import annotations

from msgspec.structs import replace

from domain.strategies import Pass, Proposal


def combine(factors: Proposal | Pass, ict: Proposal | Pass) -> Proposal | Pass:
    """Join the two answers of one analysis."""
    match factors, ict:
        case Pass(), Pass():
            return Pass(factors.reason, (*factors.facts, *ict.facts))
        case Proposal(), Pass():
            return factors
        case Pass(), Proposal():
            return ict
        case Proposal(), Proposal():
            facts = (*ict.facts, *factors.facts)
            if factors.side is not ict.side:
                return Pass("CONFLICT", facts)
            return replace(
                ict,
                confidence=(factors.confidence + ict.confidence) / 2.0,
                win=(factors.win + ict.win) / 2.0,
                reasons=(*ict.reasons, *factors.reasons),
                facts=facts,
            )
