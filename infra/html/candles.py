"""The candles behind trades, read from the journal once and joined into wider ones until they fit into a chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from actors.ports import Reader
from domain.catalog import name_of
from domain.market import MINUTE_MS, Candle
from domain.symbol.events import CandleClosed
from infra import moments

CANDLES_MAX: Final = 1_500
WIDTHS_MS: Final = tuple(MINUTE_MS * minutes for minutes in (1, 5, 15, 30, 60, 120, 240, 480, 1_440, 10_080, 40_320))
"""1m, 5m, 15m, 30m, 1h, 2h, 4h, 8h, 1d, 1w and 4w: each divides the next one."""


class Window(msgspec.Struct, frozen=True):
    """A stretch of market time, both ends included (UTC ms)."""

    first_ms: int
    last_ms: int


class Bar(msgspec.Struct):
    """One or more candles as one. Prices in USDT."""

    open: float
    high: float
    low: float
    close: float


class Bars:
    """Candles of one symbol, at most `limit`: when there are more, they are joined into wider ones."""

    def __init__(self, limit: int = CANDLES_MAX) -> None:
        self._limit = limit
        self._width = 0
        self._by_open_ms: dict[int, Bar] = {}

    def add(self, candle: Candle) -> None:
        """Take the next candle in time order."""
        self._join(candle.open_time_ms, Bar(candle.open, candle.high, candle.low, candle.close))
        while len(self._by_open_ms) > self._limit and self._width < len(WIDTHS_MS) - 1:
            self._width += 1
            narrow, self._by_open_ms = self._by_open_ms, {}
            for open_ms, bar in narrow.items():
                self._join(open_ms, bar)

    @property
    def bars(self) -> Mapping[int, Bar]:
        """The bars by their open times, in order."""
        return self._by_open_ms

    def _join(self, open_ms: int, bar: Bar) -> None:
        width_ms = WIDTHS_MS[self._width]
        begun = self._by_open_ms.setdefault(open_ms // width_ms * width_ms, bar)
        if begun is not bar:
            begun.high, begun.low, begun.close = max(begun.high, bar.high), min(begun.low, bar.low), bar.close


def bars_of(reader: Reader, windows: Mapping[str, Window]) -> dict[str, Mapping[int, Bar]]:
    """Give the bars of some symbols, each in its window, at most `CANDLES_MAX` each: one pass in bounded memory."""
    if not windows:
        return {}
    first_ms, last_ms = min(w.first_ms for w in windows.values()), max(w.last_ms for w in windows.values())
    before = moments.last_seq(reader, lambda recorded: recorded.at_ms < first_ms)
    until = moments.last_seq(reader, lambda recorded: recorded.at_ms <= last_ms)
    found = {symbol: Bars() for symbol in windows}
    for recorded in reader.events(before, until, topics=(name_of(CandleClosed),)):
        event, symbol = recorded.event, recorded.stream.partition(":")[2]
        if not isinstance(event, CandleClosed) or symbol not in windows:
            continue
        if windows[symbol].first_ms <= event.candle.open_time_ms <= windows[symbol].last_ms:
            found[symbol].add(event.candle)
    return {symbol: bars.bars for symbol, bars in found.items()}
