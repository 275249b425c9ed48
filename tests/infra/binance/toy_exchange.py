"""A tiny exchange on 127.0.0.1: it answers by script, checks signatures, and remembers every byte that it saw."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiohttp import web

from domain.values import OrderSide
from infra.binance.new_order import NewOrder
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings
from infra.binance.signing import HmacSigner, Key, Secret

T = TypeVar("T")
ORDER = "/fapi/v1/order"
PLACED = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "hs-1", "status": "NEW", "side": "BUY"}
WISH = NewOrder(
    symbol="BTCUSDT",
    side=OrderSide.BUY,
    order_type="LIMIT",
    client_order_id="hs-1",
    quantity=Decimal("0.010"),
    price=Decimal("65000.10"),
)
API_KEY, API_SECRET = "the-api-key", "the-api-secret"
WINDOW_MS = 5_000


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]

    @property
    def params(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in (self.query + self.body).split("&") if pair)


Script = Callable[[Seen], Awaitable[web.StreamResponse]]


def says(body: object, status: int = 200, **headers: str) -> Script:
    """Answer this; keyword `Retry_After` becomes the header Retry-After."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: Seen) -> web.StreamResponse:
        return web.Response(body=raw, status=status, headers=named, content_type="application/json")

    return answer


def refuses(code: int, text: str = "no", status: int = 400, **headers: str) -> Script:
    """Answer an error body."""
    return says({"code": code, "msg": text}, status, **headers)


class Toy:
    """Scripts are used up in order, the last one stays; what has no script is answered by the exchange's rules."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.connections: set[object] = set()
        self.skew_ms = 0
        self.url = ""
        self._scripts: dict[str, deque[Script]] = defaultdict(deque)
        self._closing = asyncio.Event()

    def on(self, name: str, *scripts: Script) -> None:
        """Set what `METHOD /path` answers."""
        self._scripts[name] = deque(scripts)

    def calls(self, name: str) -> list[Seen]:
        """Give the requests to `METHOD /path`."""
        return [seen for seen in self.seen if f"{seen.method} {seen.path}" == name]

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.skew_ms

    async def tick(self) -> None:
        """Let a few milliseconds pass."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), 0.005)

    async def hangs(self, _: Seen) -> web.StreamResponse:
        """Take the request and never answer."""
        await self._closing.wait()
        return web.Response()

    def signed(self, body: object) -> Script:
        """Answer only what has a right key, signature and time, as the exchange does (specs/binance.md §2)."""

        async def answer(seen: Seen) -> web.StreamResponse:
            if seen.headers.get("x-mbx-apikey") != API_KEY:
                return await refuses(-2015, "Invalid API-key, IP, or permissions for action.", 401)(seen)
            payload, _, signature = (seen.query + seen.body).rpartition("&signature=")
            if signature != hmac.new(API_SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest():
                return await refuses(-1022, "Signature for this request is not valid.")(seen)
            age_ms = self.now_ms() - int(seen.params["timestamp"])
            if not -1_000 < age_ms <= int(seen.params["recvWindow"]):
                return await refuses(-1021, "Timestamp for this request is outside of the recvWindow.")(seen)
            return await says(body)(seen)

        return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, path, query, await request.text(), headers)
        self.seen.append(seen)
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        scripts = self._scripts.get(f"{seen.method} {seen.path}")
        if scripts:
            script = scripts.popleft() if len(scripts) > 1 else scripts[0]
            if script is drops:
                request.transport.abort()
                return web.Response()
            return await script(seen)
        if path == "/fapi/v1/time":
            return await says({"serverTime": self.now_ms()})(seen)
        return web.Response(status=404)

    def close(self) -> None:
        self._closing.set()


async def drops(_: Seen) -> web.StreamResponse:
    """Stands for: the connection is cut after the request arrived."""
    raise AssertionError("handled by the toy")


@asynccontextmanager
async def toy_exchange() -> AsyncIterator[Toy]:
    """Serve on a free port of 127.0.0.1."""
    toy = Toy()
    runner = web.ServerRunner(web.Server(toy.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    toy.url = f"http://{host}:{port}"
    try:
        yield toy
    finally:
        toy.close()
        await runner.cleanup()


def rest_of(toy: Toy, *, key: Key | None = None, draw: float = 0.0, now_ms: Any = None, **settings: Any) -> Rest:
    """A client of the toy with a right key; waits are short."""
    given: dict[str, Any] = {"timeout_ms": 2_000, "recv_window_ms": WINDOW_MS, **settings}
    options = {"now_ms": now_ms} if now_ms else {}
    return Rest(
        BinanceSettings(rest_url=toy.url, **given), key or right_key(), draw=lambda: draw, back_off_ms=2, **options
    )


def right_key(secret: str = API_SECRET, api_key: str = API_KEY) -> Key:
    return Key(Secret(api_key), HmacSigner(Secret(secret)))


def with_toy(test: Callable[[Toy], Awaitable[T]]) -> T:
    """Run a test that needs the toy, for 20 s at most."""

    async def run() -> T:
        async with toy_exchange() as toy:
            return await asyncio.wait_for(test(toy), 20)

    return asyncio.run(run())
