"""Candles that were computed once and are likely to be asked for again: a stretch a contract, as long as it has grown.

Who starts asks for the same past several times, in candles of different lengths. A stretch grows at both ends, and by
whole `grain`s at its newer one: candles that close a little later are asked for next.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from infra.market.activity import Traded
from infra.market.bars import Bars, joined


class _Stretch(msgspec.Struct, frozen=True):
    first: int
    end: int
    bars: Bars


class KeptBars:
    """`compute(row, first, end)` gives candles of a contract; `most` are kept in all, those asked for last."""

    def __init__(self, compute: Callable[[int, int, int], Bars], grain: int, most: int) -> None:
        self._compute = compute
        self._grain = grain
        self._most = most
        self._held: OrderedDict[int, _Stretch] = OrderedDict()
        self._count = 0

    def between(self, row: int, first: int, end: int) -> Bars:
        """Give the candles [first, end) of a contract."""
        held = self._held.pop(row, None)
        if held is not None:
            self._count -= held.end - held.first
        stretch = self._covering(row, first, end, held)
        self._keep(row, stretch)
        return part_of(stretch.bars, slice(None), slice(first - stretch.first, end - stretch.first))

    def _covering(self, row: int, first: int, end: int, held: _Stretch | None) -> _Stretch:
        if held is None or first > held.end or end < held.first:
            until = self._beyond(end)
            return _Stretch(first, until, self._compute(row, first, until))
        parts = [held.bars]
        if first < held.first:
            parts.insert(0, self._compute(row, first, held.first))
        until = held.end if end <= held.end else self._beyond(end)
        if until > held.end:
            parts.append(self._compute(row, held.end, until))
        return _Stretch(min(first, held.first), until, joined(parts)) if len(parts) > 1 else held

    def _beyond(self, end: int) -> int:
        return (end // self._grain + 1) * self._grain

    def _keep(self, row: int, stretch: _Stretch) -> None:
        length = stretch.end - stretch.first
        if length > self._most:
            return  # nobody else's candles are forgotten for the sake of these
        self._held[row] = stretch
        self._count += length
        while self._count > self._most:
            _, oldest = self._held.popitem(last=False)
            self._count -= oldest.end - oldest.first


def part_of(bars: Bars, rows: slice, part: slice) -> Bars:
    """Give some contracts and candles of what is kept, without a copy."""
    traded = Traded(*(getattr(bars.traded, name)[rows, part] for name in Traded.__struct_fields__))
    return Bars(bars.open[rows, part], bars.high[rows, part], bars.low[rows, part], bars.close[rows, part], traded)
