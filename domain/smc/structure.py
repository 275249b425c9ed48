"""The structure of one frame, one closed candle at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from domain.indicators import ADX, ATR, EMA
from domain.market import Candle
from domain.smc.bars import LOG_NOISE, Bar, Tail, bar_of
from domain.smc.blocks import Blocks, Retested
from domain.smc.gaps import Gaps
from domain.smc.liquidity import Reversal, Zone, grab_of, is_institutional, zones_of
from domain.smc.swings import LOOK_BACK, Break, Swing, Swings, closes_trend

MIN_BARS = 10
"""Fewer bars than this say nothing about structure."""


class Averages(msgspec.Struct, array_like=True):
    """EMA 20 and 50, ATR 14 and ADX 14 of ln(price); None while warming up."""

    short: EMA = msgspec.field(default_factory=lambda: EMA(20))
    long: EMA = msgspec.field(default_factory=lambda: EMA(50))
    true_range: ATR = msgspec.field(default_factory=ATR)
    direction: ADX = msgspec.field(default_factory=ADX)

    def update(self, bar: Bar) -> None:
        """Take the newest bar."""
        self.short.update_close(bar.close)
        self.long.update_close(bar.close)
        self.true_range.update_hlc(bar.high, bar.low, bar.close)
        self.direction.update_hlc(bar.high, bar.low, bar.close)


class Structure(msgspec.Struct, array_like=True):
    """What one frame's closed candles say about structure, all of it as of the newest close, in ln(price).

    A plain struct: `msgspec` writes it into a checkpoint and reads it back to the last bit. It holds what needs the
    whole past; what the newest bars alone tell is a property, computed where it is asked for: most closes are never
    asked. `broke` is the break that *this* bar made.
    """

    interval_ms: int
    tail: Tail = msgspec.field(default_factory=Tail)
    averages: Averages = msgspec.field(default_factory=Averages)
    swings: Swings = msgspec.field(default_factory=Swings)
    blocks: Blocks = msgspec.field(default_factory=Blocks)
    retested: Retested = msgspec.field(default_factory=Retested)
    gaps: Gaps = msgspec.field(default_factory=Gaps)
    reversal: Reversal = msgspec.field(default_factory=Reversal)
    broke: Break | None = None

    @classmethod
    def of(cls, interval_ms: int, candles: Iterable[Candle]) -> Structure:
        """Give the structure of a whole series: the same, to the last bit, as candle by candle."""
        structure = cls(interval_ms)
        for candle in candles:
            structure.update(candle)
        return structure

    def update(self, candle: Candle) -> None:
        """Take the next closed candle of the frame. It must be sound (`Candle.defect`) and newer than the last."""
        self.update_bar(bar_of(candle))

    def update_bar(self, bar: Bar) -> None:
        """Take the next closed candle as ln(price)."""
        tail, interval_ms = self.tail, self.interval_ms
        tail.append(bar, interval_ms)
        self.averages.update(bar)
        self.broke = self.swings.update(tail)
        self.blocks.update(tail, bar.open_ms + interval_ms)
        self.retested.update(tail)
        self.gaps.update(tail)
        self.reversal.update(bar.close)

    def describe(self) -> dict[str, object]:
        """Say what is held, in JSON types; levels are prices again."""
        exp, broke, (grabbed, grab_side) = math.exp, self.swings.last_break, self.grab
        signs = self.reversal.signs(self.tail)
        return {
            "code": self.code,
            "trend": self.trend,
            "closes_trend": self.closes_trend,
            "swing_highs": _prices(self.swings.highs),
            "swing_lows": _prices(self.swings.lows),
            "last_break": None
            if broke is None
            else {"kind": broke.kind, "side": broke.side, "level": exp(broke.level), "open_ms": broke.open_ms},
            "order_blocks": [
                {"side": b.side, "low": exp(b.low), "high": exp(b.high), "quality": b.quality, "tests": b.tests,
                 "decay": b.decay(self.closed_ms)} for b in self.blocks.held
            ],
            "gaps": [
                {"side": g.side, "low": exp(g.low), "high": exp(g.high), "fill": g.fill} for g in self.gaps.held
            ],
            "zones": [{"side": z.side, "level": exp(z.level), "strength": z.strength} for z in self.zones],
            "grab": grab_side if grabbed else None,
            "reversal_against_long": signs.against(1),
            "reversal_against_short": signs.against(-1),
        }  # fmt: skip

    @property
    def ready(self) -> bool:
        """Whether there are bars enough to say anything."""
        return self.tail.seen >= MIN_BARS

    @property
    def code(self) -> int:
        """The structure code: +1 rising, -1 falling swings, 0 neither or unknown."""
        return self.swings.code

    @property
    def trend(self) -> int | None:
        """+1 where close > EMA 20 > EMA 50, -1 mirrored, 0 neither, None while warming up."""
        return _trend(self.tail.bars[-1].close, self.averages) if self.tail.bars else None

    @property
    def closes_trend(self) -> int:
        """+1 where the extremes of the last ten closes are above those of the ten before, -1 below, else 0."""
        return closes_trend(self.tail.closes(2 * LOOK_BACK))

    @property
    def grab(self) -> tuple[bool, int]:
        """Whether the newest bar grabbed liquidity, and the side: 0 if it did so above and below."""
        return grab_of(self.tail, self.swings, self.averages.true_range.value)

    @property
    def institutional(self) -> bool:
        """Whether the newest bar is the candle of somebody large."""
        return is_institutional(self.tail)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Where highs or lows of the last 20 bars lie together."""
        return zones_of(self.tail)

    @property
    def close(self) -> float | None:
        """The newest close, ln(price), None before the first."""
        return self.tail.bars[-1].close if self.tail.bars else None

    @property
    def closed_ms(self) -> int:
        """Close time (UTC ms) of the newest bar, 0 before the first."""
        return self.tail.bars[-1].open_ms + self.interval_ms if self.tail.bars else 0

    @property
    def atr(self) -> float | None:
        """Average true range in ln(price); None while warming up, and where it is no more than rounding."""
        value = self.averages.true_range.value
        return value if value is not None and value > LOG_NOISE else None

    @property
    def adx(self) -> float | None:
        """Average directional index of ln(price), 0 … 100."""
        return self.averages.direction.value


def _prices(swings: list[Swing]) -> list[float]:
    return [math.exp(swing.level) for swing in swings]


def _trend(close: float, averages: Averages) -> int | None:
    short, long = averages.short.value, averages.long.value
    if short is None or long is None:
        return None
    if close - short > LOG_NOISE and short - long > LOG_NOISE:
        return 1
    return -1 if short - close > LOG_NOISE and long - short > LOG_NOISE else 0
