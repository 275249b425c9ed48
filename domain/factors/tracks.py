"""What factors remember from bar to bar: each track takes one closed bar at a time, in (almost) constant time.

They are plain structs of numbers: written into a checkpoint and read back, a track goes on to the last bit as if it
had never stopped. What they say about a bar never changes later: outliers and percentiles are judged by the past only.
"""

from __future__ import annotations

import math

import msgspec

from domain.factors.bars import Average, Bars, sign
from domain.factors.context import HOUR_MS
from domain.factors.series import History, interpolate_outliers, interquartile_fences, line, push

CAPACITY = 300
LAG = 6
FIT_BARS = 7
CHANGE_BARS = 6
OUTLIER_BARS_MIN = 20
SLOPES_MIN = 20
OI_CAPACITY = 200
OI_FIT_SAMPLES = 25
OI_MEDIAN_SAMPLES = 168
STALE_HOURS_MAX = 2
SWING_ATR = 0.40
PIVOTS = 6


class MomentumTrack(msgspec.Struct, gc=False):
    """The newest speeds (EMA 3 - EMA 5), and the sizes of all speeds and changes within the last 300 bars."""

    ema3: Average = msgspec.field(default_factory=lambda: Average(3))
    speeds: list[float] = msgspec.field(default_factory=list[float])
    speed_sizes: list[float] = msgspec.field(default_factory=list[float])
    change_sizes: list[float] = msgspec.field(default_factory=list[float])

    def add(self, bars: Bars) -> None:
        """Take the bar that `bars` has just taken."""
        speed = self.ema3.add(bars.close[-1]) - bars.ema5.level
        push(self.speeds, speed, LAG + 1)
        push(self.speed_sizes, abs(speed), CAPACITY)
        if len(self.speeds) > LAG:
            push(self.change_sizes, abs(speed - self.speeds[0]), CAPACITY)


class FlowTrack(msgspec.Struct, gc=False):
    """The newest deltas, and the sizes of slopes and 6-bar changes within the last 300 bars.

    A bar without taker volumes empties it: a sum with a hole is no sum.
    """

    deltas: list[float] = msgspec.field(default_factory=list[float])
    slope: float = 0.0
    r2: float = 0.0
    turnovers: History = msgspec.field(default_factory=lambda: History(CAPACITY))
    slope_sizes: list[float] = msgspec.field(default_factory=list[float])
    change_sizes: History = msgspec.field(default_factory=lambda: History(CAPACITY))

    def add(self, bars: Bars) -> None:
        """Take the bar that `bars` has just taken."""
        turnover, bought = bars.turnover[-1], bars.bought[-1]
        if math.isnan(bought):
            self._empty()
            return
        self.turnovers.add(turnover)
        if len(self.turnovers) >= OUTLIER_BARS_MIN:
            low, high = interquartile_fences(self.turnovers.ascending)
            if not low <= turnover <= high:
                bought *= 0.5
        push(self.deltas, bought, FIT_BARS)
        if len(self.deltas) < FIT_BARS:
            return
        self.slope, self.r2 = line(running_sum(self.deltas))
        push(self.slope_sizes, abs(self.slope), CAPACITY)
        self.change_sizes.add(abs(self.change))

    @property
    def change(self) -> float:
        """Change of the running sum over the last 6 bars, USDT."""
        return math.fsum(self.deltas[-CHANGE_BARS:])

    @property
    def ready(self) -> bool:
        """Whether there is enough of a past to compare with."""
        return len(self.slope_sizes) >= SLOPES_MIN

    @property
    def pace(self) -> float:
        """The slope in units of the usual slope, signed; 0 if nothing has ever been traded."""
        usual = sum(self.slope_sizes) / len(self.slope_sizes)
        return self.slope / usual if usual > 0.0 else 0.0

    def _empty(self) -> None:
        self.deltas.clear()
        self.slope_sizes.clear()
        self.slope = self.r2 = 0.0
        self.turnovers, self.change_sizes = History(CAPACITY), History(CAPACITY)


def running_sum(deltas: list[float]) -> list[float]:
    """Sum up from the first delta on; only differences of the result mean anything."""
    total, out = 0.0, list[float]()
    for delta in deltas:
        total += delta
        out.append(total)
    return out


class OpenInterestTrack(msgspec.Struct, gc=False):
    """Hourly notional open interest, USDT, and how much it grew a day, in percent, at each of the last 200 samples.

    `week` holds the samples of the last seven days, for their median.
    """

    last_ms: int = -1
    notional: list[float] = msgspec.field(default_factory=list[float])
    week: History = msgspec.field(default_factory=lambda: History(OI_MEDIAN_SAMPLES))
    growth: float = 0.0
    r2: float = 0.0
    growths: History = msgspec.field(default_factory=lambda: History(OI_CAPACITY))

    def add(self, hour_ms: int, notional: float) -> bool:
        """Take the sample of a full hour (UTC ms); false, and nothing changes, if it is not newer or not positive.

        A hole in the hours starts the series anew: a slope over it would be no slope a day.
        """
        if hour_ms <= self.last_ms or not 0.0 < notional < float("inf"):
            return False
        if self.last_ms >= 0 and hour_ms - self.last_ms > STALE_HOURS_MAX * HOUR_MS:
            self.notional.clear()
            self.week, self.growths = History(OI_MEDIAN_SAMPLES), History(OI_CAPACITY)
        self.last_ms = hour_ms
        push(self.notional, notional, OI_CAPACITY)
        self.week.add(notional)
        if len(self.notional) >= OI_FIT_SAMPLES:
            slope, self.r2 = line(interpolate_outliers(self.notional[-OI_FIT_SAMPLES:]))
            self.growth = 100.0 * slope * 24.0 / self.week.percentile(0.5)
            self.growths.add(self.growth)
        return True

    def aligned(self, bars: Bars) -> int | None:
        """By how many hours the newest sample is older than the newest bar's close; None if it can't be joined."""
        behind = (bars.last_open_ms + HOUR_MS - self.last_ms) // HOUR_MS
        return behind if 0 <= behind <= STALE_HOURS_MAX else None


class Swings(msgspec.Struct, gc=False):
    """A zig-zag over highs and lows of ln(price) that turns at `reversal` ATR of the bar that turns it.

    `pivots` are the last 6 confirmed turning points as (bar number, ln price), alternating; `turn` is +1 while the
    running leg rises, -1 while it falls, 0 before the first; `extreme` is the running leg's end so far. A bar that
    extends the leg never turns it as well.
    """

    reversal: float = SWING_ATR
    turn: int = 0
    extreme: tuple[int, float] = (0, 0.0)
    pivots: list[tuple[int, float]] = msgspec.field(default_factory=list[tuple[int, float]])

    def add(self, bars: Bars, opened: float) -> None:
        """Take the bar that `bars` has just taken; `opened` is ln of its open."""
        at, high, low = bars.seen, bars.high[-1], bars.low[-1]
        if self.turn == 0:
            self.turn = int(sign(bars.close[-1] - opened))
            self.extreme = (at, high if self.turn > 0 else low)
            return
        ahead, behind = (high, low) if self.turn > 0 else (low, high)
        if (ahead - self.extreme[1]) * self.turn >= 0.0:
            self.extreme = (at, ahead)
        elif bars.atr > 0.0 and (self.extreme[1] - behind) * self.turn >= self.reversal * bars.atr:
            self.pivots.append(self.extreme)
            del self.pivots[:-PIVOTS]
            self.turn, self.extreme = -self.turn, (at, behind)
