"""Whether a key may trade. A key that may only read is told so at an order alone: hence one to check, not to place."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from domain.errors import ExchangeRejected
from domain.values import OrderSide
from infra.binance.new_order import NewOrder
from infra.binance.rest import Rest


async def require_permission_to_trade(rest: Rest) -> None:
    """Raise `InvalidInput` that says what the key lacks if it may not place orders. Nothing is placed."""
    wish = NewOrder(
        symbol="BTCUSDT",
        side=OrderSide.BUY,
        order_type="MARKET",
        client_order_id="hs-check",
        quantity=Decimal("0.002"),
    )
    with suppress(ExchangeRejected):  # a no to this order is a yes to the key
        await rest.test(wish)
