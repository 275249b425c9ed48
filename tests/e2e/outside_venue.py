"""An exchange outside of the process, as far as a trader can tell: all that it knows is a file, fsynced line by line.

It takes an order id again once the order of that name is over, as Binance does: so nothing but the trader's own care
keeps an order from being carried out twice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from domain.base import Input, Issued, stream_of
from domain.market import MarketTick
from domain.values import OrderSide
from domain.venue import (
    CancelOrder,
    OrderType,
    PlaceOrder,
    VenueAccepted,
    VenueCanceled,
    VenueFilled,
    VenueRejected,
)

FEE = Decimal("0.0005")


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact. `kind`: placed, refused, repeated (the id is in use), filled, canceled, expired."""

    kind: str
    order_id: str
    at_ms: int
    order: PlaceOrder | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None

    def told(self) -> Input:
        """Say it as the venue tells it."""
        match self.kind:
            case "placed":
                return VenueAccepted(self.order_id, self.at_ms)
            case "refused" | "repeated":
                return VenueRejected(self.order_id, self.at_ms, "-2022", "ReduceOnly Order is rejected.")
            case "filled":
                assert self.price is not None
                assert self.quantity is not None
                fee = self.price * self.quantity * FEE
                return VenueFilled(self.order_id, self.at_ms, f"fill-{self.order_id}", self.price, self.quantity, fee)
            case _:
                return VenueCanceled(self.order_id, self.at_ms, self.kind)


class Exchange:
    """The file and what follows from it. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lines: dict[str, list[Line]] = {}
        self._open: dict[str, PlaceOrder] = {}
        self._held: dict[str, Decimal] = {}
        self._marks: dict[str, Decimal] = {}
        self._now_ms = 0
        for line in read_lines(path):
            self._apply(line)

    def query(self, order_id: str) -> tuple[Input, ...]:
        """Tell all that happened to an order; nothing if it is not known."""
        with self._lock:
            return tuple(line.told() for line in self._lines.get(order_id, ()))

    def place(self, order: PlaceOrder) -> tuple[Input, ...]:
        """Take an order. One at the market fills at once."""
        with self._lock:
            if order.order_id in self._open:
                return self._happened("repeated", order)
            if order.reduce_only and not self._holding(order):
                return self._happened("refused", order)
            placed = self._happened("placed", order)
            return placed if order.trigger is not None else (*placed, *self._matched(order))

    def cancel(self, order_id: str) -> tuple[Input, ...]:
        """Take an order back, if it is still open."""
        with self._lock:
            order = self._open.get(order_id)
            return () if order is None else self._happened("canceled", order)

    def observe(self, tick: MarketTick) -> list[Input]:
        """See new prices: what they trigger fills, or expires if there is nothing left to close.

        So does an order at the market that was taken, but not matched, when the process died.
        """
        answers: list[Input] = []
        with self._lock:
            self._now_ms = tick.time_ms
            self._marks.update((quote.symbol, Decimal(str(quote.mark))) for quote in tick.quotes)
            for order in list(self._open.values()):
                if order.trigger is None or self._is_triggered(order, order.trigger):
                    answers += self._matched(order)
        return answers

    def _is_triggered(self, order: PlaceOrder, trigger: Decimal) -> bool:
        rises = (order.side is OrderSide.BUY) == (order.order_type is OrderType.STOP_MARKET)
        mark = self._marks[order.symbol]
        return mark >= trigger if rises else mark <= trigger

    def _matched(self, order: PlaceOrder) -> tuple[Input, ...]:
        held = self._holding(order)
        closes = order.close_position or order.reduce_only
        if closes and not held:
            return self._happened("expired", order)
        quantity = held if order.close_position else min(order.quantity, held) if closes else order.quantity
        return self._happened("filled", order, self._marks[order.symbol], quantity)

    def _holding(self, order: PlaceOrder) -> Decimal:
        return abs(self._held.get(stream_of(order.order_id), Decimal(0)))

    def _happened(
        self, kind: str, order: PlaceOrder, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> tuple[Input, ...]:
        """Write a fact down for ever, then let it be true."""
        line = Line(kind, order.order_id, self._now_ms, order, price, quantity)
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        os.fsync(self._file)
        self._apply(line)
        return (line.told(),)

    def _apply(self, line: Line) -> None:
        self._lines.setdefault(line.order_id, []).append(line)
        assert line.order is not None
        if line.kind == "placed":
            self._open[line.order_id] = line.order
        elif line.kind in {"filled", "canceled", "expired"}:
            self._open.pop(line.order_id, None)
        if line.kind == "filled":
            assert line.quantity is not None
            sign = 1 if line.order.side is OrderSide.BUY else -1
            position = stream_of(line.order_id)
            self._held[position] = self._held.get(position, Decimal(0)) + sign * line.quantity


def read_lines(path: Path) -> Iterator[Line]:
    """Give all that the exchange knows."""
    return map(msgspec.json.Decoder(Line).decode, path.read_bytes().splitlines())


class Handler:
    """Carries effects out at the exchange: it asks whether an order is known before it sends it.

    `answer` takes what the exchange says, `step` is called by the name of each step (a test kills the process there).
    """

    def __init__(self, exchange: Exchange, answer: Callable[[Input], object], step: Callable[[str], None]) -> None:
        self._exchange = exchange
        self._answer = answer
        self._step = step

    def carry_out(self, issued: Issued) -> None:
        """Do what an effect asks for, once."""
        effect = issued.effect
        assert isinstance(effect, PlaceOrder | CancelOrder)
        self._step("before_send")
        if isinstance(effect, PlaceOrder):
            answers = self._exchange.query(effect.order_id) or self._exchange.place(effect)
        else:
            answers = self._exchange.cancel(effect.order_id) or self._gone(effect.order_id)
        self._step("after_send")
        for answer in answers:
            self._answer(answer)

    def _gone(self, order_id: str) -> tuple[Input, ...]:
        """Say what became of an order that can't be canceled any more; one that never came is gone, too."""
        return self._exchange.query(order_id) or (VenueCanceled(order_id, 0, "unknown"),)
