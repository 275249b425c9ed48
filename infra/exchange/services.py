"""What Binance offers a futures account beside trading: convert, portfolio margin, referrals, TradFi contracts.

Nothing of that exists here. An account that has none of it gets an empty list, or the documented refusal: never an
unknown path, so that a client that asks for it on the way goes on.
"""

from __future__ import annotations

from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.sent import Sent, missing, weighing
from infra.exchange.written import Row

_REFERRALS = (
    ("GET", "ifNewUser"), ("GET", "customization"), ("POST", "customization"), ("GET", "userCustomization"),
    ("POST", "userCustomization"), ("GET", "overview"), ("GET", "tradeVol"), ("GET", "rebateVol"),
    ("GET", "traderNum"), ("GET", "traderSummary"),
)  # fmt: skip


def routes() -> list[Route]:
    """List the endpoints with their weights (Binance's SDK 18)."""
    signed, path = Security.SIGNED, "/fapi/v1/"
    return [
        Route("GET", path + "convert/exchangeInfo", Security.NONE, weighing(20), lambda _call: []),
        Route("POST", path + "convert/getQuote", signed, weighing(50), _quote),
        Route("POST", path + "convert/acceptQuote", signed, weighing(200), _accept),
        Route("GET", path + "convert/orderStatus", signed, weighing(50), _order_status),
        Route("GET", path + "pmAccountInfo", signed, weighing(5), _portfolio_margin),
        Route("POST", path + "stock/contract", signed, weighing(50), _sign_contract),
        *(Route(method, f"{path}apiReferral/{name}", signed, weighing(1), _refer) for method, name in _REFERRALS),
    ]


def _quote(call: Call) -> Row:
    """POST convert/getQuote: there is no pair that can be converted."""
    sent = Sent(call.parameters)
    for name in ("fromAsset", "toAsset"):
        sent.required(name)
    given = [name for name in ("fromAmount", "toAmount") if sent.decimal(name) is not None]
    if not given:
        raise ApiError(-1102, "Param 'fromAmount' or 'toAmount' must be sent, but both were empty/null!")
    if len(given) > 1:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    raise ApiError(-1108, "Invalid asset.")


def _accept(call: Call) -> Row:
    """POST convert/acceptQuote: no quote was ever given."""
    Sent(call.parameters).required("quoteId")
    raise ApiError(-1130, "Data sent for parameter 'quoteId' is not valid.")


def _order_status(call: Call) -> Row:
    """GET convert/orderStatus: nothing was ever converted."""
    sent = Sent(call.parameters)
    if not sent.text("orderId") and not sent.text("quoteId"):
        raise ApiError(-1102, "Param 'orderId' or 'quoteId' must be sent, but both were empty/null!")
    raise ApiError(-2013, "Order does not exist.")


def _portfolio_margin(call: Call) -> Row:
    """GET pmAccountInfo: these accounts are no portfolio margin accounts."""
    if not Sent(call.parameters).text("asset"):
        raise missing("asset")
    raise ApiError(-1109, "Invalid account.")


def _sign_contract(_: Call) -> Row:
    """POST stock/contract: signing the agreement on TradFi perpetuals succeeds, as there are none to trade."""
    return {"code": 200, "msg": "success"}


def _refer(_: Call) -> Row:
    """All of apiReferral: nobody here is a broker."""
    raise ApiError(-1002, "You are not authorized to execute this request.", 401)
