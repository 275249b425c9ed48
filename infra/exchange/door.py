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


class Door:
    """Checks requests and lets endpoints answer. `before` and `after` a handler the market catches up, and tells."""

    def __init__(self, routes: Iterable[Route], keys: KeyRing, limiter: Limiter, clock: MarketClock) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._keys = keys
        self._limiter = limiter
        self._clock = clock
        self.before: Callable[[Security, Call], None] = lambda _security, _call: None
        self.after: Callable[[], None] = lambda: None

    @property
    def paths(self) -> frozenset[str]:
        """Give the paths that are served."""
        return frozenset(path for _, path in self._routes)

    def answer(self, asked: Asked) -> Answer:
        """Answer a request, whatever it is."""
        headers: dict[str, str] = {}
        try:
            body = self._answered(asked, headers)
            status = 200
        except Limited as error:
            status, body = error.status, _error(error.code, error.text)
            if error.retry_after_s is not None:
                headers["Retry-After"] = str(error.retry_after_s)
        except ApiError as error:
            status, body = error.status, _error(error.code, error.text)
        except ExchangeRejected as error:
            status, body = 400, _error(error.code, error.text)
        headers["x-mbx-used-weight-1m"] = str(self._limiter.used_weight(asked.ip))
        return Answer(status, body, headers)

    def _answered(self, asked: Asked, headers: dict[str, str]) -> object:
        route = self._routes.get((asked.method, asked.path))
        if route is None:
            self._limiter.admit(asked.ip, asked.path, 1)
            raise ApiError(-5000, f"Path {asked.path}, Method {asked.method} is invalid", 404)
        sent = parameters(asked.query, asked.body, asked.content_type)
        self._limiter.admit(asked.ip, asked.path, route.weight(sent))
        changes = route.security is Security.SIGNED and asked.method not in _READING
        key = self._keys.owner(asked.api_key, route.security, changes=changes)
        if key is not None and route.security is Security.SIGNED:
            self._check_signed(asked, sent, key)
        account = key.account if key is not None else ""
        self._count_orders(route, sent, account, headers)
        call = Call(asked.method, asked.path, sent, account, self._clock.now_ms())
        self.before(route.security, call)
        try:
            return route.handler(call)
        finally:
            self.after()

    def _check_signed(self, asked: Asked, sent: Mapping[str, str], key: ApiKey) -> None:
        signed = signed_part(asked.query, asked.body)
        if not signed.signature:
            raise ApiError(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        require_signature(key, signed.payload, signed.signature)
        require_time(sent, self._clock.told_ms(), self._clock.speed)

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
