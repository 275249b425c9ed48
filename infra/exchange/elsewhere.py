"""What clients of the futures API ask other parts of Binance for on the way: spot's ping and time, wallet lists.

python-binance pings spot when it is made; ccxt loads currencies and margin pairs with the markets when it has a key.
Nothing of that exists here, so the lists are empty; whatever else a client wants from the wallet is refused as to a key
that may trade futures only (`door.py`).
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
    "/sapi/v1/capital/deposit/hisrec",
    "/sapi/v1/capital/withdraw/history",
    "/sapi/v1/convert/assetInfo",
)
_EMPTY_PAGES = ("/sapi/v1/asset/transfer", "/sapi/v1/futures/transfer", "/sapi/v1/asset/assetDividend")
_RIGHTS = {
    "ipRestrict": False, "createTime": 1_698_645_219_000, "enableReading": True, "enableFutures": True,
    "enableSpotAndMarginTrading": False, "enableMargin": False, "enableWithdrawals": False,
    "enableInternalTransfer": False, "permitsUniversalTransfer": False, "enableVanillaOptions": False,
    "enableFixApiTrade": False, "enableFixReadOnly": False, "enablePortfolioMarginTrading": False,
}  # fmt: skip
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
        get("/sapi/v1/account/apiRestrictions", _RIGHTS),
        *(get(path, []) for path in _EMPTY_LISTS),
        *(get(path, {"total": 0, "rows": []}) for path in _EMPTY_PAGES),
        *(get(path, _NO_MARKETS) for path in ("/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo")),
    ]
