"""Conditional orders: stops and targets, through /algoOrder or, where the settings say so, the old /order."""

from __future__ import annotations

from domain.errors import ExchangeRejected
from infra.binance import endpoints as at
from infra.binance.new_order import PLAIN_TYPES, NewOrder
from infra.binance.priority import Priority
from infra.binance.trading import NO_SUCH_ORDER, UNKNOWN_ORDER, Trading
from infra.binance.wire import bodies, order_bodies
from infra.binance.wire.order_bodies import AlgoOrder


class ConditionalTrading(Trading):
    """Adds to `Trading` the orders that wait for a price. They come and go as `AlgoOrder` on both endpoints."""

    @property
    def _algo(self) -> bool:
        return self.calls.settings.conditional_orders == "algo"

    async def algo_place(self, order: NewOrder) -> AlgoOrder:
        """Place a stop, target or trailing stop; where, `binance.conditional_orders` says."""

        async def send(*, hedge: bool) -> AlgoOrder:
            urgency, operation = (Priority.CRITICAL, _protection(order)) if order.closing else (None, "")
            if not self._algo:
                placed = await self.calls.ask(
                    at.PLACE,
                    order.plain(hedge=hedge),
                    order_bodies.read_order,
                    priority=urgency,
                    operation=operation,
                )
                return AlgoOrder.of(placed)
            return await self.calls.ask(
                at.ALGO_PLACE,
                order.algo(hedge=hedge),
                order_bodies.read_algo_order,
                priority=urgency,
                operation=operation,
            )

        return await self.in_mode(send)

    async def algo_cancel(self, symbol: str, client_order_id: str) -> AlgoOrder | None:
        """Take a conditional order back. If it is not open any more, gives how it ended; None: it is cancelled now."""
        if not self._algo:
            return AlgoOrder.of(await self.cancel(symbol, client_order_id))
        try:
            await self.calls.ask(at.ALGO_CANCEL, {"clientAlgoId": client_order_id}, bodies.read_done)
        except ExchangeRejected as error:
            missing = error.code in {UNKNOWN_ORDER, NO_SUCH_ORDER}
            ended = await self.algo_find(symbol, client_order_id) if missing else None
            if ended is None:
                raise
            return ended
        return None

    async def algo_cancel_all(self, symbol: str) -> None:
        """Take all conditional orders of a symbol back."""
        await self.calls.ask(at.ALGO_CANCEL_ALL if self._algo else at.CANCEL_ALL, {"symbol": symbol}, bodies.read_done)

    async def algo_query(self, symbol: str, client_order_id: str) -> AlgoOrder:
        """Give a conditional order, open or not. Raises `ExchangeRejected` (-2013) if there is none."""
        if not self._algo:
            return AlgoOrder.of(await self.query(symbol, client_order_id))
        return await self.calls.ask(at.ALGO_QUERY, {"clientAlgoId": client_order_id}, order_bodies.read_algo_order)

    async def algo_find(self, symbol: str, client_order_id: str) -> AlgoOrder | None:
        """Give a conditional order, or None if the exchange does not know it."""
        try:
            return await self.algo_query(symbol, client_order_id)
        except ExchangeRejected as error:
            if error.code not in {NO_SUCH_ORDER, UNKNOWN_ORDER}:
                raise
            return None

    async def algo_look_up(self, symbol: str, client_order_id: str, expires_ms: int) -> AlgoOrder | None:
        """Say what became of a conditional order of doubtful outcome, as `look_up` does."""
        found = await self.algo_find(symbol, client_order_id)
        if found is None:
            await self.calls.wait_until(expires_ms)
            found = await self.algo_find(symbol, client_order_id)
        return found

    async def algo_open_orders(self, symbol: str | None = None) -> list[AlgoOrder]:
        """Give all conditional orders that wait (weight 40 without a symbol)."""
        if self._algo:
            return await self.calls.ask(at.ALGO_OPEN, {"symbol": symbol}, order_bodies.read_algo_orders)
        resting = await self.open_orders(symbol)
        return [
            AlgoOrder.of(order) for order in resting if (order.original_type or order.order_type) not in PLAIN_TYPES
        ]

    async def all_algo_orders(
        self, symbol: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> list[AlgoOrder]:
        """Give conditional orders of a window of at most 7 days, ended ones included."""
        params = {"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": limit}
        if self._algo:
            return await self.calls.ask(at.ALGO_ALL, params, order_bodies.read_algo_orders)
        found = await self.all_orders(symbol, start_ms, end_ms, limit)
        return [AlgoOrder.of(order) for order in found if (order.original_type or order.order_type) not in PLAIN_TYPES]


def _protection(order: NewOrder) -> str:
    return "adjust_take_profit" if order.order_type.startswith("TAKE_PROFIT") else "adjust_stop_loss"
