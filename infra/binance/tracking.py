"""Which order over there is which order of ours, and what of it was told. Pure: events and bodies in, inputs out.

    PlaceOrder ──track──▶ Tracked ◀── ORDER_TRADE_UPDATE, ALGO_UPDATE, bodies of queries
                             │
                             └──▶ VenueAccepted, VenueFilled, VenueCanceled, VenueRejected    each fact once

A conditional order becomes a plain one when it triggers; `actual` ids join the two. An order must not be reported as
gone while a fill of it is unknown, because nobody listens to it afterwards: such a doubt is given back as `Unsettled`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from domain.base import Input
from domain.values import ZERO
from domain.venue import OrderType, PlaceOrder, VenueAccepted, VenueCanceled, VenueFilled, VenueRejected
from infra.binance.client_order_id import client_order_id
from infra.binance.wire.order_bodies import AlgoOrder, Order, UserTrade
from infra.binance.wire.user_frames import AlgoOrderState, OrderState

GONE: Final = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
KEPT: Final = 2_000
"""So many finished orders and stray events are remembered."""
InUsdt: TypeAlias = Callable[[Decimal, str], Decimal]
"""Turns an amount of an asset into USDT."""


class Tracked(msgspec.Struct):
    """One of our orders. `trades` are the quantities of the fills that were told; `actual` its plain order id, or 0."""

    order: PlaceOrder
    client_id: str
    actual: int = 0
    accepted: bool = False
    over: bool = False
    trades: dict[str, Decimal] = msgspec.field(default_factory=dict[str, Decimal])

    @property
    def conditional(self) -> bool:
        """Whether it waits for a trigger, behind the algo endpoint."""
        return self.order.order_type is not OrderType.MARKET

    @property
    def filled(self) -> Decimal:
        """How much of it was told as filled (base asset)."""
        return sum(self.trades.values(), ZERO)


class Unsettled(msgspec.Struct, frozen=True):
    """The exchange must be asked about this order before more is said of it."""

    order_id: str


Told: TypeAlias = Input | Unsettled


class Tracking:
    """All orders of one account that are open, or were lately. Not thread-safe."""

    def __init__(self, epoch: str, in_usdt: InUsdt) -> None:
        self._epoch = epoch
        self._in_usdt = in_usdt
        self._by_id: OrderedDict[str, Tracked] = OrderedDict()
        self._by_client: dict[str, Tracked] = {}
        self._by_actual: dict[tuple[str, int], Tracked] = {}
        self._strays: OrderedDict[tuple[str, int], list[OrderState]] = OrderedDict()

    # ── what we know ──────────────────────────────────────────────────────────────────────────────────────────────

    def track(self, order: PlaceOrder, *, accepted: bool = False, trade_ids: Sequence[str] = ()) -> Tracked:
        """Remember an order that was, or will be, sent; the same again changes nothing."""
        known = self._by_id.get(order.order_id)
        if known is not None:
            return known
        tracked = Tracked(order, client_order_id(self._epoch, order.order_id), accepted=accepted)
        tracked.trades = dict.fromkeys(trade_ids, ZERO)
        self._by_id[order.order_id] = self._by_client[tracked.client_id] = tracked
        self._forget()
        return tracked

    def get(self, order_id: str) -> Tracked | None:
        """Find an order by its own id."""
        return self._by_id.get(order_id)

    def named(self, client_id: str) -> Tracked | None:
        """Find an order by what it is called over there."""
        return self._by_client.get(client_id)

    def owns(self, symbol: str, actual: int) -> bool:
        """Whether a plain order over there is known to be ours."""
        return (symbol, actual) in self._by_actual

    def open(self) -> tuple[Tracked, ...]:
        """Give the orders that are not over."""
        return tuple(tracked for tracked in self._by_id.values() if not tracked.over)

    def _forget(self) -> None:
        while len(self._by_id) > KEPT:
            over = next((order_id for order_id, tracked in self._by_id.items() if tracked.over), None)
            if over is None:
                return
            tracked = self._by_id.pop(over)
            self._by_client.pop(tracked.client_id, None)
            self._by_actual.pop((tracked.order.symbol, tracked.actual), None)

    def _join(self, tracked: Tracked, actual: int) -> None:
        if actual and tracked.actual != actual:
            tracked.actual = actual
            self._by_actual[tracked.order.symbol, actual] = tracked

    # ── what the user stream says ─────────────────────────────────────────────────────────────────────────────────

    def on_order(self, seen: OrderState) -> tuple[Told, ...] | None:
        """Take in an ORDER_TRADE_UPDATE; None if the order is none of ours, as far as we know."""
        tracked = self._by_client.get(seen.client_id) or self._by_actual.get((seen.symbol, seen.order_id))
        if tracked is None:
            return None
        if tracked.over:
            return ()
        self._join(tracked, seen.order_id)
        time_ms = seen.trade_time_ms
        if seen.execution in {"TRADE", "CALCULATED"} and seen.last_quantity > 0:
            return self._on_fill(tracked, seen)
        if seen.status in GONE:
            if seen.filled_quantity != tracked.filled:
                return (Unsettled(tracked.order.order_id),)
            return self._gone(tracked, time_ms, seen.status)
        if seen.status == "REJECTED":
            return self._refused(tracked, time_ms, "REJECTED", f"expiry reason {seen.expiry_reason}")
        return self._accepted(tracked, time_ms)

    def _on_fill(self, tracked: Tracked, seen: OrderState) -> tuple[Told, ...]:
        trade_id = _trade_id(seen.symbol, seen.trade_id)
        if tracked.trades.get(trade_id):
            return ()
        if seen.filled_quantity != tracked.filled + seen.last_quantity:
            return (Unsettled(tracked.order.order_id),)  # a fill before this one was missed
        fee = (seen.fee or ZERO, seen.fee_asset or "USDT")
        complete = seen.status == "FILLED"
        return self._filled(
            tracked, trade_id, seen.trade_time_ms, seen.last_price, seen.last_quantity, fee, complete=complete
        )

    def keep_stray(self, seen: OrderState) -> None:
        """Remember an event of an order that may turn out to be a conditional one of ours, now triggered."""
        self._strays.setdefault((seen.symbol, seen.order_id), []).append(seen)
        while len(self._strays) > KEPT:
            self._strays.popitem(last=False)

    def on_algo(self, seen: AlgoOrderState, time_ms: int) -> tuple[Told, ...] | None:
        """Take in an ALGO_UPDATE; None if the order is none of ours."""
        tracked = self._by_client.get(seen.client_id)
        if tracked is None:
            return None
        if tracked.over:
            return ()
        told: list[Told] = []
        if str(seen.order_id or "").isdecimal():
            self._join(tracked, int(seen.order_id))
            for stray in self._strays.pop((seen.symbol, tracked.actual), ()):
                told += self.on_order(stray) or ()
        match seen.status:
            case "NEW":
                told += self._accepted(tracked, time_ms)
            case "CANCELED" | "EXPIRED":
                told += (
                    (Unsettled(tracked.order.order_id),)
                    if tracked.actual
                    else self._gone(tracked, time_ms, seen.status)
                )
            case "REJECTED":
                told += self._refused(tracked, time_ms, "REJECTED", seen.reject_reason or "rejected at its trigger")
            case _:
                pass  # TRIGGERING, TRIGGERED, FINISHED: the plain order says the rest
        return tuple(told)

    # ── what a query says ─────────────────────────────────────────────────────────────────────────────────────────

    def on_body(self, tracked: Tracked, body: Order, trades: Iterable[UserTrade], time_ms: int) -> tuple[Told, ...]:
        """Take in a plain order and all its fills, as they were asked for; `Unsettled` while some are not listed."""
        if tracked.over:
            return ()
        self._join(tracked, body.order_id)
        told: list[Told] = [*self._accepted(tracked, body.update_time_ms or time_ms)]
        fills = sorted(trades, key=lambda trade: (trade.time_ms, trade.trade_id))
        if sum((trade.quantity for trade in fills), ZERO) != body.executed:
            return (*told, Unsettled(tracked.order.order_id))
        for number, trade in enumerate(fills, 1):
            last = number == len(fills) and body.status == "FILLED"
            told += self._filled(tracked, _trade_id(trade.symbol, trade.trade_id), trade.time_ms, trade.price,
                                 trade.quantity, (trade.fee, trade.fee_asset), complete=last)  # fmt: skip
        if body.status in GONE:
            told += self._gone(tracked, body.update_time_ms or time_ms, body.status)
        elif body.status == "REJECTED":
            told += self._refused(tracked, body.update_time_ms or time_ms, "REJECTED", "rejected")
        return tuple(told)

    def on_algo_body(self, tracked: Tracked, body: AlgoOrder, time_ms: int) -> tuple[Told, ...]:
        """Take in a conditional order as it was asked for; whether it became a plain one stands in `actual` then."""
        if tracked.over:
            return ()
        if str(body.actual_order_id or "").isdecimal():
            self._join(tracked, int(body.actual_order_id or 0))
        told = self._accepted(tracked, body.update_time_ms or time_ms)
        if tracked.actual:
            return told
        at_ms = body.update_time_ms or time_ms
        if body.status in GONE:
            return (*told, *self._gone(tracked, at_ms, body.status))
        if body.status == "REJECTED":
            return (*told, *self._refused(tracked, at_ms, "REJECTED", "rejected at its trigger"))
        return told

    def never_was(self, tracked: Tracked, time_ms: int, reason: str) -> tuple[Told, ...]:
        """The exchange does not know the order, and it won't come any more."""
        return self._gone(tracked, time_ms, reason)

    def canceled(self, tracked: Tracked, time_ms: int) -> tuple[Told, ...]:
        """The exchange took a conditional order back that had not triggered."""
        return () if tracked.over else self._gone(tracked, time_ms, "CANCELED")

    def refused(self, tracked: Tracked, time_ms: int, code: str, text: str) -> tuple[Told, ...]:
        """The exchange said no when it was asked to take the order."""
        return self._refused(tracked, time_ms, code, text)

    def taken(self, tracked: Tracked, time_ms: int) -> tuple[Told, ...]:
        """The exchange said that it took the order."""
        return () if tracked.over else self._accepted(tracked, time_ms)

    # ── each fact once ────────────────────────────────────────────────────────────────────────────────────────────

    def _accepted(self, tracked: Tracked, time_ms: int) -> tuple[Told, ...]:
        if tracked.accepted:
            return ()
        tracked.accepted = True
        return (VenueAccepted(tracked.order.order_id, time_ms),)

    def _filled(
        self,
        tracked: Tracked,
        trade_id: str,
        time_ms: int,
        price: Decimal,
        quantity: Decimal,
        fee: tuple[Decimal, str],
        *,
        complete: bool,
    ) -> tuple[Told, ...]:
        known = trade_id in tracked.trades
        tracked.trades[trade_id] = quantity
        tracked.over = tracked.over or complete
        if known:
            return ()
        amount = max(ZERO, self._in_usdt(*fee))
        tracked.accepted = True
        return (VenueFilled(tracked.order.order_id, time_ms, trade_id, price, quantity, amount, complete),)

    def _gone(self, tracked: Tracked, time_ms: int, reason: str) -> tuple[Told, ...]:
        tracked.over = True
        return (VenueCanceled(tracked.order.order_id, time_ms, reason),)

    def _refused(self, tracked: Tracked, time_ms: int, code: str, text: str) -> tuple[Told, ...]:
        tracked.over = True
        return (VenueRejected(tracked.order.order_id, time_ms, code, text),)


def _trade_id(symbol: str, trade_id: int) -> str:
    return f"{symbol}:{trade_id}"
