"""What clients of the futures API ask other parts of Binance for on the way: spot's ping and time, wallet lists.

python-binance pings spot when it is made; ccxt loads currencies and margin pairs with the markets when it has a key.
Nothing of that exists here, so the lists are empty.
"""

from __future__ import annotations

from infra.exchange import asked
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import Route, Security

_EMPTY_LISTS = (
    "/sapi/v1/capital/config/getall",
    "/sapi/v1/margin/allPairs",
    "/sapi/v1/margin/allAssets",
    "/sapi/v1/margin/isolated/allPairs",
)
_NO_MARKETS: dict[str, object] = {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [], "symbols": []}
"""ccxt's `binance` asks for all markets of Binance before it trades one: there are no spot and COIN-M markets here."""


def routes(clock: MarketClock) -> list[Route]:
    """Give the endpoints."""

    def get(path: str, body: object) -> Route:
        return Route("GET", path, Security.NONE, asked.fixed(1), lambda _call: body)

    return [
        get("/api/v3/ping", {}),
        get("/sapi/v1/system/status", {"status": 0, "msg": "normal"}),
        Route("GET", "/api/v3/time", Security.NONE, asked.fixed(1), lambda _call: {"serverTime": clock.told_ms()}),
        *(get(path, []) for path in _EMPTY_LISTS),
        *(get(path, _NO_MARKETS) for path in ("/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo")),
    ]
