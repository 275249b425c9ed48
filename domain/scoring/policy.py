"""Every threshold of the chain, with its default. `_bps` are basis points, `_atr` ATR of 1h, the rest are fractions."""

from __future__ import annotations

import msgspec

MINUTE_MS = 60_000


class ScoringPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the chain demands.

    - `profile`: weights, `balanced` or `v41`. `min_score`: the Prime strength; None takes the calibrated one.
    - `watch_margin`: how far below Prime a strength is still watched.
    - Data quality opens at `quality_open`, holds to `quality_hold`, and stays shut for `gate_cooldown_ms`.
    - `fee_bps`, `slippage_bps` are one way; `holding_ms` is how long a position is expected to pay funding;
      the stop must be `stop_costs` round trips away.
    - Execution: limits to open, and the looser ones to stay open. `require_depth` makes a missing book a refusal.
    - Publication: `confirm_of` of the last `confirm_bars` closed 15m bars; `publication_cooldown_ms` between two.
    """

    profile: str = "balanced"
    min_score: float | None = None
    watch_margin: float = 5.0
    quality_open: float = 0.90
    quality_hold: float = 0.88
    gate_cooldown_ms: int = 10 * MINUTE_MS
    fee_bps: float = 5.0
    slippage_bps: float = 2.0
    holding_ms: int = 120 * MINUTE_MS
    stop_costs: float = 4.0
    require_depth: bool = False
    impact_bps_open: float = 7.0
    impact_bps_hold: float = 8.0
    spread_bps_open: float = 35.0
    spread_bps_hold: float = 38.0
    imbalance_open: float = 0.30
    imbalance_hold: float = 0.33
    room_atr_open: float = 0.60
    room_atr_hold: float = 0.54
    probability_hold: float = 0.01
    confirm_bars: int = 3
    confirm_of: int = 2
    publication_cooldown_ms: int = 120 * MINUTE_MS

    @property
    def round_trip(self) -> float:
        """Fees and slippage in and out, a fraction of notional."""
        return 2.0 * (self.fee_bps + self.slippage_bps) / 10_000.0
