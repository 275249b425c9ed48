"""The recorded and documented REST bodies, and which reader belongs to which endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.binance.wire import account_bodies as account
from infra.binance.wire import bodies, contract_bodies, market_bodies, order_bodies

PAYLOADS = Path(os.environ.get("HINDSIGHT_DATA", Path(__file__).parents[3] / "../shared/data")) / "payloads"
Read = Callable[[bytes, str], Any]

READERS: dict[str, Read] = {
    "GET /fapi/v1/time": bodies.read_server_time,
    "GET /fapi/v1/exchangeInfo": contract_bodies.read_exchange_info,
    "GET /fapi/v1/klines": market_bodies.read_klines,
    "GET /fapi/v1/continuousKlines": market_bodies.read_klines,
    "GET /fapi/v1/markPriceKlines": market_bodies.read_mark_klines,
    "GET /fapi/v1/indexPriceKlines": market_bodies.read_mark_klines,
    "GET /fapi/v1/premiumIndexKlines": market_bodies.read_mark_klines,
    "GET /fapi/v1/depth": market_bodies.read_depth,
    "GET /fapi/v1/rpiDepth": market_bodies.read_depth,
    "GET /fapi/v1/trades": market_bodies.read_trades,
    "GET /fapi/v1/historicalTrades": market_bodies.read_trades,
    "GET /fapi/v1/aggTrades": market_bodies.read_aggregate_trades,
    "GET /fapi/v1/ticker/24hr": market_bodies.read_day_ticker,
    "GET /fapi/v1/ticker/price": market_bodies.read_price,
    "GET /fapi/v2/ticker/price": market_bodies.read_price,
    "GET /fapi/v1/ticker/bookTicker": market_bodies.read_book_ticker,
    "GET /fapi/v1/premiumIndex": market_bodies.read_mark_price,
    "GET /fapi/v1/fundingRate": market_bodies.read_funding_rates,
    "GET /fapi/v1/fundingInfo": market_bodies.read_funding_info,
    "GET /fapi/v1/openInterest": market_bodies.read_open_interest,
    "GET /futures/data/openInterestHist": market_bodies.read_open_interest_history,
    "POST /fapi/v1/order": order_bodies.read_order,
    "POST /fapi/v1/order/test": order_bodies.read_order,
    "PUT /fapi/v1/order": order_bodies.read_order,
    "GET /fapi/v1/order": order_bodies.read_order,
    "DELETE /fapi/v1/order": order_bodies.read_order,
    "GET /fapi/v1/openOrder": order_bodies.read_order,
    "GET /fapi/v1/openOrders": order_bodies.read_orders,
    "GET /fapi/v1/allOrders": order_bodies.read_orders,
    "GET /fapi/v1/forceOrders": order_bodies.read_orders,
    "POST /fapi/v1/batchOrders": order_bodies.read_batch,
    "PUT /fapi/v1/batchOrders": order_bodies.read_batch,
    "DELETE /fapi/v1/batchOrders": order_bodies.read_batch,
    "GET /fapi/v1/userTrades": order_bodies.read_user_trades,
    "POST /fapi/v1/algoOrder": order_bodies.read_algo_order,
    "GET /fapi/v1/algoOrder": order_bodies.read_algo_order,
    "DELETE /fapi/v1/algoOrder": order_bodies.read_algo_order,
    "GET /fapi/v1/openAlgoOrders": order_bodies.read_algo_orders,
    "GET /fapi/v1/allAlgoOrders": order_bodies.read_algo_orders,
    "DELETE /fapi/v1/algoOpenOrders": bodies.read_done,
    "DELETE /fapi/v1/allOpenOrders": bodies.read_done,
    "POST /fapi/v1/countdownCancelAll": bodies.read_countdown,
    "GET /fapi/v2/account": account.read_account,
    "GET /fapi/v3/account": account.read_account,
    "GET /fapi/v2/balance": account.read_balances,
    "GET /fapi/v3/balance": account.read_balances,
    "GET /fapi/v2/positionRisk": account.read_positions,
    "GET /fapi/v3/positionRisk": account.read_positions,
    "POST /fapi/v1/leverage": account.read_leverage_set,
    "POST /fapi/v1/marginType": bodies.read_done,
    "POST /fapi/v1/positionSide/dual": bodies.read_done,
    "POST /fapi/v1/multiAssetsMargin": bodies.read_done,
    "GET /fapi/v1/positionSide/dual": account.read_position_mode,
    "GET /fapi/v1/multiAssetsMargin": account.read_asset_mode,
    "GET /fapi/v1/leverageBracket": contract_bodies.read_brackets,
    "GET /fapi/v1/commissionRate": contract_bodies.read_commission_rate,
    "GET /fapi/v1/income": account.read_income,
    "GET /fapi/v1/symbolConfig": account.read_symbol_configs,
    "GET /fapi/v1/accountConfig": account.read_account_config,
    "POST /fapi/v1/listenKey": bodies.read_listen_key,
    "PUT /fapi/v1/listenKey": bodies.read_listen_key,
    "DELETE /fapi/v1/listenKey": bodies.read_listen_key,
    "GET /fapi/v1/rateLimit/order": contract_bodies.read_rate_limits,
}
OF_ALL_SYMBOLS: dict[str, Read] = {
    "GET /fapi/v1/ticker/24hr": market_bodies.read_day_tickers,
    "GET /fapi/v1/ticker/price": market_bodies.read_prices,
    "GET /fapi/v2/ticker/price": market_bodies.read_prices,
    "GET /fapi/v1/ticker/bookTicker": market_bodies.read_book_tickers,
    "GET /fapi/v1/premiumIndex": market_bodies.read_mark_prices,
}


class Recording(msgspec.Struct, kw_only=True):
    """One file of the recordings."""

    kind: str
    method: str | None = None
    endpoint: str | None = None
    status: int | None = None
    payload: msgspec.Raw

    @property
    def name(self) -> str:
        return f"{self.method} {self.endpoint}"

    def read(self) -> Any:
        raw = bytes(self.payload).strip()
        readers = OF_ALL_SYMBOLS if raw.startswith(b"[") and self.name in OF_ALL_SYMBOLS else READERS
        return readers[self.name](raw, self.name)


def recordings(kind: str) -> Iterator[tuple[Path, Recording]]:
    """Give all recordings of a kind; skips the test loudly where there are none."""
    if not PAYLOADS.is_dir():
        pytest.skip(f"no recorded payloads at {PAYLOADS}: set HINDSIGHT_DATA to the folder that holds payloads/")
    for path in sorted(PAYLOADS.glob(f"*/{kind}/*.json")):
        yield path, msgspec.json.decode(path.read_bytes(), type=Recording)


def recording(path: str) -> Any:
    """Read one recording by its path."""
    if not PAYLOADS.is_dir():
        pytest.skip(f"no recorded payloads at {PAYLOADS}: set HINDSIGHT_DATA to the folder that holds payloads/")
    return msgspec.json.decode((PAYLOADS / path).read_bytes(), type=Recording).read()
