"""Trade flow: who took how much, and which trades were large."""

from __future__ import annotations

import pytest

from infra.binance.flow import Flow
from infra.binance.wire.frames import AggTrade

MINUTE = 60_000


def trade(number: int | None, time_ms: int, price: float, quantity: float, *, sold: bool) -> AggTrade:
    return AggTrade(time_ms, "X", price, quantity, 1, 1, time_ms, sold, number)


def test_takers_are_told_apart_since_the_last_tick() -> None:
    flow = Flow(0)
    for number, (time_ms, quantity, sold) in enumerate([(100, 1.0, False), (900, 2.0, True), (1_000, 4.0, False)]):
        flow.add(trade(number, time_ms, 10.0, quantity, sold=sold))
    assert flow.taken() == (50.0, 20.0)
    assert flow.taken() == (0.0, 0.0)
    flow.add(trade(4, MINUTE + 5, 10.0, 8.0, sold=True))
    flow.interrupted(MINUTE + 6)
    flow.add(trade(5, MINUTE + 7, 10.0, 8.0, sold=True))
    assert flow.taken() is None, "some are missing"
    flow.add(trade(6, MINUTE + 8, 10.0, 1.0, sold=False))
    assert flow.taken() == (10.0, 0.0)


def test_trades_that_nobody_sums_up_are_forgotten_in_time() -> None:
    """No candle closes (its stream is down), but trades go on for a day."""
    flow = Flow(0)
    for number in range(24 * 60):
        flow.add(trade(number, number * MINUTE, 10.0, 1.0, sold=False))
    summary = flow.close(24 * 60 * MINUTE)
    assert summary is not None
    assert summary.trades == 15
    assert len(flow._window._minutes) <= 16
    flow = Flow(0)
    sizes = []
    for number in range(24 * 60):
        flow.add(trade(number, number * MINUTE, 10.0, 1.0, sold=False))
        sizes.append(len(flow._window._minutes))
    assert max(sizes) <= 50


def test_a_late_trade_counts_since_the_last_tick_and_in_the_window_at_its_time() -> None:
    flow = Flow(0)
    flow.add(trade(2, MINUTE, 10.0, 1.0, sold=False))
    flow.add(trade(1, MINUTE - 1, 10.0, 2.0, sold=True))
    assert flow.taken() == (10.0, 20.0)
    summary = flow.close(15 * MINUTE)
    assert summary is not None
    assert (summary.trades, summary.span_ms) == (2, 1)


def test_large_trades_are_known_once_a_quarter_of_an_hour_is_covered() -> None:
    flow = Flow(0)
    for number in range(15 * 60):
        flow.add(trade(number, number * 1_000, 10.0, 100.0 if number % 20 == 0 else 1.0, sold=number % 40 == 0))
    assert flow.close(14 * MINUTE) is None
    summary = flow.close(15 * MINUTE)
    assert summary is not None
    assert summary.trades == 900
    assert summary.large_buy + summary.large_sell == pytest.approx(900 / 20 * 1_000.0)
    assert summary.large_sell == pytest.approx(23 * 1_000.0)
    flow.interrupted(16 * MINUTE)
    assert flow.close(17 * MINUTE) is None
