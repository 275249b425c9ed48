"""The settings that decisions rest on. They stand in `RunStarted`, so that a replay uses what was in force.

Everything else that can be set (database, screen, directories) is the shell's business: `infra/settings.py`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.calibration.table import Calibration


class AccountConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One paper account and its limits. Amounts in USDT, shares as fractions of equity."""

    name: str = "main"
    initial_balance: Decimal = Decimal(10_000)
    risk_per_trade: Decimal = Decimal("0.01")
    max_margin_per_trade: Decimal = Decimal("0.10")
    max_open_positions: int = 10
    max_same_side_positions: int = 5
    leverage: int = 5


class StrategyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which strategy proposes, how often, and how long an idea may live. `name` may be a path to a user's own file.

    `relaxed` lets the `ict` rules take directions that only two frames show. `follow_watched` follows virtually what is
    watched and not strong enough to be traded.
    """

    name: str = "hybrid"
    analysis_interval: str = "5m"
    cooldown_minutes: int = 15
    time_stop_minutes: int = 120
    relaxed: bool = True
    follow_watched: bool = True


class ScoringConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a verdict demands. `_bps` are basis points, `_atr` ATR of 1h, the rest are fractions unless they say so.

    - `profile`: weights, `balanced` or `v41`. `min_score`: the Prime strength, 0 … 100; below 0 the calibrated one.
    - `watch_margin`: how far below Prime a strength is still watched.
    - Data quality opens at `quality_open`, holds to `quality_hold`, and a gate that shut stays so for the cooldown.
    - The stop must be `stop_costs` round trips away.
    - Execution: limits to open, and the looser ones to stay open. `require_depth` makes a missing book a refusal.
    - Publication: `confirm_of` of the last `confirm_bars` closed 15m bars.
    - `tables` replace the shipped calibration of their strategies; `run.py calibrate` makes them.

    Costs are those of the venue, the expected holding time is the time stop, and the pause between two publications is
    the strategy's cooldown: see `domain/scoring/policy.py`.
    """

    profile: str = "balanced"
    min_score: float = -1.0
    watch_margin: float = 10.0
    quality_open: float = 0.90
    quality_hold: float = 0.88
    gate_cooldown_minutes: int = 10
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
    tables: tuple[Calibration, ...] = ()


class ScanConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a run sums its analyses up (0: never), and how many near misses and rejections it names."""

    interval_seconds: int = 300
    named: int = 10


class VenueConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What trading costs on the in-process exchange. Slippage is always against us."""

    taker_fee_bps: Decimal = Decimal(5)
    slippage_bps: Decimal = Decimal(2)
    liquidation_fee_bps: Decimal = Decimal(50)
    latency_ms: int = 50


class SupervisionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an actor may crash before it stays down, and how long it waits before it comes back."""

    max_crashes: int = 3
    window_ms: int = 60_000
    back_off_ms: int = 1_000


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings that decisions rest on."""

    base_interval: str = "1m"
    account: AccountConfig = AccountConfig()
    strategy: StrategyConfig = StrategyConfig()
    venue: VenueConfig = VenueConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    scoring: ScoringConfig = ScoringConfig()
    scan: ScanConfig = ScanConfig()
