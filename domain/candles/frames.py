"""All intervals of one symbol: their windows and their indicators, built up from one stream of base candles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import msgspec

from domain.candles.builder import FrameBuilder
from domain.candles.window import Window
from domain.errors import InvalidInput
from domain.indicators import IndicatorSet
from domain.market import INTERVALS_MS, Candle

CAPACITIES = {"1m": 300, "5m": 300, "15m": 300, "1h": 300, "4h": 200, "1d": 100}


class Frame:
    """One interval of one symbol: the window over its closed candles, and the indicators of these candles."""

    __slots__ = ("_indicators", "interval", "window")

    def __init__(self, interval: str, window: Window, indicators: IndicatorSet | None) -> None:
        self.interval = interval
        self.window = window
        self._indicators = indicators

    @property
    def indicators(self) -> IndicatorSet:
        """The indicators as of the last closed candle. Raises `InvalidInput` if this frame was made without."""
        if self._indicators is None:
            expected = "an interval whose frame was made with indicators"
            raise InvalidInput("indicators", expected, self.interval, "Name it where the frames are made.")
        return self._indicators

    def emptied(self) -> Frame:
        """Give the same frame as it was before its first candle."""
        indicators = None if self._indicators is None else IndicatorSet()
        return Frame(self.interval, Window(self.window.capacity), indicators)

    def close(self, candle: Candle) -> bool:
        """Take a closed candle of this interval; false, and nothing changes, if it is not newer than the last one."""
        if not self.window.append(candle):
            return False
        if self._indicators is not None:
            self._indicators.update(candle)
        return True

    def carry(self, *, indicators: bool) -> None:
        """Begin to keep indicators, those of the held candles first, or let them go."""
        if not indicators:
            self._indicators = None
        elif self._indicators is None:
            self._indicators = IndicatorSet()
            for candle in self.window:
                self._indicators.update(candle)

    def describe(self) -> dict[str, object]:
        """Say what is held, in JSON types: how many candles, the last one's open time and close, the indicators."""
        held = self.window
        close = float(held.close[-1]) if len(held) else None
        known = None if self._indicators is None else self._indicators.describe()
        return {"candles": len(held), "last_open_ms": held.last_open_ms, "close": close, "indicators": known}

    def put_before(self, history: Sequence[Candle]) -> None:
        """Put older candles before the held ones, and compute the indicators anew over all of them."""
        held = tuple(self.window)
        if held:
            self.window = Window(self.window.capacity)
            if self._indicators is not None:
                self._indicators = IndicatorSet()
        for candle in (*history, *held):
            self.close(candle)

    def freeze(self) -> FrozenFrame:
        """Give the state as a value."""
        return FrozenFrame(self.interval, self.window.freeze(), self._indicators)


class FrozenFrame(msgspec.Struct, array_like=True):
    """One frame in a checkpoint."""

    interval: str
    window: bytes
    indicators: IndicatorSet | None

    def thaw(self) -> Frame:
        """Give the frame back."""
        return Frame(self.interval, Window.thaw(self.window), self.indicators)


class Frozen(msgspec.Struct, array_like=True):
    """All frames of one symbol in a checkpoint, ascending, and the builder of each but the first."""

    frames: list[FrozenFrame]
    builders: list[FrameBuilder]
    last: Candle | None


class Frames:
    """All intervals of one symbol from the base interval upward.

    Each is built from the next smaller one. So an open bucket consists of closed candles of the smaller frames, and
    the history of these frames seeds it. `last` is the newest base candle, with everything that stood beside it;
    `newest` are the candles of the intervals that the last push closed, in the same order.
    """

    __slots__ = ("_base_ms", "_builders", "_closed", "_frames", "_names", "last", "newest")

    def __init__(self, base_interval: str = "1m", indicator_intervals: Collection[str] | None = None) -> None:
        """Make empty frames. Those of `indicator_intervals` carry indicators: all but 1m if not told."""
        if base_interval not in INTERVALS_MS:
            raise InvalidInput("base interval", f"one of {', '.join(INTERVALS_MS)}", base_interval)
        self.last: Candle | None = None
        self.newest: tuple[Candle, ...] = ()
        self._base_ms = INTERVALS_MS[base_interval]
        self._names = tuple(name for name, ms in INTERVALS_MS.items() if ms >= self._base_ms)
        chosen = [name for name in self._names if name != "1m"] if indicator_intervals is None else indicator_intervals
        self._frames = tuple(
            Frame(name, Window(CAPACITIES[name]), IndicatorSet() if name in chosen else None) for name in self._names
        )
        self._closed = tuple(self._names[:count] for count in range(len(self._names) + 1))
        self._builders = tuple(
            FrameBuilder(INTERVALS_MS[larger], INTERVALS_MS[smaller]) for smaller, larger in pairwise(self._names)
        )

    @property
    def intervals(self) -> tuple[str, ...]:
        """The intervals that exist here, the base first, ascending."""
        return self._names

    @property
    def base_ms(self) -> int:
        """Length of the base interval in ms."""
        return self._base_ms

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest base candle, None before the first."""
        return None if self.last is None else self.last.open_time_ms

    @property
    def held(self) -> int:
        """How many candles all frames hold together."""
        return sum(len(frame.window) for frame in self._frames)

    @property
    def skipped(self) -> dict[str, int]:
        """How many buckets of each interval above the base were never given, because a part was missing."""
        return {name: builder.skipped for name, builder in zip(self._names[1:], self._builders, strict=True)}

    def frame(self, interval: str) -> Frame:
        """Give one interval's frame. Raises `InvalidInput` if there is no such frame here."""
        for frame in self._frames:
            if frame.interval == interval:
                return frame
        raise InvalidInput("frame", f"one of {', '.join(self._names)}", interval)

    def push(self, candle: Candle) -> tuple[str, ...]:
        """Take the next closed base candle; give the intervals that closed with it, the base first, ascending.

        Nothing is given, and nothing changes, if the candle is not newer than the last one or does not open on a
        multiple of the base interval. A closed candle is final: a later one of the same open time never replaces it,
        because higher candles and indicators rest on the first.
        """
        frames = self._frames
        frames = self._frames
        if candle.open_time_ms % self._base_ms or not frames[0].close(candle):
            self.newest = ()
            return ()
        self.last = larger = candle
        newest = (candle,)
        for builder in self._builders:
            larger = builder.add(larger)
            if larger is None or not frames[len(newest)].close(larger):
                break
            newest = (*newest, larger)
        self.newest = newest
        return self._closed[len(newest)]

    def objection(self, interval: str, candles: Sequence[Candle]) -> str | None:
        """Name what keeps these candles from being loaded as history of `interval`, None if nothing does.

        They must be contiguous, begin before what is held, and reach up to it.
        """
        if interval not in self._names:
            return "UNKNOWN_INTERVAL"
        if not candles:
            return "EMPTY"
        step_ms, first_ms = INTERVALS_MS[interval], self.frame(interval).window.first_open_ms
        opens = [candle.open_time_ms for candle in candles]
        if opens[0] % step_ms:
            return "OFF_GRID"
        if opens != [*range(opens[0], opens[0] + len(opens) * step_ms, step_ms)]:
            return "NOT_CONTIGUOUS"
        if first_ms is None:
            return None
        if opens[0] >= first_ms:
            return "NOT_OLDER"
        return "GAP_TO_HELD" if opens[-1] + step_ms < first_ms else None

    def load(self, interval: str, candles: Sequence[Candle]) -> str | None:
        """Put closed candles from before what is held in front of it; give the objection, None if it is done.

        Where they overlap, what is held stays. The indicators of the interval are computed anew, and the open bucket
        of the next larger interval is seeded. Histories of several intervals must be of one moment: a larger bucket
        that closed between two of them is missing for good.
        """
        objection = self.objection(interval, candles)
        if objection is not None:
            return objection
        level, frame = self._names.index(interval), self.frame(interval)
        first_ms = frame.window.first_open_ms
        older = [candle for candle in candles if first_ms is None or candle.open_time_ms < first_ms]
        frame.put_before(older)
        if level < len(self._builders):
            self._builders[level].seed(older)
        if level == 0 and self.last is None:
            self.last = older[-1]
        return None

    def carry(self, intervals: Collection[str]) -> None:
        """Keep the indicators of these intervals, and of no others, from now on."""
        for frame in self._frames:
            frame.carry(indicators=frame.interval in intervals)

    def emptied(self) -> Frames:
        """Give the same frames as they were before their first candle."""
        frames = Frames(self._names[0])
        frames._frames = tuple(frame.emptied() for frame in self._frames)
        return frames

    def describe(self) -> dict[str, dict[str, object]]:
        """Say what each frame holds, in JSON types."""
        return {frame.interval: frame.describe() for frame in self._frames}

    def freeze(self) -> bytes:
        """Give the whole state as canonical bytes."""
        held = [frame.freeze() for frame in self._frames]
        return msgspec.msgpack.encode(Frozen(held, list(self._builders), self.last))

    @classmethod
    def thaw(cls, data: bytes) -> Frames:
        """Give back the frames that `freeze` wrote; they go on exactly as the originals would."""
        frozen = msgspec.msgpack.decode(data, type=Frozen)
        frames = cls(frozen.frames[0].interval)
        frames._frames = tuple(frame.thaw() for frame in frozen.frames)
        frames._builders = tuple(frozen.builders)
        frames.last = frozen.last
        return frames
