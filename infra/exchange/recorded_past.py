"""Candles from before a recording's minutes begin: those of its coarser files.

    4h  ────────────────────────────────────────────
    1h      ────────────────────────────────────────
    15m                 ────────────────────────
    1m                               begins ●───────     4h candles reach back as far as the 4h file, 1h as the 1h file

A candle is folded from the finest file that covers it whole. Going back from where the minutes begin the first candle
that no file covers ends the past: what clients are given has no hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from infra.exchange.bar import SPANS_MS, Bar, grouped, next_open, open_time, rows_of
from infra.market.bars import Bars, Counts, joined

_INTERVALS_KEPT = 16


class Stretch(NamedTuple):
    """Consecutive candles of one interval, the first of which opens at `first_ms`."""

    interval: str
    first_ms: int
    bars: Bars

    @property
    def end_ms(self) -> int:
        """When the last one closes."""
        return self.first_ms + self.bars.close.shape[1] * SPANS_MS[self.interval]


class _Candles(NamedTuple):
    opens: list[int]
    bars: Bars | None


class Past:
    """One contract's candles of any interval that open before `begins_ms`."""

    def __init__(self, stretches: Sequence[Stretch], begins_ms: int) -> None:
        """Take what was recorded, the finest first."""
        self._stretches = stretches
        self._begins_ms = begins_ms
        self._candles = lru_cache(_INTERVALS_KEPT)(self._folded)

    def since(self, interval: str) -> int | None:
        """Say when the first candle opened; None if there is none."""
        opens = self._candles(interval).opens
        return opens[0] if opens else None

    def between(self, interval: str, first_ms: int, end_ms: int, now_ms: int) -> list[Bar]:
        """Give the candles that open in [first, end) and are closed by now."""
        opens, bars = self._candles(interval)
        if bars is None:
            return []
        first, last = (int(place) for place in np.searchsorted(opens, (first_ms, end_ms)))
        while last > first and next_open(interval, opens[last - 1]) > now_ms:
            last -= 1
        return rows_of(cut(bars, first, last), 0, opens[first:last])

    def columns(self, interval: str, first_ms: int, end_ms: int) -> tuple[int, Bars] | None:
        """Give the same, closed or not, as columns, and when the first one opens; None if there are none."""
        opens, bars = self._candles(interval)
        first, last = (int(place) for place in np.searchsorted(opens, (first_ms, end_ms)))
        return None if bars is None or first == last else (opens[first], cut(bars, first, last))

    def _folded(self, interval: str) -> _Candles:
        until_ms = self._until_ms(interval)
        parts: list[Bars] = []
        opens: list[int] = []
        for one in self._stretches:
            starts = self._covered(one, interval, until_ms)
            if starts:
                span_ms = SPANS_MS[one.interval]
                first, end = ((at - one.first_ms) // span_ms for at in (starts[0], until_ms))
                places = [(at - one.first_ms) // span_ms - first for at in starts]
                parts.insert(0, grouped(cut(one.bars, first, end), places))
                opens[:0] = starts
                until_ms = starts[0]
        return _Candles(opens, joined(parts) if parts else None)

    def _until_ms(self, interval: str) -> int:
        """Say when the last candle ends: it may reach beyond the first minute if a file has the whole of it."""
        opened_ms = open_time(interval, self._begins_ms)
        if opened_ms == self._begins_ms:
            return opened_ms
        closes_ms = next_open(interval, opened_ms)
        return closes_ms if any(self._covered(one, interval, closes_ms) for one in self._stretches) else opened_ms

    def _covered(self, one: Stretch, interval: str, until_ms: int) -> list[int]:
        """Give the opens of the candles up to `until_ms` that a stretch covers; none unless it covers the last one."""
        if one.end_ms < until_ms or SPANS_MS[interval] % SPANS_MS[one.interval]:
            return []
        at = open_time(interval, one.first_ms)
        if at < one.first_ms:
            at = next_open(interval, at)
        opens: list[int] = []
        while at < until_ms:
            opens.append(at)
            at = next_open(interval, at)
        return opens


NO_PAST = Past((), 0)


def cut(bars: Bars, first: int, end: int) -> Bars:
    """Give the candles at the places [first, end)."""
    part = slice(first, end)
    traded = type(bars.traded)(*(getattr(bars.traded, name)[:, part] for name in bars.traded.__struct_fields__))
    return Bars(bars.open[:, part], bars.high[:, part], bars.low[:, part], bars.close[:, part], traded)


def laid_over(bars: Bars, place: int, over: Bars) -> Bars:
    """Give the candles with others in place of those from `place` on."""
    part = slice(place, place + over.close.shape[1])

    def column(under: Counts, upper: Counts) -> Counts:
        found = under.copy()
        found[:, part] = upper
        return found

    traded = (column(getattr(bars.traded, name), getattr(over.traded, name)) for name in bars.traded.__struct_fields__)
    return Bars(
        column(bars.open, over.open),
        column(bars.high, over.high),
        column(bars.low, over.low),
        column(bars.close, over.close),
        type(bars.traded)(*traded),
    )
