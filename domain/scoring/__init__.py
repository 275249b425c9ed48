"""From factor scores to a verdict: one chain, and every reason why not.

    factor scores ─▶ direction ─▶ probability ─▶ prices ─▶ gates ─▶ strength, tier, reasons ─▶ publication
                     direction.py  probability.py  prices.py  gates.py  verdict.py               publication.py

- `policy.py`: every threshold, with its default; `maturity.py`: what a contract's age demands
- `reasons.py`: the table of all rejection reasons; `whole.py`: the slow twin of `assess`
- `verdict.py`: `assess(view, policy, gates)` runs the whole chain

Everything is a pure function over frozen values: gates and publication take their state and give the next one.
"""

from domain.scoring.gates import GateState
from domain.scoring.policy import ScoringPolicy
from domain.scoring.publication import Publication, PublicationState
from domain.scoring.reasons import ANSWERS, REASONS
from domain.scoring.verdict import Verdict, assess

__all__ = ["ANSWERS", "REASONS", "GateState", "Publication", "PublicationState", "ScoringPolicy", "Verdict", "assess"]
