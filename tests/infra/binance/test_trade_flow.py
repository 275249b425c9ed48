"""Trade flow: who took how much in the running second and minute."""

from __future__ import annotations

import pytest

from infra.binance.flow import Bucket, Flow
from infra.binance.wire.frames import AggTrade

MINUTE = 60_000


def trade(number: int | None, time_ms: int, price: float, quantity: float, *, sold: bool) -> AggTrade:
    return AggTrade(time_ms, "X", price, quantity, 1, 1, time_ms, sold, number)


def test_takers_are_told_apart_by_second_and_minute() -> None:
    flow = Flow(0)
    for number, (time_ms, quantity, sold) in enumerate([(100, 1.0, False), (900, 2.0, True), (1_000, 4.0, False)]):
        flow.add(trade(number, time_ms, 10.0, quantity, sold=sold))
    assert flow.second == Bucket(1_000, 40.0, 0.0, 1)
    assert flow.minute == Bucket(0, 50.0, 20.0, 3)
    flow.add(trade(4, MINUTE + 5, 10.0, 8.0, sold=True))
    assert flow.minute == Bucket(MINUTE, 0.0, 80.0, 1)


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


def test_a_late_trade_counts_in_the_running_second_and_minute_and_in_the_window_at_its_time() -> None:
    flow = Flow(0)
    flow.add(trade(2, MINUTE, 10.0, 1.0, sold=False))
    flow.add(trade(1, MINUTE - 1, 10.0, 2.0, sold=True))
    assert flow.second == Bucket(MINUTE, 10.0, 20.0, 2)
    assert flow.minute == Bucket(MINUTE, 10.0, 20.0, 2)
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
