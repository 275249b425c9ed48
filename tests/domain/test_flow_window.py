"""The window of trades against one that keeps all: equal while minutes are small, within 1 % when they are not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import flow
from domain.flow import CLASS_WIDTH, MINUTE_MS, WINDOW_MINUTES, FlowWindow, Trade, TradeFlow, trade_flow

EXACT = 8
"""In these tests a minute is busy from so many trades on."""


@pytest.fixture(autouse=True)
def small_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "EXACT_MAX", EXACT)


notionals = st.one_of(
    st.floats(0.1, 1e9),
    st.sampled_from([5.0, 100.1, 100.1, 100.1, 2_500.0]),  # as orders of round sizes are
    st.floats(100.0, 103.0),
)
minutes = st.lists(st.lists(st.tuples(notionals, st.booleans()), max_size=4 * EXACT), min_size=15, max_size=19)
quiet_minutes = st.lists(st.lists(st.tuples(notionals, st.booleans()), max_size=EXACT), min_size=15, max_size=19)


def dated(rows: list[list[tuple[float, bool]]]) -> Iterator[Trade]:
    for minute, row in enumerate(rows):
        for place, (notional, sold) in enumerate(row):
            yield minute * MINUTE_MS + place * 7, notional, sold


def windows(rows: list[list[tuple[float, bool]]]) -> Iterator[tuple[TradeFlow | None, list[Trade]]]:
    """Give each full window's summary beside the trades that are in it."""
    window = FlowWindow(0)
    trades = list(dated(rows))
    for minute in range(len(rows)):
        for trade in trades:
            if trade[0] // MINUTE_MS == minute:
                window.add(trade)
        end_ms = (minute + 1) * MINUTE_MS
        if minute + 1 >= WINDOW_MINUTES:
            start_ms = end_ms - WINDOW_MINUTES * MINUTE_MS
            yield window.close(end_ms), [trade for trade in trades if start_ms <= trade[0] < end_ms]


@given(quiet_minutes)
def test_small_minutes_give_the_same_numbers_as_keeping_everything(rows: list[list[tuple[float, bool]]]) -> None:
    for found, trades in windows(rows):
        assert found == trade_flow(trades)


@settings(deadline=None)
@given(minutes)
def test_busy_minutes_are_right_within_a_class(rows: list[list[tuple[float, bool]]]) -> None:
    for found, trades in windows(rows):
        exact = trade_flow(trades)
        if exact is None or found is None:
            assert found is exact
            continue
        assert (found.trades, found.span_ms) == (exact.trades, exact.span_ms)
        assert found.p95 == pytest.approx(exact.p95, rel=CLASS_WIDTH)
        wide = 1.0 + 2.0 * CLASS_WIDTH
        for sold, sum_found in ((False, found.large_buy), (True, found.large_sell)):
            side = np.array([notional for _, notional, taker in trades if taker is sold])
            surely, perhaps = side[side >= exact.p95 * wide].sum(), side[side >= exact.p95 / wide].sum()
            assert surely * (1 - 1e-9) <= sum_found <= perhaps * (1 + 1e-9)


def test_trades_of_one_size_are_all_large_however_many_they_are() -> None:
    rows = [[(100.1, place % 3 == 0) for place in range(3 * EXACT if minute % 2 else 5)] for minute in range(15)]
    ((found, trades),) = windows(rows)
    assert found is not None
    assert found.large_buy + found.large_sell == pytest.approx(100.1 * len(trades))


def test_a_busy_minute_makes_only_the_windows_inexact_that_it_is_in() -> None:
    rows = [
        [(float(1 + place * 1.003), False) for place in range(6 * EXACT if minute == 0 else 7)] for minute in range(16)
    ]
    (_, _), (found, trades) = windows(rows)
    assert found == trade_flow(trades)


def test_sizes_beyond_the_classes_are_in_the_first_and_the_last_of_them() -> None:
    rows = [[(notional, False) for notional in (0.0, 1e-9, 1e-8, 1e12) * EXACT] for _ in range(15)]
    ((found, _),) = windows(rows)
    assert found is not None
    assert found.p95 == pytest.approx(1e12)


def test_memory_does_not_grow_with_the_trades() -> None:
    window = FlowWindow(0)
    for number in range(30 * 2_000):
        window.add((number * 30, float(1 + number % 997), number % 2 == 0))
        if number % 2_000 == 1_999:
            window.close(number * 30 + 30)
    kept = window._minutes.values()
    assert len(kept) <= WINDOW_MINUTES + 1
    assert all(len(minute.signed) <= EXACT for minute in kept)


def test_a_trade_that_comes_late_is_summed_up_at_its_time() -> None:
    window = FlowWindow(0)
    for time_ms in (14 * MINUTE_MS + 500, 14 * MINUTE_MS + 100, 14 * MINUTE_MS + 300):
        window.add((time_ms, 10.0, False))
    found = window.close(15 * MINUTE_MS)
    assert found is not None
    assert (found.trades, found.span_ms) == (3, 400)
