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
    """The newest `KEPT` bars, oldest first, and the two columns of them that are read at every close.

    `seen` counts all bars, `unbroken` the newest ones between which none is missing.
    """

    seen: int = 0
    unbroken: int = 0
    bars: list[Bar] = msgspec.field(default_factory=list[Bar])
    highs: list[float] = msgspec.field(default_factory=list[float])
    lows: list[float] = msgspec.field(default_factory=list[float])

    def append(self, bar: Bar, interval_ms: int) -> None:
        """Take the next bar and let go of the oldest."""
        bars, highs, lows = self.bars, self.highs, self.lows
        follows = bars and bar.open_ms - bars[-1].open_ms == interval_ms
        self.unbroken = self.unbroken + 1 if follows else 1
        self.seen += 1
        if len(bars) == KEPT:
            del bars[0], highs[0], lows[0]
        bars.append(bar)
        highs.append(bar.high)
        lows.append(bar.low)

    def closes(self, count: int, ago: int = 0) -> list[float]:
        """Give the closes of `count` bars, or of those that there are, up to the one `ago` bars back."""
        end = len(self.bars) - ago
        return [bar.close for bar in self.bars[max(0, end - count) : max(0, end)]]

    def share_of_mean(self, ago: int) -> float:
        """Give the amount of the bar `ago` bars back as a multiple of the mean of its 20 bars, itself included.

        0 where there are no 20 bars, or nothing was traded.
        """
        end = len(self.bars) - ago
        if end < 20:
            return 0.0
        total = sum([bar.amount for bar in self.bars[end - 20 : end]])
        return 20.0 * (self.bars[end - 1].amount / total) if 0.0 < total < math.inf else 0.0
