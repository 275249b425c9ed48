"""What serves in `exchange`: the simulator, and what its two halves are compared with. Each runs as a `Neighbour`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

import msgspec
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from domain.flow import MINUTE_MS
from infra.exchange.heap import keep_freed_memory
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import ApiError
from infra.exchange.server import ExchangeServer
from infra.exchange.stage import Rules
from infra.exchange.synthetic_market import synthetic_market

LOOPBACK: Final = "127.0.0.1"
CLOSE_MS: Final = 5 * MINUTE_MS
BEFORE_MS: Final = 500
"""How long before a close, or after it, is near."""
_MINUTE_S: Final = 60.0
_ANSWER: Final = {
    "orderId": 8886774, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "hs-2wb5gkx1", "price": "60000.10",
    "avgPrice": "0.00", "origQty": "0.010", "executedQty": "0.000", "cumQty": "0.000", "cumQuote": "0.00000",
    "timeInForce": "GTC", "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": "BUY",
    "positionSide": "BOTH", "stopPrice": "0.00", "workingType": "CONTRACT_PRICE", "priceProtect": False,
    "origType": "LIMIT", "priceMatch": "NONE", "selfTradePreventionMode": "NONE", "goodTillDate": 0,
    "updateTime": 1746057600000,
}  # fmt: skip


class Served(NamedTuple):
    """Where a simulator listens, and the (key, secret) of each of its accounts."""

    rest: str
    ws: str
    keys: list[tuple[str, str]]


class Booked(NamedTuple):
    """What clients asked for since the last look: weight in all and in the busiest sliding minute, calls of klines."""

    weight: int
    busiest_minute: int
    candle_calls: int
    refused: int


class Simulator:
    """The simulated exchange.

    `told(ms)` lets its market leap forward and gives its time, `told(None)` gives what was `Booked`. The market begins
    in the last minute before a 5m candle closes.
    """

    def __init__(self, symbols: int, rules: Rules, speed: float = 1.0) -> None:
        keep_freed_memory()
        now_ms = time.time_ns() // 1_000_000 // CLOSE_MS * CLOSE_MS - MINUTE_MS + BEFORE_MS
        self._server = ExchangeServer(synthetic_market(1, symbols, now_ms), MarketClock(now_ms, speed), rules)
        self._calls: list[tuple[float, str, int]] = []
        self._refused = 0
        self._admit = self._server.stage.limiter.admit
        self._server.stage.limiter.admit = self._noted

    async def start(self) -> Served:
        """Listen on a free port."""
        announced = await self._server.start(LOOPBACK, 0)
        return Served(announced.rest, announced.ws, [(key.key, key.secret) for key in self._server.stage.keys])

    async def told(self, wish: int | None) -> Booked | int:
        """Let the market leap, or say what was booked."""
        if wish is not None:
            self._server.stage.clock.advance(wish)
            return self._server.stage.clock.now_ms()
        calls, refused = self._calls, self._refused
        self._calls, self._refused = [], 0
        candles = sum(path.endswith("/klines") for _, path, _ in calls)
        return Booked(sum(weight for _, _, weight in calls), _busiest_minute(calls), candles, refused)

    async def stop(self) -> None:
        """Close everything."""
        await self._server.stop()

    def _noted(self, ip: str, path: str, weight: int) -> None:
        self._calls.append((self._server.stage.clock.wall_s(), path, weight))
        try:
            self._admit(ip, path, weight)
        except ApiError:
            self._refused += 1
            raise


def _busiest_minute(calls: Sequence[tuple[float, str, int]]) -> int:
    """Give the most weight that was asked for in any 60 s."""
    most = held = first = 0
    for at_s, _, weight in calls:
        held += weight
        while at_s - calls[first][0] >= _MINUTE_S:
            held -= calls[first][2]
            first += 1
        most = max(most, held)
    return most


class Bare:
    """A `websockets` server that sends texts, one `send` each, and an aiohttp server that echoes an order's answer.

    `told(texts, clients)`: every client gets the texts, once there are so many.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._clients = 0
        self._come = 0
        self._all = asyncio.Event()
        self._open = AsyncExitStack()
        self._body = msgspec.json.encode(_ANSWER)

    async def start(self) -> Served:
        """Listen on two free ports."""
        server = await self._open.enter_async_context(serve(self._push, LOOPBACK, 0, compression=None))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, LOOPBACK, 0).start()
        port = next(iter(server.sockets)).getsockname()[1]
        return Served(f"http://{LOOPBACK}:{runner.addresses[0][1]}", f"ws://{LOOPBACK}:{port}", [])

    async def told(self, wish: tuple[list[str], int]) -> None:
        """Get ready to send."""
        self._texts, self._clients = wish
        self._come = 0
        self._all.clear()

    async def stop(self) -> None:
        """Hang up."""
        await self._open.aclose()

    async def _push(self, client: ServerConnection) -> None:
        self._come += 1
        if self._come == self._clients:
            self._all.set()
        await self._all.wait()
        for text in self._texts:
            await client.send(text)
        await client.wait_closed()

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=self._body, content_type="application/json")
