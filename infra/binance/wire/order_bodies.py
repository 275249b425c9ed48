"""REST bodies of orders: plain, conditional (algo), batches, own trades."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Final

import msgspec

from domain.values import OrderSide
from infra.binance.wire.bodies import Blankable, Body, Int, Reader, Refusal, read_refusal

field = msgspec.field
_NONE: Final = Decimal(0)


class OrderStatus(enum.StrEnum):
    """The states of a plain order. A body keeps the text, so that a state of tomorrow is no crash."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


OPEN_STATUSES: Final = frozenset({"NEW", "PARTIALLY_FILLED"})
OPEN_ALGO_STATUSES: Final = frozenset({"NEW", "TRIGGERING"})


class Order(Body, frozen=True, kw_only=True):
    """A plain order as POST, PUT, GET and DELETE answer it.

    Since 2026-07-15 the documented answers of POST, PUT and DELETE lack `average_price` and `cumulative_quote`.
    """

    symbol: str
    order_id: Int
    client_order_id: str = ""
    status: str
    side: OrderSide
    order_type: str = field(name="type", default="")
    original_type: str = field(name="origType", default="")
    quantity: Decimal = field(name="origQty", default=_NONE)
    executed: Decimal = field(name="executedQty", default=_NONE)
    price: Decimal = _NONE
    average_price: Decimal | None = field(name="avgPrice", default=None)
    cumulative_quote: Decimal | None = field(name="cumQuote", default=None)
    stop_price: Blankable = _NONE
    activate_price: Blankable = _NONE
    callback_rate: Blankable = field(name="priceRate", default=_NONE)
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    time_in_force: str = ""
    working_type: str = ""
    price_protect: bool = False
    price_match: str = "NONE"
    self_trade_prevention: str = field(name="selfTradePreventionMode", default="NONE")
    good_till_ms: Int = field(name="goodTillDate", default=0)
    time_ms: Int | None = field(name="time", default=None)
    update_time_ms: Int | None = field(name="updateTime", default=None)

    @property
    def open(self) -> bool:
        """True while it can still be filled."""
        return self.status in OPEN_STATUSES


class AlgoOrder(Body, frozen=True, kw_only=True):
    """A conditional order. `actual_order_id` names the plain order that it became; "" before."""

    algo_id: Int
    client_algo_id: str = ""
    algo_type: str = "CONDITIONAL"
    order_type: str = ""
    symbol: str
    side: OrderSide
    position_side: str = "BOTH"
    time_in_force: str = ""
    quantity: Blankable = _NONE
    status: str = field(name="algoStatus")
    trigger_price: Blankable = _NONE
    price: Blankable = _NONE
    actual_order_id: str | Int | None = ""
    actual_price: Blankable = _NONE
    actual_quantity: Blankable = field(name="actualQty", default=_NONE)
    activate_price: Blankable = _NONE
    callback_rate: Blankable = _NONE
    working_type: str = ""
    reduce_only: bool = False
    close_position: bool = False
    price_protect: bool = False
    create_time_ms: Int | None = field(name="createTime", default=None)
    update_time_ms: Int | None = field(name="updateTime", default=None)
    trigger_time_ms: Int | None = field(name="triggerTime", default=None)

    @property
    def open(self) -> bool:
        """True until it triggered or ended."""
        return self.status in OPEN_ALGO_STATUSES

    @classmethod
    def of(cls, order: Order) -> AlgoOrder:
        """Give a conditional order of the old /order endpoint in the new shape."""
        return cls(
            algo_id=order.order_id,
            client_algo_id=order.client_order_id,
            order_type=order.original_type or order.order_type,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side,
            time_in_force=order.time_in_force,
            quantity=order.quantity,
            status=order.status,
            trigger_price=order.stop_price,
            price=order.price,
            actual_order_id=order.order_id if order.executed else "",
            actual_price=order.average_price or _NONE,
            actual_quantity=order.executed,
            activate_price=order.activate_price,
            callback_rate=order.callback_rate,
            working_type=order.working_type,
            reduce_only=order.reduce_only,
            close_position=order.close_position,
            price_protect=order.price_protect,
            create_time_ms=order.time_ms,
            update_time_ms=order.update_time_ms,
        )


class AlgoCanceled(Body, frozen=True, kw_only=True):
    """The answer to the cancellation of a conditional order. `code` is the text "200"."""

    algo_id: Int
    client_algo_id: str = ""
    code: Int = 200
    text: str = field(name="msg", default="")


class UserTrade(Body, frozen=True, kw_only=True):
    """One own fill. `fee` is what was paid, negative is a rebate; `realised` is gross of it."""

    symbol: str
    trade_id: Int = field(name="id")
    order_id: Int
    side: OrderSide
    position_side: str = "BOTH"
    price: Decimal
    quantity: Decimal = field(name="qty")
    quote_quantity: Decimal | None = field(name="quoteQty", default=None)
    realised: Decimal = field(name="realizedPnl")
    fee: Decimal = field(name="commission")
    fee_asset: str = field(name="commissionAsset")
    maker: bool = False
    buyer: bool = False
    time_ms: Int = field(name="time")


read_order: Final = Reader[Order](Order)
read_orders: Final = Reader[list[Order]](list[Order])
read_algo_order: Final = Reader[AlgoOrder](AlgoOrder)
read_algo_orders: Final = Reader[list[AlgoOrder]](list[AlgoOrder])
read_algo_canceled: Final = Reader[AlgoCanceled](AlgoCanceled)
read_user_trades: Final = Reader[list[UserTrade]](list[UserTrade])
_read_elements: Final = Reader[list[msgspec.Raw]](list[msgspec.Raw])


class _Coded(Body, frozen=True, kw_only=True):
    code: Int | None = None
    order_id: Int | None = None


_read_coded: Final = Reader[_Coded](_Coded)


def read_batch(raw: bytes, where: str) -> list[Order | Refusal]:
    """Read a batch's answer: for each order, in the order asked, the order or why not. Raises `WireError`."""
    answers: list[Order | Refusal] = []
    for element in map(bytes, _read_elements(raw, where)):
        refused = _read_coded(element, where).order_id is None
        answers.append(read_refusal(element, where) if refused else read_order(element, where))
    return answers
