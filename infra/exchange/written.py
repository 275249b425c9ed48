"""Writes numbers and orders as Binance's answers do: quoted, padded to the contract's precision (binance.md §6, R)."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from domain.exchange.listing import Listing
from domain.exchange.orders import Algo, Kind, Order
from domain.values import ZERO

Row: TypeAlias = dict[str, object]

AVERAGE_PLACES_MIN = 5
_UNITS = tuple(Decimal(1).scaleb(-places) for places in range(25))


def plain(value: Decimal) -> str:
    """Write a number without zeros at its end: "0.02", "91739.9", "0"."""
    return f"{value.normalize():f}" if value else "0"


def padded(value: Decimal, places: int) -> str:
    """Write a number with exactly so many decimals: "0.020", "0.00"."""
    return f"{value.quantize(_UNITS[places]):f}"


def money_text(value: Decimal) -> str:
    """Write USDT with eight decimals."""
    return f"{value.quantize(_UNITS[8]):f}"


def money_or_zero(value: Decimal) -> str:
    """Write USDT with eight decimals, but nothing as "0"."""
    return money_text(value) if value else "0"


def price_text(listing: Listing, value: Decimal) -> str:
    """Write a price with the contract's decimals."""
    return padded(value, listing.price_precision)


def quantity_text(listing: Listing, value: Decimal) -> str:
    """Write a quantity with the contract's decimals."""
    return padded(value, listing.quantity_precision)


def average_text(listing: Listing, value: Decimal) -> str:
    """Write an average price: at least five decimals, "0.00" (the price's decimals) before the first fill."""
    if not value:
        return price_text(listing, ZERO)
    return padded(value, max(AVERAGE_PLACES_MIN, listing.price_precision))


def quote_text(listing: Listing, value: Decimal) -> str:
    """Write a sum of price times quantity without loss."""
    return padded(value, listing.price_precision + listing.quantity_precision)


def order_row(order: Order, listing: Listing) -> Row:
    """Write an order as GET order, openOrders and allOrders answer it."""
    row: Row = {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": price_text(listing, order.price),
        "avgPrice": average_text(listing, order.average),
        "origQty": quantity_text(listing, order.quantity),
        "executedQty": quantity_text(listing, order.executed),
        "cumQuote": quote_text(listing, order.quote),
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": price_text(listing, order.stop_price),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.original_kind,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.self_trade,
        "goodTillDate": order.good_till_ms,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }
    if order.original_kind is Kind.TRAILING_STOP_MARKET:
        row["activatePrice"] = price_text(listing, order.activation or ZERO)
        row["priceRate"] = plain(order.callback_rate or ZERO)
    return row


def answered_row(order: Order, listing: Listing) -> Row:
    """Write an order as POST, PUT and DELETE answer it: with cumQty, without the time of its birth."""
    row = order_row(order, listing)
    del row["time"]
    row["cumQty"] = row["executedQty"]
    return row


def acknowledged_row(order: Order, listing: Listing) -> Row:
    """Write an order as it was when it was taken, before it met anyone (newOrderRespType=ACK)."""
    nothing = quantity_text(listing, ZERO)
    row = answered_row(order, listing)
    row["status"] = "NEW"
    row["executedQty"] = row["cumQty"] = nothing
    row["avgPrice"], row["cumQuote"] = price_text(listing, ZERO), quote_text(listing, ZERO)
    row["updateTime"] = order.created_ms
    return row


def algo_row(algo: Algo, listing: Listing) -> Row:
    """Write a conditional order as POST algoOrder answers it."""
    wish = algo.wish
    trailing = wish.kind is Kind.TRAILING_STOP_MARKET
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": wish.kind,
        "symbol": wish.symbol,
        "side": wish.side,
        "positionSide": wish.position_side,
        "timeInForce": wish.time_in_force,
        "quantity": quantity_text(listing, wish.quantity or ZERO),
        "algoStatus": algo.status,
        "triggerPrice": price_text(listing, wish.trigger or ZERO),
        "price": price_text(listing, wish.price or ZERO),
        "icebergQuantity": None,
        "selfTradePreventionMode": wish.self_trade,
        "workingType": wish.working_type,
        "priceMatch": wish.price_match,
        "closePosition": wish.close_position,
        "priceProtect": wish.price_protect,
        "reduceOnly": wish.reduce_only,
        "activatePrice": price_text(listing, wish.activation) if trailing and wish.activation else "",
        "callbackRate": plain(wish.callback_rate) if trailing and wish.callback_rate else "",
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.trigger_ms,
        "goodTillDate": wish.good_till_ms,
    }


def queried_algo_row(algo: Algo, listing: Listing) -> Row:
    """Write a conditional order as the queries answer it: with the order that it became."""
    none = "0.000"
    return {
        **algo_row(algo, listing),
        "actualOrderId": str(algo.order_id) if algo.order_id else "",
        "actualPrice": padded(algo.average, max(AVERAGE_PLACES_MIN, listing.price_precision)),
        "actualQty": quantity_text(listing, algo.executed),
        "actualType": algo.order_kind or "",
        "tpTriggerPrice": none,
        "tpPrice": none,
        "slTriggerPrice": none,
        "slPrice": none,
        "tpOrderType": "",
    }
