"""All private endpoints of the simulator: `routes(exchange, keys)` for the server's table.

Handlers change the exchange at once; after each call the server takes `exchange.drain()` and hands the facts to
`user_data.frames` and to the public streams.
"""

from __future__ import annotations

from msgspec.structs import replace

from domain.errors import ExchangeRejected
from domain.exchange.exchange import Exchange
from infra.exchange import services
from infra.exchange.account_routes import AccountRoutes
from infra.exchange.algo_routes import AlgoRoutes
from infra.exchange.custom_routes import CustomRoutes
from infra.exchange.downloads import Downloads
from infra.exchange.listen_keys import ListenKeys
from infra.exchange.order_routes import OrderRoutes
from infra.exchange.ports import ApiError, Call, Handler, Route


def routes(exchange: Exchange, keys: ListenKeys) -> list[Route]:
    """List every private endpoint."""
    listed = [
        *OrderRoutes(exchange).routes(),
        *AlgoRoutes(exchange).routes(),
        *AccountRoutes(exchange).routes(),
        *CustomRoutes(exchange).routes(),
        *Downloads(exchange).routes(),
        *services.routes(),
        *keys.routes(),
    ]
    return [replace(route, handler=_answering(route.handler)) for route in listed]


def _answering(handler: Handler) -> Handler:
    """Turn the exchange's refusals into answers."""

    def answer(call: Call) -> object:
        try:
            return handler(call)
        except ExchangeRejected as refused:
            raise ApiError(refused.code, refused.text) from refused

    return answer
