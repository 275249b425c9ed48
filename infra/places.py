"""Where a live run trades: what it is called in the store, whose time it runs on, and whether orders leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from domain.errors import InvalidInput
from infra.binance.settings import BinanceSettings
from infra.binance.universe import SYMBOLS_MAX
from infra.settings import Settings

SYNTHETIC: Final = "synthetic"
SIMULATOR: Final = "sim"
BINANCE: Final = "binance"
TESTNET: Final = "binance-testnet"

DEBUT_MS: Final = 1_768_213_200_000
"""2026-01-12 10:20 UTC: when the simulated market opens for a store that has no past. Its prices are a function of seed
and time, so the first minutes of everybody's first run are the same; these ones move (a wave of signals near 11:00).
"""


class Place(msgspec.Struct, frozen=True):
    """One place. `venue` and `clock` bind a store to it; `over_the_wire`: the account is at the exchange."""

    name: str
    venue: str
    market: str
    clock: str
    symbols: int | tuple[str, ...]
    over_the_wire: bool = False
    speed: float = 1.0

    @property
    def simulated(self) -> bool:
        """Whether the exchange is a process of ours."""
        return self.name == SIMULATOR

    @property
    def in_process(self) -> bool:
        """Whether there is no exchange at all."""
        return self.name == SYNTHETIC


def place_of(settings: Settings, origins: Mapping[str, str], *, live: bool) -> Place:
    """Say where a run trades. `live`: real orders are wanted. Raises `InvalidInput` for a contradiction."""
    market = settings.market
    name = market.venue
    if name in {SYNTHETIC, SIMULATOR}:
        if live:
            hint = "Choose --venue binance or --venue binance-testnet."
            raise InvalidInput("--live", "a venue that takes real orders", f"--venue {name}", hint)
        seed = f"seed {market.seed}"
        if name == SYNTHETIC:
            venue, what = "paper over the synthetic market", f"synthetic, {seed}"
            return Place(name, venue, what, "market", market.symbols, speed=market.speed)
        venue, what = "simulated exchange", f"simulated, {seed}"
        return Place(name, venue, what, "market", market.symbols, over_the_wire=True, speed=market.speed)
    if "market.speed" in origins and market.speed != 1.0:
        raise InvalidInput("market.speed", f"1 at {name}: its time can't be hurried", f"{market.speed:g}")
    symbols = market.symbols if "market.symbols" in origins else SYMBOLS_MAX
    if live:
        if not market.trading_enabled:
            hint = "Set it once you are sure; without --live everything is paper."
            raise InvalidInput("--live", "TRADING_ENABLED=true (market.trading_enabled)", "false", hint)
        return Place(name, name, name, "exchange", symbols, over_the_wire=True)
    return Place(name, f"paper over {name}", name, "exchange", symbols)


def adapter_settings(settings: Settings, place: Place) -> BinanceSettings:
    """Give the adapter's settings for a place at Binance."""
    return replace(settings.binance, testnet=place.name == TESTNET or settings.binance.testnet)


def require_durable(url: str | None) -> None:
    """Raise `InvalidInput` unless what the database says it has stored survives a power cut."""
    where, hint = "--live", "A lost order event is a lost order: choose another database."
    if url is None:
        raise InvalidInput(where, "a database", "--store memory", hint)
    from infra.postgres.server_facts import concerns, server_facts

    worries = concerns(server_facts(url))
    if worries:
        raise InvalidInput(where, "a database with fsync and synchronous_commit on", "; ".join(worries), hint)
