"""The REST door: the checks that are the same for every request, then the endpoint's handler (specs/binance.md §2, §3).

Order of checks: ban and weight, path, key, signature, time, order limits, the endpoint itself. Real Binance documents
no order; a missing key is known to come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate

import msgspec
from aiohttp import web

from domain.errors import ExchangeRejected
from infra.exchange.auth import ApiKey, KeyRing, require_signature
from infra.exchange.limiter import Limited, Limiter, OrderCounts
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.requests import parameters, require_time, signed_part

_ALWAYS = {
    "Content-Type": "application/json",
    "Server": "Tengine",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "0",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "x-response-time": "0ms",
}
_ENCODER = msgspec.json.Encoder(decimal_format="string")
_READING = {"GET"}
_ELSEWHERE = ("/sapi/", "/papi/")
"""Wallet, margin and portfolio margin: keys of this exchange are for futures only."""


class Answer(msgspec.Struct):
    """What goes back: a status, a body that JSON can say, and headers beyond those that every answer has."""

    status: int
    body: object
    headers: dict[str, str]

    def response(self) -> web.Response:
        """Write it."""
        headers = {**_ALWAYS, "Date": formatdate(usegmt=True), **self.headers}
        return web.Response(status=self.status, body=_ENCODER.encode(self.body), headers=headers)


class Asked(msgspec.Struct, frozen=True):
    """A request as it came: everything that the checks look at."""

    method: str
    path: str
    query: str
    body: bytes
    content_type: str
    api_key: str | None
    ip: str


class Wish(msgspec.Struct, frozen=True):
    """A request that is read: its parameters, and the bytes that were signed.

    `trusted`: it came over a session that logged on with this key, so that no signature is needed.
    """

    method: str
    path: str
    sent: dict[str, str]
    api_key: str | None
    payload: bytes
    signature: str
    ip: str
    trusted: bool = False


class Door:
    """Checks requests and lets endpoints answer. `before` and `after` a handler the market catches up, and tells."""

    def __init__(self, routes: Iterable[Route], keys: KeyRing, limiter: Limiter, clock: MarketClock) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._with_key = {route.path for route in self._routes.values() if route.security is Security.KEY}
        self._keys = keys
        self._limiter = limiter
        self._clock = clock
        self.before: Callable[[Security, Call], None] = lambda _security, _call: None
        self.after: Callable[[], None] = lambda: None
        self.requests = 0

    @property
    def paths(self) -> frozenset[str]:
        """Give the paths that are served."""
        return frozenset(path for _, path in self._routes)

    def methods(self, path: str) -> frozenset[str]:
        """Give the methods that a path takes."""
        return frozenset(method for method, served in self._routes if served == path)

    def answer(self, asked: Asked, *, refuse: bool = False) -> Answer:
        """Answer a request off the wire, whatever it is. `refuse`: with 429, a fault."""
        headers: dict[str, str] = {}

        def read_and_fulfil() -> object:
            if refuse:
                self._limiter.refuse(asked.ip)
            sent = parameters(asked.query, asked.body, asked.content_type)
            signed = signed_part(asked.query, asked.body)
            wish = Wish(asked.method, asked.path, sent, asked.api_key, signed.payload, signed.signature, asked.ip)
            return self._fulfilled(wish, headers)

        return self._answering(read_and_fulfil, asked.ip, headers)

    def fulfil(self, wish: Wish) -> Answer:
        """Answer a request that is read already."""
        headers: dict[str, str] = {}
        return self._answering(lambda: self._fulfilled(wish, headers), wish.ip, headers)

    def _answering(self, fulfilled: Callable[[], object], ip: str, headers: dict[str, str]) -> Answer:
        self.requests += 1
        status = 200
        try:
            body = fulfilled()
        except ApiError as error:
            status, body = error.status, _error(error.code, error.text)
            if isinstance(error, Limited) and error.retry_after_s is not None:
                headers["Retry-After"] = str(error.retry_after_s)
        except ExchangeRejected as error:
            status, body = 400, _error(error.code, error.text)
        headers["x-mbx-used-weight-1m"] = str(self._limiter.used_weight(ip))
        return Answer(status, body, headers)

    def _fulfilled(self, wish: Wish, headers: dict[str, str]) -> object:
        route = self._routes.get((wish.method, wish.path))
        if route is None:
            self._limiter.admit(wish.ip, wish.path, 1)
            if wish.path.startswith(_ELSEWHERE):
                self._keys.owner(wish.api_key, Security.KEY, changes=False)
                raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            if wish.path in self._with_key:  # GET listenKey is 401 without a key, and 404 with one
                self._keys.owner(wish.api_key, Security.KEY, changes=False)
            raise ApiError(-5000, f"Path {wish.path}, Method {wish.method} is invalid", 404)
        self._limiter.admit(wish.ip, wish.path, route.weight(wish.sent))
        changes = route.security is Security.SIGNED and wish.method not in _READING
        key = self._keys.owner(wish.api_key, route.security, changes=changes)
        if key is not None and route.security is Security.SIGNED:
            self._check_signed(wish, key)
        account = key.account if key is not None else ""
        self._count_orders(route, wish.sent, account, headers)
        call = Call(wish.method, wish.path, wish.sent, account, self._clock.now_ms())
        self.before(route.security, call)
        try:
            return route.handler(call)
        finally:
            self.after()

    def _check_signed(self, wish: Wish, key: ApiKey) -> None:
        if not wish.trusted:
            if not wish.signature:
                raise ApiError(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
            require_signature(key, wish.payload, wish.signature)
        require_time(wish.sent, self._clock.told_ms(), self._clock.speed)

    def _count_orders(self, route: Route, sent: Mapping[str, str], account: str, headers: dict[str, str]) -> None:
        orders = route.orders(sent)
        if orders:
            counts: OrderCounts = self._limiter.count_orders(account, orders)
            headers["x-mbx-order-count-10s"] = str(counts.in_10s)
            headers["x-mbx-order-count-1m"] = str(counts.in_1m)


def _error(code: int, text: str) -> dict[str, object]:
    return {"code": code, "msg": text}


async def asked_by(request: web.Request) -> Asked:
    """Read a request off the wire, its query as it was sent: signatures are over exactly those bytes."""
    path, _, query = request.raw_path.partition("?")
    body = await request.read() if request.body_exists else b""
    return Asked(
        request.method,
        path,
        query,
        body,
        request.headers.get("Content-Type", ""),
        request.headers.get("X-MBX-APIKEY"),
        request.remote or "127.0.0.1",
    )
