"""A window over the newest closed candles of one interval, as numpy columns."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import isnan, nan
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.market import Candle

Column: TypeAlias = NDArray[np.float64]
Upserted: TypeAlias = Literal["APPENDED", "REPLACED", "REFUSED"]

_ROW = struct.Struct("=8d")
_HEAD = struct.Struct("<I")
_ROW_BYTES = _ROW.size
_pack_row = _ROW.pack_into


class Window:
    """The newest `capacity` closed candles, oldest first, keyed by open time.

    Of a candle it keeps open time, OHLC, volume, quote volume and taker-buy volume; nan stands for what is unknown. The
    columns are views into the storage, read-only and without a copy: they show the content until the next `upsert`.

    One row holds one candle, in a block with room to spare: an append is one packed write, and only when the block is
    full do the newest rows move to its front. Two windows are equal if they hold the same, wherever it lies.
    """

    __slots__ = ("_block", "_end", "_last_ms", "_room", "_rows", "_start", "capacity")

    def __init__(self, capacity: int) -> None:
        block = np.zeros((capacity + capacity // 4 + 1, 8))
        self._block = block.data.cast("B")
        self._rows: Column = block.view()
        self._rows.flags.writeable = False
        self._room = len(block)
        self._start = 0
        self._end = 0
        self._last_ms = -1
        self.capacity = capacity

    def upsert(self, candle: Candle) -> Upserted:
        """Append a newer candle, or replace the last one of the same open time. An older one is refused."""
        if self.append(candle):
            return "APPENDED"
        if candle.open_time_ms != self._last_ms:
            return "REFUSED"
        self._end, self._last_ms = self._end - 1, -1
        self.append(candle)
        return "REPLACED"

    def append(self, candle: Candle) -> bool:
        """Append a candle that is newer than all; false, and nothing changes, if it is not."""
        open_time_ms, end = candle.open_time_ms, self._end
        if open_time_ms <= self._last_ms:
            return False
        if end == self._room:
            self._move_to_front()
            end = self._end
        quote, taker = candle.quote_volume, candle.taker_buy_volume
        _pack_row(
            self._block,
            end * _ROW_BYTES,
            open_time_ms,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            nan if quote is None else quote,
            nan if taker is None else taker,
        )
        self._end = end = end + 1
        if end - self._start > self.capacity:
            self._start += 1
        self._last_ms = open_time_ms
        return True

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[Candle]:
        """Give what is kept of each candle, oldest first."""
        return map(_candle, self._rows[self._start : self._end].tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and self.freeze() == other.freeze()

    __hash__ = None  # pyright: ignore[reportAssignmentType]  a window changes

    def __repr__(self) -> str:
        return f"Window({len(self)} of {self.capacity}, last open time {self._last_ms})"

    @property
    def first_open_ms(self) -> int | None:
        """Open time of the oldest candle, None if empty."""
        return int(self._rows[self._start, 0]) if len(self) else None

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest candle, None if empty."""
        return self._last_ms if len(self) else None

    @property
    def last(self) -> Candle | None:
        """What is kept of the newest candle, None if empty."""
        return _candle(self._rows[self._end - 1].tolist()) if len(self) else None

    @property
    def open_time_ms(self) -> Column:
        """Open times, UTC ms (exact: below 2⁵³)."""
        return self._rows[self._start : self._end, 0]

    @property
    def open(self) -> Column:
        """Opening prices."""
        return self._rows[self._start : self._end, 1]

    @property
    def high(self) -> Column:
        """Highest prices."""
        return self._rows[self._start : self._end, 2]

    @property
    def low(self) -> Column:
        """Lowest prices."""
        return self._rows[self._start : self._end, 3]

    @property
    def close(self) -> Column:
        """Closing prices."""
        return self._rows[self._start : self._end, 4]

    @property
    def volume(self) -> Column:
        """Volumes in the base asset."""
        return self._rows[self._start : self._end, 5]

    @property
    def quote_volume(self) -> Column:
        """Volumes in USDT, nan where unknown."""
        return self._rows[self._start : self._end, 6]

    @property
    def taker_buy_volume(self) -> Column:
        """Taker-buy volumes in the base asset, nan where unknown."""
        return self._rows[self._start : self._end, 7]

    def freeze(self) -> bytes:
        """Give the content as bytes: the same for equal windows."""
        return _HEAD.pack(self.capacity) + self._rows[self._start : self._end].tobytes()

    @classmethod
    def thaw(cls, data: bytes) -> Window:
        """Give back the window that `freeze` wrote, to the last bit."""
        window = cls(*_HEAD.unpack_from(data))
        content = data[_HEAD.size :]
        window._block[: len(content)] = content
        window._end = len(content) // _ROW_BYTES
        if window._end:
            window._last_ms = int(window._rows[window._end - 1, 0])
        return window

    def _move_to_front(self) -> None:
        kept = self._block[self._start * _ROW_BYTES : self._end * _ROW_BYTES]
        self._block[: len(kept)] = kept
        self._end -= self._start
        self._start = 0


def _candle(row: list[float]) -> Candle:
    open_time_ms, opened, high, low, close, volume, quote, taker = row
    return Candle(
        int(open_time_ms),
        opened,
        high,
        low,
        close,
        volume,
        quote_volume=None if isnan(quote) else quote,
        taker_buy_volume=None if isnan(taker) else taker,
    )
