"""The words in which tests speak of the simulated exchange: a contract, an exchange with a book, orders in short."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from domain.errors import ExchangeRejected
from domain.exchange.exchange import Exchange
from domain.exchange.facts import Fact
from domain.exchange.listing import Bracket, Listing, Mark, Print
from domain.exchange.orders import Algo, Kind, NewAlgo, NewOrder, Order, PositionSide, TimeInForce
from domain.values import OrderSide

BUY, SELL = OrderSide.BUY, OrderSide.SELL
LONG, SHORT, BOTH = PositionSide.LONG, PositionSide.SHORT, PositionSide.BOTH
BTC, ETH = "BTCUSDT", "ETHUSDT"
NOW = 1_700_000_000_000
T = TypeVar("T")

LISTING = Listing(
    symbol=BTC, base="BTC", onboard_ms=0, tick=Decimal("0.10"), step=Decimal("0.001"), market_step=Decimal("0.001"),
    min_price=Decimal("0.10"), max_price=Decimal(1_000_000), min_quantity=Decimal("0.001"), max_quantity=Decimal(1000),
    max_market_quantity=Decimal(120), min_notional=Decimal(5), multiplier_up=Decimal("1.05"),
    multiplier_down=Decimal("0.95"), market_take_bound=Decimal("0.05"), trigger_protect=Decimal("0.02"),
    liquidation_fee=Decimal("0.0125"), price_precision=2, quantity_precision=3, funding_interval_hours=8,
    brackets=(
        Bracket(1, 125, Decimal(0), Decimal(50_000), Decimal("0.004"), Decimal(0)),
        Bracket(2, 50, Decimal(50_000), Decimal(500_000), Decimal("0.01"), Decimal(300)),
        Bracket(3, 20, Decimal(500_000), Decimal(10_000_000), Decimal("0.025"), Decimal(7_800)),
    ),
)  # fmt: skip


def d(text: object) -> Decimal:
    return Decimal(str(text))


def levels(*pairs: tuple[object, object]) -> list[tuple[Decimal, Decimal]]:
    return [(d(price), d(quantity)) for price, quantity in pairs]


def mark_of(price: object, *, symbol: str = BTC, now: int = NOW, rate: object = "0.0001") -> Mark:
    return Mark(symbol, now, d(price), d(price), d(rate), now + 1)


def print_of(price: object, quantity: object, *, sold: bool, symbol: str = BTC, now: int = NOW) -> Print:
    return Print(symbol, now, d(price), d(quantity), sold)


class Floor:
    """An exchange with two contracts at 1000 USDT, a book two levels deep, and accounts a, b, c of 10,000 USDT."""

    def __init__(self, *, deposit: object = 10_000, **changes: Any) -> None:
        listing = replace(LISTING, **changes)
        self.exchange = Exchange([listing, replace(listing, symbol=ETH, base="ETH")])
        self.now = NOW
        for name in "abc":
            self.exchange.open_account(name, d(deposit), NOW)
        for symbol in (BTC, ETH):
            self.mark(1000, symbol=symbol)
            self.book([(999, 1), (998, 2)], [(1001, 1), (1002, 2)], symbol=symbol)
        self.exchange.drain()

    def mark(self, price: object, **more: Any) -> list[Fact]:
        self.exchange.on_mark(mark_of(price, **more))
        return self.exchange.drain()

    def book(self, bids: Iterable[Any], asks: Iterable[Any], symbol: str = BTC) -> list[Fact]:
        self.exchange.on_book(symbol, levels(*bids), levels(*asks), self.now)
        return self.exchange.drain()

    def printed(self, price: object, quantity: object, *, sold: bool) -> list[Fact]:
        self.exchange.on_print(print_of(price, quantity, sold=sold, now=self.now))
        return self.exchange.drain()

    def limit(self, side: OrderSide, quantity: object, price: object, account: str = "a", **more: Any) -> Order:
        wish = NewOrder(
            symbol=more.pop("symbol", BTC), side=side, kind=Kind.LIMIT, quantity=d(quantity), price=d(price), **more
        )
        return self.exchange.place(account, wish, self.now)

    def market(self, side: OrderSide, quantity: object, account: str = "a", **more: Any) -> Order:
        wish = NewOrder(symbol=more.pop("symbol", BTC), side=side, kind=Kind.MARKET, quantity=d(quantity), **more)
        return self.exchange.place(account, wish, self.now)

    def algo(self, kind: Kind, side: OrderSide, account: str = "a", **more: Any) -> Algo:
        for name in ("quantity", "price", "trigger", "activation", "callback_rate"):
            if name in more:
                more[name] = d(more[name])
        return self.exchange.place_algo(account, NewAlgo(symbol=BTC, side=side, kind=kind, **more), self.now)

    def refused(self, wish: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
        with pytest.raises(ExchangeRejected) as caught:
            wish(*arguments, **more)
        return caught.value.code, caught.value.text

    def leg(self, account: str = "a", side: PositionSide = BOTH, symbol: str = BTC):
        return self.exchange.account(account).slot(symbol).leg(side)

    def wallet(self, account: str = "a") -> Decimal:
        return self.exchange.account(account).wallet

    def facts(self, kind: type[T]) -> list[T]:
        return of_kind(self.exchange.drain(), kind)


def of_kind(facts: Iterable[Fact], kind: type[T]) -> list[T]:
    return [fact for fact in facts if isinstance(fact, kind)]


GTX, IOC, FOK, GTD = TimeInForce.GTX, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD
