"""Everything that a running exchange is made of, put together and connected; `server.py` gives it a port."""

from __future__ import annotations

import secrets
from decimal import Decimal

import msgspec

from domain.errors import InvalidInput
from domain.exchange.exchange import Exchange
from domain.exchange.listing import Listing
from infra.exchange import elsewhere, private, public_candles, public_info, public_prices, public_stats
from infra.exchange.auth import KeyRing
from infra.exchange.board import Board
from infra.exchange.client import ConnectionRules
from infra.exchange.door import Door
from infra.exchange.driver import Driver
from infra.exchange.faults import FaultBox, Faults
from infra.exchange.feed import FeedRoom
from infra.exchange.floor import Floor
from infra.exchange.hub import Hub
from infra.exchange.limiter import Limiter
from infra.exchange.listen_keys import ListenKeys
from infra.exchange.listings import listed_as
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import Route
from infra.exchange.rolling import RollingDay
from infra.exchange.tape import Tape
from infra.exchange.user_streams import UserStreams
from infra.exchange.walked_market import WalkedMarket

ACCOUNTS = 25
BALANCE = Decimal(10_000)
"""What every account begins with (USDT)."""


class Rules(msgspec.Struct, frozen=True):
    """How the exchange is run. `limits`: whether rate limits are enforced; `latency_ms`: added to every answer."""

    seed: int = 1
    limits: bool = True
    latency_ms: int = 0
    accounts: int = ACCOUNTS
    balance: Decimal = BALANCE
    connections: ConnectionRules = ConnectionRules()
    faults: Faults = Faults()


class Stage:
    """The parts of an exchange."""

    def __init__(self, market: WalkedMarket, clock: MarketClock, rules: Rules) -> None:
        self.market = market
        self.clock = clock
        self.rules = rules
        self.keys = KeyRing(rules.seed, rules.accounts)
        self.limiter = Limiter(clock.wall_s, clock.told_ms, enforced=rules.limits)
        self.board = Board(market, clock.now_ms())
        self.tape = Tape(market)
        self.day = RollingDay(self.board, self.tape)
        self.room = FeedRoom(self.board, self.day, self.tape)
        self.hub = Hub(self.room, rules.connections)
        self.driver = Driver(clock, self.board, self.hub)
        self.exchange = Exchange(market.listings)
        self.floor = Floor(self.exchange, self.board, self.tape, self.room)
        self.listen_keys = ListenKeys(lambda: int(clock.wall_s() * 1_000), _listen_key)
        self.users = UserStreams(self.listen_keys, self.hub, lambda symbol: market.listings[market.row[symbol]])
        self.door = Door(self._routes(), self.keys, self.limiter, clock)
        self.faults = FaultBox(rules.faults)
        self._connect()

    def _connect(self) -> None:
        """Let the parts hear of each other, and pay the accounts in."""
        self.hub.wall_s = self.clock.wall_s
        self.floor.on_facts = self.users.tell
        self.door.before, self.door.after = self.floor.prepare, self.floor.publish
        self.driver.moved += [self.floor.moved, self.day.read_ahead]
        self.driver.looked_after += [self.users.expire, self._make_trouble]
        for account in dict.fromkeys(key.account for key in self.keys):
            self.exchange.open_account(account, self.rules.balance, self.board.now_ms)
        self.exchange.drain()
        self.misbehave(self.rules.faults)

    def _routes(self) -> list[Route]:
        board = self.board
        return [
            *public_info.routes(board, self.clock),
            *public_candles.routes(board, self.tape),
            *public_prices.routes(board, self.day, self.tape),
            *public_stats.routes(board),
            *private.routes(self.exchange, self.listen_keys),
            *elsewhere.routes(self.clock),
        ]

    def relist(self, symbol: str, status: str | None, leverage_max: int | None) -> Listing:
        """Let a contract have another status, or brackets that allow less; tell who listens to `!contractInfo`.

        Orders and positions stay as they are. Raises `InvalidInput` for an unknown contract.
        """
        if symbol not in self.market.row:
            raise InvalidInput("symbol", "a contract that is listed", repr(symbol))
        found = listed_as(self.market.listings[self.market.row[symbol]], status, leverage_max)
        self.market.relist(found)
        self.exchange.contract(symbol).listing = found
        self.room.change(found, brackets=leverage_max is not None)
        return found

    def misbehave(self, faults: Faults) -> None:
        """Let these faults happen from now on, instead of those so far."""
        self.faults.replace(faults)
        self.clock.drift_ms = faults.clock_drift_ms
        self.hub.mischief = self.faults if self.faults.bends_frames else None
        for client in self.hub.clients:
            client.misbehave(self.hub.mischief, self.clock.wall_s)
            if faults.maintenance:
                client.close(1001, "maintenance")

    def _make_trouble(self, now_ms: int) -> None:
        """Let happen, about once a second, what has a rate."""
        faults, box = self.faults.faults, self.faults
        for client in tuple(self.hub.clients):
            if box.happens("dropped", faults.drops_a_minute, 1.0):
                client.close(0)
            elif box.happens("silenced", faults.silences_a_minute, 1.0):
                client.silent = True
        for key in self.hub.user_keys:
            owner = self.listen_keys.owner(key)
            if owner is not None and box.happens("listen_key_lost", faults.listen_keys_lost_a_minute, 1.0):
                self.listen_keys.expire(owner)
                self.users.expire(now_ms)


def _listen_key() -> str:
    """Draw a listen key: 64 characters, as Binance's."""
    return secrets.token_hex(32)
