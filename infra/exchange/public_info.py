"""The public endpoints about the exchange itself: ping, time, exchangeInfo, and what hardly ever changes."""

from __future__ import annotations

from decimal import Decimal

from infra.exchange import asked, composite_index
from infra.exchange.asset_index import ASSETS, asset_indices, row_of
from infra.exchange.board import Board
from infra.exchange.limiter import ORDERS_A_MINUTE, ORDERS_IN_10S, WEIGHT_A_MINUTE
from infra.exchange.market_clock import MarketClock
from infra.exchange.ports import ApiError, Call, Handler, Listing, Route, Security
from infra.exchange.sessions import schedule

FOREVER_MS = 4_133_404_800_000
"""The deliveryDate of a contract that has none."""
ORDER_TYPES = (
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET",
)  # fmt: skip
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
RATE_LIMITS = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_A_MINUTE},
    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": ORDERS_A_MINUTE},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_IN_10S},
)
_INSURANCE_FUND = "314151411.06482935"
_CONSTITUENTS = (("binance", "0.5"), ("okex", "0.2"), ("bybit", "0.2"), ("coinbase", "0.1"))


def routes(board: Board, clock: MarketClock) -> list[Route]:
    """Give the endpoints."""

    def get(path: str, handler: Handler, weight: int = 1, all_: int = 0) -> Route:
        return Route("GET", path, Security.NONE, asked.by_symbol(weight, all_ or weight), handler)

    return [
        get("/fapi/v1/ping", lambda _call: {}),
        get("/fapi/v1/time", lambda _call: {"serverTime": clock.told_ms()}),
        get("/fapi/v1/exchangeInfo", lambda _call: exchange_info(board, clock.told_ms())),
        get("/fapi/v1/constituents", lambda call: _constituents(board, call), 2),
        get("/fapi/v1/indexInfo", lambda call: _index_info(board, call)),
        get("/fapi/v1/assetIndex", lambda call: _asset_index(board, call), 1, 10),
        get("/fapi/v1/insuranceBalance", lambda call: _insurance(board, call)),
        get("/fapi/v1/symbolAdlRisk", lambda call: _adl_risk(board, call)),
        get("/fapi/v1/tradingSchedule", lambda _call: _schedule(board.now_ms), 5),
    ]


def exchange_info(board: Board, told_ms: int) -> dict[str, object]:
    """Give the body of GET exchangeInfo (specs/binance.md §5): the contracts that are listed by now."""
    listed = [one for one in board.market.listings if one.onboard_ms <= board.now_ms]
    return {
        "timezone": "UTC",
        "serverTime": told_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": RATE_LIMITS,
        "exchangeFilters": [],
        "assets": [{"asset": a, "marginAvailable": True, "autoAssetExchange": amount} for a, amount in ASSETS],
        "symbols": [symbol_info(one) for one in listed],
    }


def symbol_info(one: Listing) -> dict[str, object]:
    """Give one contract's entry."""
    return {
        "symbol": one.symbol,
        "pair": one.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": FOREVER_MS,
        "onboardDate": one.onboard_ms,
        "status": one.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": one.price_precision,
        "quantityPrecision": one.quantity_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"] if one.symbol == "BTCUSDT" else [],
        "triggerProtect": f"{one.trigger_protect:.4f}",
        "liquidationFee": f"{one.liquidation_fee:.6f}",
        "marketTakeBound": f"{one.market_take_bound:f}",
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(one),
        "orderTypes": ORDER_TYPES,
        "timeInForce": TIMES_IN_FORCE,
        "permissionSets": ["GRID", "COPY", "DCA"],
    }


def _filters(one: Listing) -> list[dict[str, object]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{one.min_price:f}",
            "maxPrice": f"{one.max_price:f}",
            "tickSize": f"{one.tick:f}",
        },
        _lots("LOT_SIZE", one.min_quantity, one.max_quantity, one.step),
        _lots("MARKET_LOT_SIZE", one.min_quantity, one.max_market_quantity, one.market_step),
        {"filterType": "MAX_NUM_ORDERS", "limit": one.max_orders},
        {"filterType": "MIN_NOTIONAL", "notional": f"{one.min_notional:f}"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{one.multiplier_up:.4f}",
            "multiplierDown": f"{one.multiplier_down:.4f}",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]


def _lots(name: str, least: Decimal, most: Decimal, step: Decimal) -> dict[str, object]:
    return {"filterType": name, "minQty": f"{least:f}", "maxQty": f"{most:f}", "stepSize": f"{step:f}"}


def _constituents(board: Board, call: Call) -> object:
    symbol = asked.symbol(board, call)
    index = f"{board.market.marks(board.now_ms).indices[board.row[symbol]]:.8f}"
    made_of = [{"exchange": e, "symbol": symbol, "price": index, "weight": weight} for e, weight in _CONSTITUENTS]
    return {"symbol": symbol, "time": board.now_ms, "constituents": made_of}


def _asset_index(board: Board, call: Call) -> object:
    wanted = call.parameters.get("symbol", "").upper()
    found = [row_of(one, board.now_ms) for one in asset_indices(board) if wanted in {"", one.symbol}]
    if wanted and not found:
        raise ApiError(-1121, "Invalid symbol.")
    return found[0] if wanted else found


def _index_info(board: Board, call: Call) -> object:
    if call.parameters.get("symbol", composite_index.SYMBOL).upper() != composite_index.SYMBOL:
        raise ApiError(-1121, "Invalid symbol.")
    return [composite_index.row_of(board)]


def _schedule(now_ms: int) -> object:
    sessions = [{"startTime": start, "endTime": end, "type": kind} for start, end, kind in schedule(now_ms)]
    return {"updateTime": now_ms, "marketSchedules": {"EQUITY": {"sessions": sessions}}}


def _insurance(board: Board, call: Call) -> object:
    """All contracts share one fund, which is told as one group; of a symbol it is told alone."""
    symbol = asked.optional_symbol(board, call)
    assets = [{"asset": "USDT", "marginBalance": _INSURANCE_FUND, "updateTime": board.now_ms}]
    group = {"symbols": list(board.market.symbols), "assets": assets}
    return group if symbol else [group]


def _adl_risk(board: Board, call: Call) -> object:
    def of(symbol: str) -> dict[str, object]:
        return {"symbol": symbol, "adlRisk": "low", "updateTime": board.now_ms}

    symbol = asked.optional_symbol(board, call)
    return of(symbol) if symbol else [of(one) for one in board.market.symbols]
