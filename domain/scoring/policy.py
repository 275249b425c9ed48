"""What the scoring chain demands: the thresholds of the settings, with the costs and times that other settings say."""

from __future__ import annotations

import msgspec

from domain.config import ScoringConfig
from domain.market import MINUTE_MS


class ScoringPolicy(msgspec.Struct, frozen=True):
    """By what the chain decides.

    - `thresholds`: what stands in the settings under `[scoring]`.
    - `fee_bps`, `slippage_bps` are one way; `holding_ms` is how long a position is expected to pay funding.
    - `publication_cooldown_ms`: the least time between two publications.
    """

    thresholds: ScoringConfig = ScoringConfig()
    fee_bps: float = 5.0
    slippage_bps: float = 2.0
    holding_ms: int = 120 * MINUTE_MS
    publication_cooldown_ms: int = 120 * MINUTE_MS

    @property
    def min_score(self) -> float | None:
        """The Prime strength that was asked for; None takes the calibrated one."""
        asked = self.thresholds.min_score
        return asked if asked >= 0.0 else None

    @property
    def gate_cooldown_ms(self) -> int:
        """How long a gate that shut stays shut."""
        return self.thresholds.gate_cooldown_minutes * MINUTE_MS

    @property
    def round_trip(self) -> float:
        """Fees and slippage in and out, a fraction of notional."""
        return 2.0 * (self.fee_bps + self.slippage_bps) / 10_000.0
