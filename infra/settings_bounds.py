"""Which values a setting may have: choices and ranges, by key."""

from __future__ import annotations

from typing import Final

from domain.analysis.weights import PROFILES
from infra.binance import settings as binance

INTERVALS: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "base_interval": INTERVALS,
    "strategy.analysis_interval": INTERVALS,
    "market.venue": ("sim", "binance", "binance-testnet", "synthetic"),
    "scoring.profile": tuple(PROFILES),
    "screen.log_level": ("debug", "info", "warning", "error"),
    **binance.CHOICES,
}
RANGES: Final[dict[str, tuple[float, float]]] = {
    "account.initial_balance": (1, 1e12),
    "account.risk_per_trade": (0.0001, 1),
    "account.max_margin_per_trade": (0.0001, 1),
    "account.max_open_positions": (1, 1_000),
    "account.max_same_side_positions": (1, 1_000),
    "account.leverage": (1, 125),
    "strategy.cooldown_minutes": (0, 10_080),
    "strategy.time_stop_minutes": (1, 100_000),
    "scoring.min_score": (-1, 100),
    "scoring.watch_margin": (0, 100),
    "scoring.quality_open": (0, 1),
    "scoring.quality_hold": (0, 1),
    "scoring.gate_cooldown_minutes": (0, 1_440),
    "scoring.stop_costs": (0, 100),
    "scoring.impact_bps_open": (0, 10_000),
    "scoring.impact_bps_hold": (0, 10_000),
    "scoring.spread_bps_open": (0, 10_000),
    "scoring.spread_bps_hold": (0, 10_000),
    "scoring.imbalance_open": (0, 1),
    "scoring.imbalance_hold": (0, 1),
    "scoring.room_atr_open": (0, 100),
    "scoring.room_atr_hold": (0, 100),
    "scoring.probability_hold": (0, 0.5),
    "scoring.confirm_bars": (1, 20),
    "scoring.confirm_of": (1, 20),
    "scan.interval_seconds": (0, 86_400),
    "scan.named": (0, 1_000),
    "venue.taker_fee_bps": (0, 1_000),
    "venue.slippage_bps": (0, 1_000),
    "venue.liquidation_fee_bps": (0, 1_000),
    "venue.latency_ms": (0, 60_000),
    "supervision.max_crashes": (0, 1_000),
    "supervision.window_ms": (1, 86_400_000),
    "supervision.back_off_ms": (0, 3_600_000),
    "database.commit_interval_ms": (1, 60_000),
    "database.commit_events": (1, 100_000),
    "database.held_events": (1_000, 10_000_000),
    "database.held_megabytes": (1, 65_536),
    "database.tape_retention_days": (1, 36_500),
    "market.symbols": (1, 1_000),
    "market.seed": (0, 2**63 - 1),
    "market.speed": (0.001, 100_000),
    "market.tick_ms": (100, 60_000),
    **binance.RANGES,
}
