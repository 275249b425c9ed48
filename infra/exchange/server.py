"""The simulator put together: one port for REST and WebSocket."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from decimal import Decimal

import msgspec
from aiohttp import web

from domain.errors import InvalidInput
from domain.exchange.exchange import Exchange
from infra.exchange import elsewhere, private, public_candles, public_info, public_prices, public_stats
from infra.exchange.auth import KeyRing
from infra.exchange.board import Board
from infra.exchange.client import ConnectionRules
from infra.exchange.connection import address_of, serve
from infra.exchange.door import Door, asked_by
from infra.exchange.driver import Driver
from infra.exchange.feeds import FeedRoom
from infra.exchange.floor import Floor
from infra.exchange.hub import Hub
from infra.exchange.limiter import Limiter
from infra.exchange.listen_keys import ListenKeys
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import Route
from infra.exchange.rolling import RollingDay
from infra.exchange.tape import Tape
from infra.exchange.user_streams import UserStreams
from infra.exchange.walked_market import WalkedMarket

ACCOUNTS = 25
BALANCE = Decimal(10_000)
"""What every account begins with (USDT)."""
_STOP_S = 2.0


class Rules(msgspec.Struct, frozen=True):
    """How the exchange is run. `limits`: whether rate limits are enforced; `latency_ms`: added to every answer."""

    seed: int = 1
    limits: bool = True
    latency_ms: int = 0
    accounts: int = ACCOUNTS
    balance: Decimal = BALANCE
    connections: ConnectionRules = ConnectionRules()


class Announced(msgspec.Struct, frozen=True):
    """The first line on standard output: where the exchange is, and a key for it."""

    rest: str
    ws: str
    api_key: str
    api_secret: str


class ExchangeServer:
    """A running exchange. `start`, then `announced` says where it is; `stop` ends it."""

    def __init__(self, market: WalkedMarket, clock: MarketClock, rules: Rules) -> None:
        self.market = market
        self.clock = clock
        self.rules = rules
        self.keys = KeyRing(rules.seed, rules.accounts)
        self.limiter = Limiter(clock.wall_s, clock.told_ms, enforced=rules.limits)
        self.board = Board(market, clock.now_ms())
        self.tape = Tape(market)
        self.day = RollingDay(self.board)
        self.room = FeedRoom(self.board, self.day, self.tape)
        self.hub = Hub(self.room, rules.connections)
        self.driver = Driver(clock, self.board, self.hub)
        self.exchange = Exchange(market.listings)
        self.floor = Floor(self.exchange, self.board, self.tape, self.room)
        self.listen_keys = ListenKeys(lambda: int(clock.wall_s() * 1_000), _listen_key)
        self.users = UserStreams(self.listen_keys, self.hub, lambda symbol: market.listings[market.row[symbol]])
        self.door = Door(self._routes(), self.keys, self.limiter, clock)
        self._connect()
        self._runner: web.AppRunner | None = None
        self._beat: asyncio.Task[None] | None = None
        self._host = ""
        self._port = 0

    def _connect(self) -> None:
        """Let the parts hear of each other, and pay the accounts in."""
        self.floor.on_facts = self.users.tell
        self.door.before, self.door.after = self.floor.prepare, self.floor.publish
        self.driver.moved.append(self.floor.moved)
        self.driver.looked_after.append(self.users.expire)
        for key in self.keys:
            self.exchange.open_account(key.account, self.rules.balance, self.board.now_ms)
        self.exchange.drain()

    def _routes(self) -> list[Route]:
        board = self.board
        return [
            *public_info.routes(board, self.clock),
            *public_candles.routes(board),
            *public_prices.routes(board, self.day, self.tape),
            *public_stats.routes(board),
            *private.routes(self.exchange, self.listen_keys),
            *elsewhere.routes(self.clock),
        ]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Announced:
        """Listen, and let the market move. Raises `InvalidInput` if the port is taken."""
        app = web.Application(client_max_size=1_048_576)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_STOP_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1_024)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            hint = "Choose another --port, or 0 for a free one."
            raise InvalidInput("--port", "a port that is free", f"{host}:{port} in use ({error})", hint) from error
        self._host, self._port = self._runner.addresses[0][:2]
        self._beat = asyncio.create_task(self.driver.run(), name="market")
        return self.announced

    @property
    def announced(self) -> Announced:
        """Say where the exchange is, with the first key."""
        key = next(iter(self.keys))
        host = f"[{self._host}]" if ":" in self._host else self._host
        return Announced(f"http://{host}:{self._port}", f"ws://{host}:{self._port}", key.key, key.secret)

    async def stop(self) -> None:
        """Close all connections and the port."""
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
        for client in tuple(self.hub.clients):
            client.close(1001, "going away")
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait(self) -> None:
        """Wait until the market's loop ends: it does so only by `stop`, or by a bug, which is raised here."""
        if self._beat is not None:
            await self._beat

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if upgrade:
            path, _, query = request.raw_path.partition("?")
            address = address_of(path, query)
            if address is not None:
                return await serve(request, address, self.hub, self.clock.wall_s)
        asked = await asked_by(request)
        if self.rules.latency_ms:
            await asyncio.sleep(self.rules.latency_ms / 1_000.0)
        return self.door.answer(asked).response()


def _listen_key() -> str:
    """Draw a listen key: 64 characters, as Binance's."""
    return secrets.token_hex(32)
