"""The closed bars of one interval as factors see them: ln(price), turnover in USDT, and who took it.

Why turnover and not volume: k times the price at a k-th of the base volume is the same market, and so is its mirror.
The taker's share is taken from quote volumes where both are known, else from base volumes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from domain.factors.series import push
from domain.indicators import ATR
from domain.market import Candle


@dataclass(slots=True)
class Average:
    """Exponential average with weight 2/(n+1) that starts at its first number, as the older system's did."""

    n: int
    level: float = 0.0
    seen: int = 0

    def add(self, x: float) -> float:
        """Take a number and give the average."""
        self.level = x if self.seen == 0 else self.level + (x - self.level) * (2.0 / (self.n + 1))
        self.seen += 1
        return self.level


class Bars(msgspec.Struct, gc=False):
    """The newest `capacity` bars of one interval, oldest first, and the averages over all bars ever seen.

    `bought` is the net taker flow of a bar in USDT (bought minus sold), nan where unknown; `estimated` counts the
    newest bars in a row whose turnover was taken as volume times close, because the source lacks it. `atr` is Wilder's
    over 14 bars of ln(price). `order` holds the signs of EMA 5 - EMA 20 of the last 6 bars,
    `above10` those of close - EMA 10 of the last 8.
    """

    capacity: int
    last_open_ms: int = -1
    seen: int = 0
    estimated: int = 0
    close: list[float] = msgspec.field(default_factory=list[float])
    high: list[float] = msgspec.field(default_factory=list[float])
    low: list[float] = msgspec.field(default_factory=list[float])
    turnover: list[float] = msgspec.field(default_factory=list[float])
    bought: list[float] = msgspec.field(default_factory=list[float])
    order: list[float] = msgspec.field(default_factory=list[float])
    above10: list[float] = msgspec.field(default_factory=list[float])
    true_range: ATR = msgspec.field(default_factory=lambda: ATR(14))
    ema5: Average = msgspec.field(default_factory=lambda: Average(5))
    ema10: Average = msgspec.field(default_factory=lambda: Average(10))
    ema20: Average = msgspec.field(default_factory=lambda: Average(20))
    ema30: Average = msgspec.field(default_factory=lambda: Average(30))

    def add(self, candle: Candle) -> bool:
        """Take a closed candle; false, and nothing changes, if it is not newer than the last one."""
        if candle.open_time_ms <= self.last_open_ms:
            return False
        self.last_open_ms = candle.open_time_ms
        self.seen += 1
        high, low, close = math.log(candle.high), math.log(candle.low), math.log(candle.close)
        turnover, known = turnover_of(candle)
        self.estimated = 0 if known else self.estimated + 1
        if len(self.close) == self.capacity:
            for column in (self.close, self.high, self.low, self.turnover, self.bought):
                del column[0]
        self.close.append(close)
        self.high.append(high)
        self.low.append(low)
        self.turnover.append(turnover)
        self.bought.append(bought_of(candle, turnover))
        self.true_range.update_hlc(high, low, close)
        push(self.order, sign(self.ema5.add(close) - self.ema20.add(close)), 6)
        push(self.above10, sign(close - self.ema10.add(close)), 8)
        self.ema30.add(close)
        return True

    @property
    def atr(self) -> float:
        """Average true range of ln(price), a fraction; 0 while warming up and on flat prices."""
        return self.true_range.value or 0.0


def turnover_of(candle: Candle) -> tuple[float, bool]:
    """Give a candle's turnover in USDT, and whether the source knew it; else it is volume times close."""
    quote = candle.quote_volume
    return (candle.volume * candle.close, False) if quote is None else (quote, True)


def bought_of(candle: Candle, turnover: float) -> float:
    """Give what takers bought minus what they sold, USDT; nan if the source does not say who took."""
    quote, taker_quote, taker = candle.quote_volume, candle.taker_buy_quote_volume, candle.taker_buy_volume
    if taker_quote is not None and quote is not None:
        return 2.0 * taker_quote - quote
    if taker is None:
        return math.nan
    return turnover * (2.0 * taker / candle.volume - 1.0) if candle.volume > 0.0 else 0.0


def sign(x: float) -> float:
    """-1, 0 or 1. Differences that rounding alone can make count as none."""
    return 0.0 if abs(x) < 1e-12 else math.copysign(1.0, x)
