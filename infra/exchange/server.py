"""A port for the exchange: REST and WebSocket, with whatever is meant to go wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from aiohttp import web

from domain.errors import InvalidInput
from infra.exchange import ws_api
from infra.exchange.admin import PREFIX, Admin
from infra.exchange.connection import address_of, serve
from infra.exchange.departed import server_log
from infra.exchange.door import Answer, Asked, asked_by
from infra.exchange.faults import RestFault
from infra.exchange.market_clock import MarketClock
from infra.exchange.stage import Rules, Stage
from infra.exchange.walked_market import WalkedMarket

_STOP_S = 2.0
_UNKNOWN = {"code": -1000, "msg": "Unknown error, please check your request or try again later."}
_UNAVAILABLE = {"code": -1001, "msg": "Service Unavailable."}
_UNREADABLE = {"code": -1102, "msg": "A mandatory parameter was not sent, was empty/null, or malformed."}
_BODY_BYTES_MAX = 1_048_576


class Announced(msgspec.Struct, frozen=True):
    """The first line on standard output: where the exchange is, and a key for it."""

    rest: str
    ws: str
    api_key: str
    api_secret: str


class ExchangeServer:
    """A running exchange. `start`, then `announced` says where it is; `stop` ends it."""

    def __init__(self, market: WalkedMarket, clock: MarketClock, rules: Rules) -> None:
        self.stage = Stage(market, clock, rules)
        self._admin = Admin(self.stage)
        self._runner: web.AppRunner | None = None
        self._beat: asyncio.Task[None] | None = None
        self._host = ""
        self._port = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Announced:
        """Listen, and let the market move. Raises `InvalidInput` if the port is taken."""
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_STOP_S, logger=server_log()
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1_024)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            hint = "Choose another --port, or 0 for a free one."
            raise InvalidInput("--port", "a port that is free", f"{host}:{port} in use ({error})", hint) from error
        self._host, self._port = self._runner.addresses[0][:2]
        self._beat = asyncio.create_task(self.stage.driver.run(), name="market")
        return self.announced

    @property
    def announced(self) -> Announced:
        """Say where the exchange is, with the first key."""
        key = next(iter(self.stage.keys))
        host = f"[{self._host}]" if ":" in self._host else self._host
        return Announced(f"http://{host}:{self._port}", f"ws://{host}:{self._port}", key.key, key.secret)

    async def stop(self) -> None:
        """Close all connections and the port."""
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
        for client in tuple(self.stage.hub.clients):
            client.close(1001, "going away")
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait(self) -> None:
        """Wait until the market's loop ends: it does so only by `stop`, or by a bug, which is raised here."""
        if self._beat is not None:
            await self._beat

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        stage = self.stage
        if request.headers.get("Upgrade", "").lower() == "websocket" and not stage.faults.faults.maintenance:
            path, _, query = request.raw_path.partition("?")
            if path == ws_api.PATH:
                return await ws_api.serve(request, stage)
            address = address_of(path, query)
            if address is not None:
                return await serve(request, address, stage.hub, stage.clock.wall_s)
        try:
            asked = await asked_by(request)
        except web.RequestPayloadError:
            return Answer(400, _UNREADABLE, {}).response()
        if asked.path.startswith(PREFIX):
            return (await self._admin.answer(asked)).response()
        return await self._answered(request, asked)

    async def _answered(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        stage, faults = self.stage, self.stage.faults.faults
        delay_s = stage.rules.latency_ms / 1_000.0 + stage.faults.latency_s()
        fault = stage.faults.rest(asked.method, asked.path)
        if delay_s:
            await asyncio.sleep(delay_s / 2)
        if faults.maintenance or fault is RestFault.SERVER_ERROR:
            return Answer(503, _UNAVAILABLE, {}).response()
        if fault is RestFault.BANNED_418:
            stage.limiter.ban(asked.ip, faults.ban_s)
        answer = stage.door.answer(asked, refuse=fault is RestFault.REFUSED_429)
        if delay_s:
            await asyncio.sleep(delay_s / 2)
        match fault:
            case RestFault.UNKNOWN_STATE:
                return Answer(503, _UNKNOWN, answer.headers).response()
            case RestFault.HUNG_ANSWER:
                await asyncio.sleep(faults.hang_s)
            case RestFault.LOST_ANSWER:
                if request.transport is not None:
                    request.transport.abort()
            case _:
                pass
        return answer.response()
