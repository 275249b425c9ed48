"""A client of the simulator's private endpoints without a server between: handlers are called as the server does."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from exchange_steps import BTC, NOW, Floor

from infra.exchange.listen_keys import ListenKeys
from infra.exchange.ports import ApiError, Call
from infra.exchange.private import routes


class Desk:
    """A client of account `a` that calls handlers as the server does, answers taken through JSON."""

    def __init__(self) -> None:
        self.floor = Floor()
        self.now = NOW
        self.wall = 0
        self.drawn = 0
        self.keys = ListenKeys(lambda: self.wall, self._draw)
        self.table = {(route.method, route.path): route for route in routes(self.floor.exchange, self.keys)}

    def _draw(self) -> str:
        self.drawn += 1
        return f"{self.drawn:064d}"

    def __call__(self, method: str, path: str, **parameters: Any) -> Any:
        sent = {name: str(value) for name, value in parameters.items()}
        call = Call(method, "/fapi/" + path, sent, "a", self.now)
        return json.loads(msgspec.json.encode(self.table[method, call.path].handler(call)))

    def refused(self, method: str, path: str, **parameters: Any) -> tuple[int, str]:
        with pytest.raises(ApiError) as caught:
            self(method, path, **parameters)
        assert caught.value.status == 400
        return caught.value.code, caught.value.text

    def limit(self, side: str, quantity: object, price: object, **more: Any) -> Any:
        return self("POST", "v1/order", **order(side=side, quantity=quantity, price=price, **more))

    def market(self, side: str, quantity: object, **more: Any) -> Any:
        return self("POST", "v1/order", symbol=BTC, side=side, type="MARKET", quantity=quantity, **more)


def order(**changes: Any) -> dict[str, Any]:
    given = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "999"}
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def algo(**changes: Any) -> dict[str, Any]:
    given = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "triggerPrice": "990",
             "quantity": "1"}  # fmt: skip
    return {name: value for name, value in {**given, **changes}.items() if value is not None}
