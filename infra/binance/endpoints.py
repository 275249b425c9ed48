"""Every endpoint that we use: what it must carry, what it costs (specs/binance.md §3), how urgent it is.

`repeatable` says that sending it twice does no harm; `changes` that it must not happen twice by accident, so that a
doubtful answer becomes `OutcomeUnknown`. `operation` is its name in the circuit breaker's whitelist.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from infra.binance.priority import Priority

Params: TypeAlias = Mapping[str, object]
Weight: TypeAlias = Callable[[Params], int]

WEIGHT: Final = "weight"
FUTURES_DATA: Final = "futures_data"
FUNDING: Final = "funding"
ORDERS_10S: Final = "orders_10s"
ORDERS_1M: Final = "orders_1m"
CONNECTIONS: Final = "connections"


class Security(enum.StrEnum):
    """What a request must carry: nothing, the key, or key, time and signature."""

    NONE = "NONE"
    KEY = "KEY"
    SIGNED = "SIGNED"


class Endpoint(msgspec.Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    weight: Weight
    security: Security = Security.NONE
    priority: Priority = Priority.NORMAL
    operation: str = "query"
    pool: str = WEIGHT
    orders_10s: int = 0
    orders_1m: int = 0
    repeatable: bool = True
    changes: bool = False

    @property
    def name(self) -> str:
        """The name in counters and errors."""
        return f"{self.method} {self.path}"

    def cost(self, params: Params, account: str) -> dict[str, int]:
        """Give what a call takes from which pool.

        Orders and connections belong to an account, the rest to the address. A connection is waited for here and not in
        the session, so that a signed request never grows old in a queue.
        """
        cost = {account_pool(CONNECTIONS, account): 1, self.pool: self.weight(params)}
        if self.orders_10s:
            cost[account_pool(ORDERS_10S, account)] = self.orders_10s
            cost[account_pool(ORDERS_1M, account)] = self.orders_1m
        return {pool: amount for pool, amount in cost.items() if amount}


def account_pool(pool: str, account: str) -> str:
    """Name an account's own pool."""
    return f"{pool}:{account}"


# ── weights ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _flat(weight: int) -> Weight:
    return lambda _: weight


def _by_symbol(one: int, everything: int) -> Weight:
    return lambda params: one if params.get("symbol") is not None else everything


def _stepped(default: int, *steps: tuple[int, int], beyond: int) -> Weight:
    """Give the weight by `limit`: the first step (limit below or at, weight) that it fits."""

    def weigh(params: Params) -> int:
        asked = params.get("limit")
        limit = int(str(asked)) if asked is not None else default
        return next((weight for most, weight in steps if limit <= most), beyond)

    return weigh


_KLINES: Final = _stepped(500, (99, 1), (499, 2), (1_000, 5), beyond=10)
_DEPTH: Final = _stepped(500, (50, 2), (100, 5), (500, 10), beyond=20)


# ── kinds ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _public(path: str, weight: int | Weight, priority: Priority = Priority.NORMAL, pool: str = WEIGHT) -> Endpoint:
    return Endpoint("GET", path, _flat(weight) if isinstance(weight, int) else weight, priority=priority, pool=pool)


def _query(path: str, weight: int | Weight, operation: str = "query") -> Endpoint:
    weigh = _flat(weight) if isinstance(weight, int) else weight
    return Endpoint("GET", path, weigh, Security.SIGNED, operation=operation)


def _setting(path: str) -> Endpoint:
    """Setting the same value twice changes nothing."""
    return Endpoint("POST", path, _flat(1), Security.SIGNED, Priority.HIGH, operation="set_up")


def _order(method: str, path: str, weight: int, orders_10s: int = 1) -> Endpoint:
    return Endpoint(
        method,
        path,
        _flat(weight),
        Security.SIGNED,
        Priority.HIGH,
        "place_order",
        orders_10s=orders_10s,
        orders_1m=1,
        repeatable=False,
        changes=True,
    )


def _cancel(path: str) -> Endpoint:
    return Endpoint("DELETE", path, _flat(1), Security.SIGNED, Priority.CRITICAL, "cancel_order")


def _listen_key(method: str) -> Endpoint:
    return Endpoint(method, "/fapi/v1/listenKey", _flat(1), Security.KEY, Priority.HIGH, operation="user_stream")


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────

PING: Final = _public("/fapi/v1/ping", 1)
TIME: Final = _public("/fapi/v1/time", 1, Priority.CRITICAL)
EXCHANGE_INFO: Final = _public("/fapi/v1/exchangeInfo", 1)
KLINES: Final = _public("/fapi/v1/klines", _KLINES, Priority.LOW)
MARK_KLINES: Final = _public("/fapi/v1/markPriceKlines", _KLINES, Priority.LOW)
DEPTH: Final = _public("/fapi/v1/depth", _DEPTH)
TRADES: Final = _public("/fapi/v1/trades", 5, Priority.LOW)
AGGREGATE_TRADES: Final = _public("/fapi/v1/aggTrades", 20, Priority.LOW)
DAY_TICKER: Final = _public("/fapi/v1/ticker/24hr", _by_symbol(1, 40))
PRICE: Final = _public("/fapi/v1/ticker/price", _by_symbol(1, 2))
BOOK_TICKER: Final = _public("/fapi/v1/ticker/bookTicker", _by_symbol(2, 5))
PREMIUM_INDEX: Final = _public("/fapi/v1/premiumIndex", _by_symbol(1, 10))
FUNDING_RATE: Final = _public("/fapi/v1/fundingRate", 1, Priority.LOW, FUNDING)
FUNDING_INFO: Final = _public("/fapi/v1/fundingInfo", 1, pool=FUNDING)
OPEN_INTEREST: Final = _public("/fapi/v1/openInterest", 1)
OPEN_INTEREST_HISTORY: Final = _public("/futures/data/openInterestHist", 1, Priority.LOW, FUTURES_DATA)

PLACE: Final = _order("POST", "/fapi/v1/order", 0)
TEST_ORDER: Final = Endpoint("POST", "/fapi/v1/order/test", _flat(1), Security.SIGNED, operation="test_order")
AMEND: Final = _order("PUT", "/fapi/v1/order", 0)
PLACE_BATCH: Final = _order("POST", "/fapi/v1/batchOrders", 5, 5)
ALGO_PLACE: Final = _order("POST", "/fapi/v1/algoOrder", 0)
CANCEL: Final = _cancel("/fapi/v1/order")
CANCEL_BATCH: Final = _cancel("/fapi/v1/batchOrders")
CANCEL_ALL: Final = _cancel("/fapi/v1/allOpenOrders")
ALGO_CANCEL: Final = _cancel("/fapi/v1/algoOrder")
ALGO_CANCEL_ALL: Final = _cancel("/fapi/v1/algoOpenOrders")
COUNTDOWN: Final = Endpoint(
    "POST", "/fapi/v1/countdownCancelAll", _flat(10), Security.SIGNED, Priority.HIGH, operation="set_up"
)
QUERY: Final = _query("/fapi/v1/order", 1, "query_order")
OPEN_ORDERS: Final = _query("/fapi/v1/openOrders", _by_symbol(1, 40), "query_order")
ALL_ORDERS: Final = _query("/fapi/v1/allOrders", 5)
USER_TRADES: Final = _query("/fapi/v1/userTrades", 5)
ALGO_QUERY: Final = _query("/fapi/v1/algoOrder", 1, "query_order")
ALGO_OPEN: Final = _query("/fapi/v1/openAlgoOrders", _by_symbol(1, 40), "query_order")
ALGO_ALL: Final = _query("/fapi/v1/allAlgoOrders", 5)

ACCOUNT_V2: Final = _query("/fapi/v2/account", 5)
ACCOUNT: Final = _query("/fapi/v3/account", 5)
BALANCE_V2: Final = _query("/fapi/v2/balance", 5)
BALANCE: Final = _query("/fapi/v3/balance", 5)
POSITIONS_V2: Final = _query("/fapi/v2/positionRisk", 5, "get_positions")
POSITIONS: Final = _query("/fapi/v3/positionRisk", 5, "get_positions")
SET_LEVERAGE: Final = _setting("/fapi/v1/leverage")
SET_MARGIN_TYPE: Final = _setting("/fapi/v1/marginType")
POSITION_MODE: Final = _query("/fapi/v1/positionSide/dual", 30)
SET_POSITION_MODE: Final = _setting("/fapi/v1/positionSide/dual")
ASSET_MODE: Final = _query("/fapi/v1/multiAssetsMargin", 30)
SET_ASSET_MODE: Final = _setting("/fapi/v1/multiAssetsMargin")
BRACKETS: Final = _query("/fapi/v1/leverageBracket", 1)
COMMISSION: Final = _query("/fapi/v1/commissionRate", 20)
INCOME: Final = _query("/fapi/v1/income", 30)
SYMBOL_CONFIG: Final = _query("/fapi/v1/symbolConfig", 5)
ACCOUNT_CONFIG: Final = _query("/fapi/v1/accountConfig", 5)
OPEN_LISTEN_KEY: Final = _listen_key("POST")
RENEW_LISTEN_KEY: Final = _listen_key("PUT")
CLOSE_LISTEN_KEY: Final = _listen_key("DELETE")
