"""Candles for charts: read once, joined until they fit, in windows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from stored_runs import MemoryRun
from trading_history import MINUTE_MS, START_MS, TradingHistory

from domain.market import Candle
from infra.html.candles import CANDLES_MAX, WIDTHS_MS, Bars, Window, bars_of

DAY_MS = 1_440 * MINUTE_MS
MIDNIGHT_MS = START_MS // DAY_MS * DAY_MS


def candle(minute: int, low: float = 1.0, high: float = 2.0) -> Candle:
    return Candle(MIDNIGHT_MS + minute * MINUTE_MS, low + 0.25, high, low, low + 0.5, 1.0)


def test_few_candles_stay_as_they_are() -> None:
    bars = Bars(limit=3)
    for minute in range(3):
        bars.add(candle(minute))
    assert list(bars.bars) == [MIDNIGHT_MS + minute * MINUTE_MS for minute in range(3)]


def test_joined_candles_open_with_the_first_close_with_the_last_and_keep_extremes() -> None:
    bars = Bars(limit=2)
    for minute, (low, high) in enumerate([(5, 6), (4, 6), (5, 9), (5, 7), (6, 8), (7, 8)]):
        bars.add(candle(minute, low, high))
    first, second = bars.bars.values()
    assert (first.open, first.high, first.low, first.close) == (5.25, 9, 4, 6.5)
    assert (second.open, second.close) == (7.25, 7.5)
    assert list(bars.bars) == [MIDNIGHT_MS, MIDNIGHT_MS + 5 * MINUTE_MS]


def test_however_many_candles_come_the_bars_are_bounded() -> None:
    bars = Bars(limit=10)
    for minute in range(0, 40 * 1_440, 7):
        bars.add(candle(minute))
        assert len(bars.bars) <= 10


def test_each_width_divides_the_next_one() -> None:
    assert all(wide % narrow == 0 for narrow, wide in pairwise(WIDTHS_MS))


@pytest.fixture
def run() -> MemoryRun:
    """Ten minutes of two symbols: prices 100 + minute, and 200 + minute."""
    history, run = TradingHistory().start(), MemoryRun()
    for minute in range(10):
        history.candle("BTCUSDT", 100.0 + minute).candle("ETHUSDT", 200.0 + minute, after_ms=0)
    run.add(history.events)
    return run


def test_only_the_symbols_asked_for_are_read(run: MemoryRun) -> None:
    found = bars_of(run.reader, {"ETHUSDT": Window(0, 2 * START_MS)})
    assert [bar.close for bar in found["ETHUSDT"].values()] == [200.0 + minute for minute in range(10)]
    assert list(found) == ["ETHUSDT"]


def test_each_symbol_has_a_window_of_its_own(run: MemoryRun) -> None:
    first_ms = START_MS + MINUTE_MS  # the open time of the first candle: `start` took a minute
    windows = {
        "BTCUSDT": Window(first_ms + 2 * MINUTE_MS, first_ms + 3 * MINUTE_MS),
        "ETHUSDT": Window(first_ms + 9 * MINUTE_MS, first_ms + 99 * MINUTE_MS),
    }
    found = bars_of(run.reader, windows)
    assert [bar.close for bar in found["BTCUSDT"].values()] == [102.0, 103.0]
    assert [bar.close for bar in found["ETHUSDT"].values()][-1] == 209.0


def test_a_symbol_without_candles_has_no_bars(run: MemoryRun) -> None:
    assert bars_of(run.reader, {"XRPUSDT": Window(0, 2 * START_MS)}) == {"XRPUSDT": {}}


def test_no_window_reads_nothing(run: MemoryRun) -> None:
    assert bars_of(run.reader, {}) == {}


def test_a_chart_has_a_bounded_number_of_candles() -> None:
    assert CANDLES_MAX <= 1_500
