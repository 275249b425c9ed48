"""Plain orders: place, amend, cancel, query; own trades."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Final, Protocol, TypeVar

from domain.errors import ExchangeRejected, InvalidInput
from domain.values import OrderSide
from infra.binance import endpoints as at
from infra.binance.calls import Calls
from infra.binance.new_order import NewOrder
from infra.binance.priority import Priority
from infra.binance.requests import text_of
from infra.binance.wire import bodies, order_bodies
from infra.binance.wire.bodies import Countdown, Refusal
from infra.binance.wire.order_bodies import Order, UserTrade

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

UNKNOWN_ORDER: Final = -2011
NO_SUCH_ORDER: Final = -2013
WRONG_POSITION_SIDE: Final = -4061
NOTHING_TO_AMEND: Final = -5027
BATCH_MAX: Final = 5
CANCEL_BATCH_MAX: Final = 10


class InMode(Protocol[T_co]):
    """Sends an order as one of the two position modes wants it."""

    def __call__(self, *, hedge: bool) -> Awaitable[T_co]:
        """Send it."""
        ...


class Trading:
    """Questions and wishes about orders. Needs a key.

    An order whose answer is in doubt raises `OutcomeUnknown`: `look_up` it before repeating it.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.hedge: bool | None = None
        """The position mode as last seen; None is taken for one-way."""

    async def in_mode(self, send: InMode[T]) -> T:
        """Send an order as the position mode wants it; if the exchange has the other one (-4061), once more so."""
        believed = bool(self.hedge)
        try:
            return await send(hedge=believed)
        except ExchangeRejected as error:
            if error.code != WRONG_POSITION_SIDE:
                raise
            answer = await send(hedge=not believed)  # not `self.hedge`: another order may have found it out meanwhile
            self.hedge = not believed
            return answer

    # ── plain orders ──────────────────────────────────────────────────────────────────────────────────────────────

    async def place(self, order: NewOrder) -> Order:
        """Place a LIMIT or MARKET order; the answer says what became of it at once."""

        async def send(*, hedge: bool) -> Order:
            return await self.calls.ask(
                at.PLACE,
                order.plain(hedge=hedge),
                order_bodies.read_order,
                priority=Priority.CRITICAL if order.closing else None,
                operation="close_position" if order.closing else "",
            )

        return await self.in_mode(send)

    async def test(self, order: NewOrder) -> None:
        """Let the exchange check an order without placing it."""

        async def send(*, hedge: bool) -> None:
            await self.calls.ask(at.TEST_ORDER, order.plain(hedge=hedge), bodies.read_nothing)

        await self.in_mode(send)

    async def place_batch(self, orders: Sequence[NewOrder]) -> list[Order | Refusal]:
        """Place up to 5 orders; gives for each, in this order, the order or why not."""
        _require_at_most(len(orders), BATCH_MAX)
        listed = [
            {name: text_of(value) for name, value in order.plain(hedge=bool(self.hedge)).items() if value is not None}
            for order in orders
        ]
        return await self.calls.ask(at.PLACE_BATCH, {"batchOrders": listed}, order_bodies.read_batch)

    async def amend(
        self, symbol: str, client_order_id: str, side: OrderSide, quantity: Decimal, price: Decimal
    ) -> Order:
        """Change price and quantity of a resting LIMIT order; it loses its place in the queue.

        That both are so already counts as done: the session may have sent it twice when a kept connection was closed.
        """
        params = {
            "symbol": symbol,
            "origClientOrderId": client_order_id,
            "side": side,
            "quantity": quantity,
            "price": price,
        }
        try:
            return await self.calls.ask(at.AMEND, params, order_bodies.read_order)
        except ExchangeRejected as error:
            if error.code != NOTHING_TO_AMEND:
                raise
            return await self.query(symbol, client_order_id)

    async def cancel(self, symbol: str, client_order_id: str) -> Order:
        """Take an order back. If it is not open any more, gives how it ended.

        Raises `ExchangeRejected` (-2011) if the exchange never heard of it.
        """
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        try:
            return await self.calls.ask(at.CANCEL, params, order_bodies.read_order)
        except ExchangeRejected as error:
            ended = await self.find(symbol, client_order_id) if error.code == UNKNOWN_ORDER else None
            if ended is None:
                raise
            return ended

    async def cancel_batch(self, symbol: str, client_order_ids: Sequence[str]) -> list[Order | Refusal]:
        """Take up to 10 orders of a symbol back; gives for each the order or why not."""
        _require_at_most(len(client_order_ids), CANCEL_BATCH_MAX)
        params = {"symbol": symbol, "origClientOrderIdList": list(client_order_ids)}
        return await self.calls.ask(at.CANCEL_BATCH, params, order_bodies.read_batch)

    async def cancel_all(self, symbol: str) -> None:
        """Take all plain orders of a symbol back."""
        await self.calls.ask(at.CANCEL_ALL, {"symbol": symbol}, bodies.read_done)

    async def cancel_all_after(self, symbol: str, countdown_ms: int) -> Countdown:
        """Have the exchange cancel all orders of a symbol unless this is called again in time; 0 stops it."""
        params = {"symbol": symbol, "countdownTime": countdown_ms}
        return await self.calls.ask(at.COUNTDOWN, params, bodies.read_countdown)

    async def query(self, symbol: str, client_order_id: str) -> Order:
        """Give an order, open or not. Raises `ExchangeRejected` (-2013) if there is none."""
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        return await self.calls.ask(at.QUERY, params, order_bodies.read_order)

    async def find(self, symbol: str, client_order_id: str) -> Order | None:
        """Give an order, or None if the exchange does not know it."""
        try:
            return await self.query(symbol, client_order_id)
        except ExchangeRejected as error:
            if error.code != NO_SUCH_ORDER:
                raise
            return None

    async def look_up(self, symbol: str, client_order_id: str, expires_ms: int) -> Order | None:
        """Say what became of an order of doubtful outcome: the order, or None: it does not exist and never will.

        Asks at once, and if the order is not there, again when the exchange would not accept it any more.
        """
        found = await self.find(symbol, client_order_id)
        if found is None:
            await self.calls.wait_until(expires_ms)
            found = await self.find(symbol, client_order_id)
        return found

    async def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Give all plain orders that rest (weight 40 without a symbol)."""
        return await self.calls.ask(at.OPEN_ORDERS, {"symbol": symbol}, order_bodies.read_orders)

    async def all_orders(
        self, symbol: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> list[Order]:
        """Give orders of a window of at most 7 days (default: the last 7)."""
        params = {"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": limit}
        return await self.calls.ask(at.ALL_ORDERS, params, order_bodies.read_orders)

    async def user_trades(
        self,
        symbol: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
        from_id: int | None = None,
    ) -> list[UserTrade]:
        """Give own fills of a window of at most 7 days, or from a trade id on (then without times)."""
        params = {"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": limit, "fromId": from_id}
        return await self.calls.ask(at.USER_TRADES, params, order_bodies.read_user_trades)


def _require_at_most(count: int, most: int) -> None:
    if not 0 < count <= most:
        raise InvalidInput("a batch of orders", f"1 to {most} orders", str(count))
