"""Closed candles in log space: the bars that structure is read from."""

from __future__ import annotations

import math

import msgspec

from domain.market import Candle

KEPT = 24
"""How many bars stay at hand: the widest look back is 3 bars of a trap behind a 20-bar extreme."""

LOG_NOISE = 1e-9
"""Differences of ln(price) below this are rounding: a hundred-thousandth of a basis point."""


class Bar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One closed candle as ln(price): a mirrored market is the same bars negated, a dearer one the same bars shifted.

    `amount` is what was traded, in USDT: it stays what it is when prices are mirrored or quoted in another unit.
    """

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    amount: float

    @property
    def body(self) -> float:
        """Share of the range between open and close, 0 … 1; 0 for a bar without range."""
        reach = self.high - self.low
        return abs(self.close - self.open) / reach if reach > 0.0 else 0.0

    @property
    def side(self) -> int:
        """+1 for a rising, -1 for a falling bar, 0 for one that closed where it opened."""
        return (self.close > self.open) - (self.close < self.open)


def bar_of(candle: Candle) -> Bar:
    """Take a candle to log space. Where its volume in USDT is unknown, base volume at the close stands for it."""
    log, quote = math.log, candle.quote_volume
    amount = quote if quote is not None and 0.0 <= quote < math.inf else candle.volume * candle.close
    return Bar(
        candle.open_time_ms, log(candle.open), log(candle.high), log(candle.low), log(candle.close), amount
    )  # fmt: skip


class Tail(msgspec.Struct, array_like=True):
    """The newest `KEPT` bars, oldest first, and the columns that are read at every close. `seen` counts all bars."""

    seen: int = 0
    bars: list[Bar] = msgspec.field(default_factory=list[Bar])
    highs: list[float] = msgspec.field(default_factory=list[float])
    lows: list[float] = msgspec.field(default_factory=list[float])
    closes: list[float] = msgspec.field(default_factory=list[float])
    amounts: list[float] = msgspec.field(default_factory=list[float])

    def append(self, bar: Bar) -> None:
        """Take the next bar and let go of the oldest."""
        self.seen += 1
        self.bars.append(bar)
        self.highs.append(bar.high)
        self.lows.append(bar.low)
        self.closes.append(bar.close)
        self.amounts.append(bar.amount)
        if len(self.bars) > KEPT:
            for column in (self.bars, self.highs, self.lows, self.closes, self.amounts):
                del column[0]

    def unbroken(self, count: int, interval_ms: int) -> bool:
        """Say whether the newest `count` bars are there and none is missing between them."""
        bars = self.bars
        return len(bars) >= count and bars[-1].open_ms - bars[-count].open_ms == (count - 1) * interval_ms

    def share_of_mean(self, ago: int) -> float:
        """Give the amount of the bar `ago` bars back as a multiple of the mean of its 20 bars, itself included.

        0 where there are no 20 bars, or nothing was traded.
        """
        end = len(self.amounts) - ago
        if end < 20:
            return 0.0
        total = sum(self.amounts[end - 20 : end])
        return 20.0 * (self.amounts[end - 1] / total) if 0.0 < total < math.inf else 0.0
