"""What a minute keeps of the book and of the trades."""

from __future__ import annotations

import pytest

from domain.book import SWEEP_FLOOR_USDT, depth_summary
from domain.flow import MINUTE_MS, WINDOW_MINUTES, FlowWindow, trade_flow

BIDS = [(99.0, 100.0), (98.0, 100.0)]
ASKS = [(101.0, 100.0), (102.0, 100.0)]


def test_a_sweep_inside_the_first_level_costs_half_the_spread() -> None:
    summary = depth_summary(BIDS, ASKS)
    assert summary is not None
    assert summary.swept == SWEEP_FLOOR_USDT
    assert summary.buy_impact_bps == pytest.approx(100.0)
    assert summary.sell_impact_bps == pytest.approx(100.0)
    assert summary.spread_bps == pytest.approx(200.0)
    assert summary.imbalance == pytest.approx((197 - 203) / 400)


def test_a_sweep_through_two_levels_costs_their_volume_weighted_price() -> None:
    """15,000 USDT buy 100 at 101 and the rest at 102: VWAP = notional / quantity."""
    summary = depth_summary(BIDS, ASKS, own_notional=7_500.0)
    assert summary is not None
    vwap = 15_000.0 / (100.0 + (15_000.0 - 10_100.0) / 102.0)
    assert summary.buy_impact_bps == pytest.approx((vwap - 100.0) / 100.0 * 10_000)


def test_a_book_too_thin_for_the_sweep_has_no_impact_and_no_limit() -> None:
    summary = depth_summary(BIDS, ASKS, own_notional=1e6)
    assert summary is not None
    assert (summary.buy_impact_bps, summary.sell_impact_bps) == (None, None)
    assert summary.impact_bps == float("inf")


@pytest.mark.parametrize(("bids", "asks"), [([], ASKS), (BIDS, []), ([(101.0, 1.0)], [(100.0, 1.0)])])
def test_what_is_no_book_has_no_summary(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
    assert depth_summary(bids, asks) is None


def test_large_trades_are_those_from_the_95th_percentile_on() -> None:
    trades = [(i, float(i + 1), i % 2 == 0) for i in range(100)]
    flow = trade_flow(trades)
    assert flow is not None
    assert flow.p95 == pytest.approx(95.05)
    assert (flow.large_sell, flow.large_buy) == (97 + 99, 96 + 98 + 100)
    assert (flow.trades, flow.span_ms) == (100, 99)


def test_without_trades_there_is_no_flow() -> None:
    assert trade_flow([]) is None


def test_a_window_says_nothing_before_it_is_covered() -> None:
    window = FlowWindow(since_ms=30_000)
    for minute in range(WINDOW_MINUTES + 2):
        window.add((minute * MINUTE_MS + 40_000, 100.0, False))
    assert window.close(WINDOW_MINUTES * MINUTE_MS) is None
    flow = window.close((WINDOW_MINUTES + 1) * MINUTE_MS)
    assert flow is not None
    assert flow.trades == WINDOW_MINUTES


def test_a_window_forgets_what_is_older_and_keeps_what_belongs_to_the_next_minute() -> None:
    window = FlowWindow(0)
    for minute in range(40):
        window.add((minute * MINUTE_MS, 1.0, True))
    flow = window.close(39 * MINUTE_MS)
    assert flow is not None
    assert flow.trades == WINDOW_MINUTES
    assert len(window._minutes) == WINDOW_MINUTES + 1


def test_an_interrupted_window_begins_anew() -> None:
    window = FlowWindow(0)
    window.add((20 * MINUTE_MS, 1.0, True))
    window.interrupted(25 * MINUTE_MS)
    assert window.close(30 * MINUTE_MS) is None
