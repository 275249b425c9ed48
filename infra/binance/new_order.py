"""An order as it is wanted, and how it is written for the plain and for the algo endpoint."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from domain.values import OrderSide, Side

PLAIN_TYPES: Final = frozenset({"LIMIT", "MARKET"})


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is wanted. Whether it needs a position side, or may be reduce-only, is worked out when it leaves.

    `order_type` is Binance's name. `trigger` is the stop price of a conditional order, `callback_rate` in percent.
    `close_position` closes whatever is open and needs no quantity.
    """

    symbol: str
    side: OrderSide
    order_type: str
    client_order_id: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    trigger: Decimal | None = None
    working_type: str | None = None
    price_protect: bool | None = None
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    good_till_ms: int | None = None

    @property
    def closing(self) -> bool:
        """True if it can only make a position smaller."""
        return self.reduce_only or self.close_position

    @property
    def leg(self) -> Side:
        """The position that it is about in hedge mode."""
        return Side.LONG if (self.side is OrderSide.BUY) != self.closing else Side.SHORT

    def plain(self, *, hedge: bool) -> dict[str, object]:
        """Write it for POST /order: the parameters in the order of the documentation, None where there is nothing."""
        return {
            **self._common(hedge=hedge),
            "newClientOrderId": self.client_order_id,
            "stopPrice": self.trigger,
            "activationPrice": self.activate_price,
            "newOrderRespType": "RESULT",
        }

    def algo(self, *, hedge: bool) -> dict[str, object]:
        """Write it for POST /algoOrder."""
        return {
            "algoType": "CONDITIONAL",
            **self._common(hedge=hedge),
            "clientAlgoId": self.client_order_id,
            "triggerPrice": self.trigger,
            "activatePrice": self.activate_price,
        }

    def _common(self, *, hedge: bool) -> dict[str, object]:
        """In hedge mode the position side says what is closed, and reduceOnly is refused; MARKET has no tif."""
        return {
            "symbol": self.symbol,
            "side": self.side,
            "positionSide": self.leg if hedge else None,
            "type": self.order_type,
            "timeInForce": self.time_in_force or ("GTC" if self.order_type == "LIMIT" else None),
            "quantity": None if self.close_position else self.quantity,
            "price": self.price,
            "reduceOnly": True if self.reduce_only and not self.close_position and not hedge else None,
            "closePosition": True if self.close_position else None,
            "workingType": self.working_type,
            "priceProtect": self.price_protect,
            "callbackRate": self.callback_rate,
            "goodTillDate": self.good_till_ms,
        }
