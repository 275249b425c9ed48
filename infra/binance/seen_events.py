"""User events once each: a repeat of one that was seen is dropped, whichever connection brings it.

An order's event is named by (symbol, order id, trade id, execution, status, quantity filled, quantity, price, `T`); not
by `E`, when it was sent, for that is a matter of the sending. Any other is named by all that it says. Two events of one
name are one event, said twice.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from infra.binance.wire.user_frames import OrderTradeUpdate, TradeLite, UserFrame

KEPT: Final = 20_000


class SeenEvents:
    """The names of the newest events; bounded, oldest forgotten first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._names: dict[Hashable, None] = {}

    def is_new(self, event: UserFrame) -> bool:
        """Tell whether an event was not seen before, and note it."""
        name = _name(event)
        if name in self._names:
            return False
        self._names[name] = None
        if len(self._names) > self._kept:
            del self._names[next(iter(self._names))]
        return True


def _name(event: UserFrame) -> Hashable:
    match event:
        case OrderTradeUpdate(order=order):
            return (
                "order", order.symbol, order.order_id, order.trade_id, order.execution, order.status,
                order.filled_quantity, order.quantity, order.price, event.transaction_ms,
            )  # fmt: skip
        case TradeLite():
            return "trade", event.symbol, event.order_id, event.trade_id
        case _:
            return event  # all of its fields: frozen structs are hashable
