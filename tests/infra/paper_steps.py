"""The steps that tests of the in-process venue are written in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from domain.base import Input, stream_of
from domain.config import VenueConfig
from domain.instrument import Instrument
from domain.market import Candle, MarketTick, Quote
from domain.values import ZERO, OrderSide
from domain.venue import (
    OrderType,
    PlaceOrder,
    VenueFilled,
)
from infra.paper import PaperVenue

MINUTE = 60_000
FREE = VenueConfig(taker_fee_bps=ZERO, slippage_bps=ZERO, liquidation_fee_bps=ZERO, latency_ms=50)
BTC = Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), maintenance_rate=ZERO)
ETH = Instrument("ETHUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), maintenance_rate=ZERO)
KEY = "position:main/BTCUSDT-1"
STOP, TARGET, MARKET = OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET, OrderType.MARKET

Kernel = Callable[[int, Input], None]


def venue(rates: VenueConfig = FREE, wallet: int = 100_000) -> PaperVenue:
    paper = PaperVenue(rates, {"main": Decimal(wallet), "virtual": None})
    paper.set_instrument(BTC)
    paper.set_instrument(ETH)
    return paper


def order(number: int, side: OrderSide, kind: OrderType = MARKET, key: str = KEY, **more: Any) -> PlaceOrder:
    account, _, rest = key.removeprefix("position:").partition("/")
    symbol = rest.partition("-")[0]
    return PlaceOrder(account, f"{key}@{number}", symbol, side, kind, Decimal(1), **{"leverage": 5, **more})


def candle(opened: float, high: float, low: float, closed: float, minute: int = 0) -> Candle:
    return Candle(minute * MINUTE, float(opened), float(high), float(low), float(closed), 1.0)


def tick(mark: float, symbol: str = "BTCUSDT", spread: float = 1.0) -> MarketTick:
    return MarketTick(0, (Quote(symbol, mark, mark - spread, mark + spread),))


def taken(paper: PaperVenue, until_ms: int = 10**15) -> list[tuple[int, Input]]:
    found = []
    while (due := paper.pop_due(until_ms)) is not None:
        found.append(due)
    return found


class Trader:
    """A kernel in small: after the entry has filled it places a stop and a target, as a position does."""

    def __init__(self, paper: PaperVenue, stop: int, target: int) -> None:
        self.paper, self.stop, self.target = paper, stop, target
        self.seen: list[tuple[int, Input]] = []

    def __call__(self, due_ms: int, answer: Input) -> None:
        self.seen.append((due_ms, answer))
        if isinstance(answer, VenueFilled) and answer.order_id.endswith("@2"):
            key = stream_of(answer.order_id)
            side = self.paper.desk("main").slots[key].side.exit
            for number, kind, trigger in ((5, STOP, self.stop), (6, TARGET, self.target)):
                self.paper.execute(
                    order(number, side, kind, key, trigger=Decimal(trigger), close_position=True), due_ms
                )

    def fills(self) -> list[tuple[str, Decimal, int]]:
        return [(a.order_id.rpartition("@")[2], a.price, a.time_ms) for _, a in self.seen if isinstance(a, VenueFilled)]


def walk(paper: PaperVenue, *candles: Candle, symbol: str = "BTCUSDT", kernel: Kernel | None = None) -> list[Input]:
    answers = []
    for each in candles:
        if paper.active(symbol):
            for now_ms in paper.walk(symbol, each, MINUTE):
                for due_ms, answer in taken(paper, now_ms):
                    answers.append(answer)
                    if kernel:
                        kernel(due_ms, answer)
    return answers
