"""The private endpoints of ordinary orders: place, change, cancel, query, in ones and in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from domain.errors import ExchangeRejected
from domain.exchange.exchange import Exchange
from domain.exchange.listing import Listing
from domain.exchange.orders import Kind, Order, TimeInForce
from domain.values import decimal_of
from infra.exchange.ports import ApiError, Call, Route, Security
from infra.exchange.requests import NO_JSON
from infra.exchange.sent import Answer, Sent, by_symbol, change, missing, new_order, weighing
from infra.exchange.written import Row, acknowledged_row, answered_row, order_row

WEEK_MS = 7 * 86_400_000
BATCH_MAX, CANCEL_BATCH_MAX = 5, 10
DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}
UNFILLED_KEPT_MS = 3 * 86_400_000
"""Orders that ended without a fill can be queried for three days (specs/binance.md §3)."""


class OrderRoutes:
    """Handlers of ordinary orders over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        """List the endpoints with their weights (specs/binance.md §3)."""
        signed, one, batch = Security.SIGNED, weighing(1), weighing(BATCH_MAX)
        path = "/fapi/v1/"
        return [
            Route("POST", path + "order", signed, weighing(0), self.place, one),
            Route("POST", path + "order/test", signed, one, self.test),
            Route("PUT", path + "order", signed, weighing(0), self.amend, one),
            Route("GET", path + "order", signed, one, self.query),
            Route("DELETE", path + "order", signed, one, self.cancel),
            Route("POST", path + "batchOrders", signed, batch, self.place_batch, batch),
            Route("PUT", path + "batchOrders", signed, batch, self.amend_batch, batch),
            Route("DELETE", path + "batchOrders", signed, one, self.cancel_batch),
            Route("DELETE", path + "allOpenOrders", signed, one, self.cancel_all),
            Route("GET", path + "openOrders", signed, by_symbol(1, 40), self.open_orders),
            Route("GET", path + "openOrder", signed, one, self.open_order),
            Route("GET", path + "allOrders", signed, weighing(5), self.all_orders),
            Route("GET", path + "orderAmendment", signed, one, self.amendments),
            Route("POST", path + "countdownCancelAll", signed, weighing(10), self.count_down),
        ]

    def _listing(self, order: Order) -> Listing:
        return self._exchange.contract(order.symbol).listing

    # ── place, change, cancel ─────────────────────────────────────────────────────────────────────────────────────

    def place(self, call: Call) -> Row:
        """POST order: ACK shows it as it was taken, RESULT what became of a MARKET, IOC or FOK order."""
        return self._place(call, Sent(call.parameters))

    def _place(self, call: Call, sent: Sent) -> Row:
        wish = new_order(sent)
        answer = sent.word("newOrderRespType", Answer, Answer.ACK)
        order = self._exchange.place(call.account, wish, call.now_ms)
        at_once = order.kind is Kind.MARKET or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        row = answered_row if answer is Answer.RESULT and at_once else acknowledged_row
        return row(order, self._listing(order))

    def test(self, call: Call) -> Row:
        """POST order/test: all checks, no order."""
        sent = Sent(call.parameters)
        wish = new_order(sent)
        sent.word("newOrderRespType", Answer, Answer.ACK)
        self._exchange.check(call.account, wish, call.now_ms)
        order = Order(
            account=call.account, symbol=wish.symbol, order_id=self._exchange.world.next_order_id,
            client_id=wish.client_id or "test", side=wish.side, kind=wish.kind, original_kind=wish.kind,
            position_side=wish.position_side, time_in_force=wish.time_in_force, quantity=wish.quantity,
            price=wish.price or wish.quantity * 0, created_ms=call.now_ms, updated_ms=call.now_ms,
            reduce_only=wish.reduce_only, price_match=wish.price_match, self_trade=wish.self_trade,
            good_till_ms=wish.good_till_ms,
        )  # fmt: skip
        return answered_row(order, self._listing(order))

    def amend(self, call: Call) -> Row:
        """PUT order: price and quantity of a LIMIT order."""
        return self._amend(call, Sent(call.parameters))

    def _amend(self, call: Call, sent: Sent) -> Row:
        symbol = sent.symbol()
        order_id, client_id = sent.order_reference()
        wish = change(sent)
        order = self._exchange.amend(call.account, symbol, order_id, client_id, wish, call.now_ms)
        return {**answered_row(order, self._listing(order)), "pair": order.symbol, **named_by(wish.modify_id)}

    def cancel(self, call: Call) -> Row:
        """DELETE order."""
        sent = Sent(call.parameters)
        symbol = sent.symbol()
        order_id, client_id = sent.order_reference()
        return self._cancel(call, symbol, order_id, client_id)

    def _cancel(self, call: Call, symbol: str, order_id: int, client_id: str) -> Row:
        order = self._exchange.cancel(call.account, symbol, order_id, client_id, call.now_ms)
        return answered_row(order, self._listing(order))

    def cancel_all(self, call: Call) -> Row:
        """DELETE allOpenOrders of a symbol."""
        self._exchange.cancel_all(call.account, Sent(call.parameters).symbol(), call.now_ms)
        return dict(DONE)

    def count_down(self, call: Call) -> Row:
        """POST countdownCancelAll: cancel everything unless this comes again in time."""
        sent = Sent(call.parameters)
        symbol, milliseconds = sent.symbol(), sent.integer("countdownTime", -1)
        if milliseconds < 0:
            raise missing("countdownTime")
        self._exchange.count_down(call.account, symbol, milliseconds, call.now_ms)
        return {"symbol": symbol, "countdownTime": str(milliseconds)}

    # ── batches ───────────────────────────────────────────────────────────────────────────────────────────────────

    def place_batch(self, call: Call) -> list[Row]:
        """POST batchOrders: up to five orders, each with its own answer or error."""
        return self._each(call, self._place)

    def amend_batch(self, call: Call) -> list[Row]:
        """PUT batchOrders: up to five changes, each with its own answer or error."""
        return self._each(call, self._amend)

    def _each(self, call: Call, handle: Callable[[Call, Sent], Row]) -> list[Row]:
        batch = batch_of(Sent(call.parameters), "batchOrders")
        if not 1 <= len(batch) <= BATCH_MAX:
            raise ApiError(-4082, f"Invalid number of batch place orders: {len(batch)}")
        return [attempted(handle, call, Sent(_texts(item))) for item in batch]

    def cancel_batch(self, call: Call) -> list[Row]:
        """DELETE batchOrders: up to ten orders by id or client's id."""
        sent = Sent(call.parameters)
        symbol = sent.symbol()
        ids, names = _list_of(sent, "orderIdList"), _list_of(sent, "origClientOrderIdList")
        if not ids and not names:
            raise missing("orderIdList")
        if len(ids or names) > CANCEL_BATCH_MAX:
            raise ApiError(-4032, "Exceed maximum cancel order size.")
        if not all(isinstance(one, int) or str(one).isdecimal() for one in ids):
            raise ApiError(-1130, "Data sent for parameter 'orderIdList' is not valid.")
        wanted = [(int(str(one)), "") for one in ids] if ids else [(0, str(one)) for one in names]
        return [
            attempted(lambda c, _, o=order_id, n=name: self._cancel(c, symbol, o, n), call, sent)
            for order_id, name in wanted
        ]

    # ── queries ───────────────────────────────────────────────────────────────────────────────────────────────────

    def query(self, call: Call) -> Row:
        """GET order; -2013 for one that never was, or that ended unfilled too long ago."""
        sent = Sent(call.parameters)
        symbol = sent.symbol()
        order_id, client_id = sent.order_reference()
        self._exchange.contract(symbol)
        order = self._exchange.account(call.account).find(symbol, order_id, client_id)
        if order is None or _vanished(order, call.now_ms):
            raise ApiError(-2013, "Order does not exist.")
        return order_row(order, self._listing(order))

    def open_order(self, call: Call) -> Row:
        """GET openOrder; -2013 for one that is not open."""
        sent = Sent(call.parameters)
        symbol = sent.symbol()
        order_id, client_id = sent.order_reference()
        self._exchange.contract(symbol)
        order = self._exchange.account(call.account).find(symbol, order_id, client_id)
        if order is None or not order.status.open:
            raise ApiError(-2013, "Order does not exist.")
        return order_row(order, self._listing(order))

    def open_orders(self, call: Call) -> list[Row]:
        """GET openOrders of one symbol or of all."""
        account, symbol = self._exchange.account(call.account), Sent(call.parameters).text("symbol").upper()
        if symbol:
            self._exchange.contract(symbol)
            slots = [account.slots[symbol]] if symbol in account.slots else []
        else:
            slots = list(account.slots.values())
        return [order_row(order, self._listing(order)) for slot in slots for order in slot.orders.values()]

    def all_orders(self, call: Call) -> list[Row]:
        """GET allOrders of one symbol or of all: from an id upward, or of seven days at most; oldest first."""
        sent = Sent(call.parameters)
        symbol = sent.text("symbol").upper()
        if symbol:
            self._exchange.contract(symbol)
        first, most = sent.integer("orderId"), sent.limit(500, 1000)
        orders = [
            order
            for order in self._exchange.account(call.account).orders.values()
            if symbol in ("", order.symbol) and not _vanished(order, call.now_ms)
        ]
        if first:
            found = [order for order in orders if order.order_id >= first][:most]
        else:
            start, end = window(sent, call.now_ms, WEEK_MS)
            found = [order for order in orders if start <= order.created_ms <= end]
            found = found[:most] if sent.text("startTime") else found[-most:]
        return [{**order_row(order, self._listing(order)), "pair": order.symbol} for order in found]

    def amendments(self, call: Call) -> list[Row]:
        """GET orderAmendment: the changes of an order, newest first."""
        sent = Sent(call.parameters)
        symbol = sent.symbol()
        order_id, client_id = sent.order_reference()
        rows: list[Row] = [
            {
                "amendmentId": row.amendment_id, "symbol": symbol, "pair": symbol, "orderId": row.order_id,
                "clientOrderId": row.client_id, "time": row.time_ms,
                "amendment": {
                    "price": {"before": f"{row.price_before:f}", "after": f"{row.price_after:f}"},
                    "origQty": {"before": f"{row.quantity_before:f}", "after": f"{row.quantity_after:f}"},
                    "count": row.count, **named_by(row.modify_id),
                },
                "priceMatch": row.price_match,
            }
            for row in reversed(self._exchange.account(call.account).amendments)
            if row.symbol == symbol and (row.order_id == order_id if order_id else row.client_id == client_id)
        ]  # fmt: skip
        return rows[: sent.limit(50, 100)]


def named_by(modify_id: int | None) -> Row:
    """Give the client's own id of a change back, if it gave one."""
    return {} if modify_id is None else {"modifyId": modify_id}


def _vanished(order: Order, now_ms: int) -> bool:
    return not order.status.open and not order.executed and order.updated_ms < now_ms - UNFILLED_KEPT_MS


def window(sent: Sent, now_ms: int, widest_ms: int) -> tuple[int, int]:
    """Read startTime and endTime; without them the last `widest_ms`."""
    start, end = sent.integer("startTime"), sent.integer("endTime")
    if start and end and start > end:
        raise ApiError(-1023, "Start time is greater than end time.")
    if start and end and end - start > widest_ms:
        raise ApiError(-4165, f"Maximum time interval is {widest_ms // 86_400_000} days")
    if start:
        return start, end or start + widest_ms
    end = end or now_ms
    return end - widest_ms, end


# ── batches ───────────────────────────────────────────────────────────────────────────────────────────────────────


def batch_of(sent: Sent, name: str) -> list[Mapping[str, object]]:
    """Read a JSON array of objects; -1130 for anything else."""
    found = _list_of(sent, name)
    if not found:
        raise missing(name)
    if not all(isinstance(item, dict) for item in found):
        raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return cast("list[Mapping[str, object]]", found)


def _list_of(sent: Sent, name: str) -> list[object]:
    text = sent.text(name)
    if not text:
        return []
    try:
        found = msgspec.json.decode(text)
    except NO_JSON:
        found = None
    if not isinstance(found, list):
        raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return cast("list[object]", found)


def _texts(item: Mapping[str, object]) -> dict[str, str]:
    """Turn the values of a JSON object into what a query string would have held."""
    return {
        name: f"{decimal_of(value):f}" if isinstance(value, float) else str(value)
        for name, value in item.items()
        if value is not None
    }


def attempted(handle: Callable[[Call, Sent], Row], call: Call, sent: Sent) -> Row:
    """Give an answer, or the error as a row: in a batch one failure stops no other."""
    try:
        return handle(call, sent)
    except ApiError as error:
        return {"code": error.code, "msg": error.text}
    except ExchangeRejected as error:
        return {"code": error.code, "msg": error.text}
