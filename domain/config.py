"""The settings that decisions rest on. They stand in `RunStarted`, so that a replay uses what was in force.

Everything else that can be set (database, screen, directories) is the shell's business: `infra/settings.py`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


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
    """Which strategy proposes, how often, and how long an idea may live. `name` may be a path to a user's own file."""

    name: str = "trend"
    analysis_interval: str = "5m"
    cooldown_minutes: int = 15
    time_stop_minutes: int = 120


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
