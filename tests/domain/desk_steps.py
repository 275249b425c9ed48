"""The steps that tests of the in-process exchange are written in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import matching
from domain.base import Input
from domain.config import VenueConfig
from domain.desk import Desk
from domain.holding import hold
from domain.instrument import Instrument
from domain.path import Leg, first_touch
from domain.terms import Terms
from domain.values import ZERO, OrderSide, Side
from domain.venue import OrderType, PlaceOrder, VenueAccepted

BUY, SELL = OrderSide.BUY, OrderSide.SELL
STOP, TARGET, MARKET = OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET, OrderType.MARKET
BTC = Instrument(
    "BTCUSDT",
    Decimal("0.1"),
    Decimal("0.001"),
    Decimal("0.001"),
    min_notional=Decimal(50),
    maintenance_rate=Decimal("0.004"),
)
REAL = Terms(BTC, VenueConfig(taker_fee_bps=Decimal(5), slippage_bps=Decimal(2), liquidation_fee_bps=Decimal(50)))
FREE = Terms(BTC, VenueConfig(taker_fee_bps=ZERO, slippage_bps=ZERO, liquidation_fee_bps=ZERO))
KEY = "position:main/BTCUSDT-1"
OTHER = "position:main/BTCUSDT-2"
FLAT = Desk("main", Decimal(10_000))


def order(
    number: int, side: OrderSide, kind: OrderType = MARKET, quantity: str = "1", key: str = KEY, **more: Any
) -> PlaceOrder:
    return PlaceOrder("main", f"{key}@{number}", "BTCUSDT", side, kind, Decimal(quantity), **{"leverage": 10, **more})


def closing(number: int, side: OrderSide, kind: OrderType, trigger: int | str, key: str = KEY) -> PlaceOrder:
    return order(number, side, kind, trigger=Decimal(trigger), close_position=True, key=key)


def place(desk: Desk, *orders: PlaceOrder, price: int | None = None, terms: Terms = FREE, at_ms: int = 0) -> Desk:
    for each in orders:
        desk, answers = matching.place(desk, each, terms, None if price is None else Decimal(price), at_ms)
        assert answers == (VenueAccepted(each.order_id, at_ms),)
    return desk


def move(desk: Desk, start: int, end: int, terms: Terms = FREE, key: str = KEY) -> tuple[Desk, tuple[Input, ...]]:
    """Let the price travel in a second; return all answers."""
    path: tuple[Leg, ...] = (Leg(1_000, Decimal(start), 2_000, Decimal(end)),)
    answers: tuple[Input, ...] = ()
    while (slot := desk.slots.get(key)) and (found := first_touch(slot.levels, path)):
        touch, path = found
        desk, more = matching.hit(desk, key, touch, terms, touch.price, touch.price)
        answers += more
    return desk, answers


def held(side: Side = Side.LONG, wallet: Decimal | None = Decimal(10_000), leverage: int = 10) -> Desk:
    """A position of 1 BTC, entered at 10,000."""
    holding = hold(BTC, side, Decimal(1), Decimal(10_000), leverage, settled_ms=0)
    return matching.restored("main", wallet, {KEY: holding}, ())


def protected(side: Side = Side.LONG, stop: int = 9_800, target: int = 10_200) -> Desk:
    return place(held(side), closing(4, side.exit, STOP, stop), closing(5, side.exit, TARGET, target))
