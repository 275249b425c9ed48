"""The read model `equity`."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from trading_history import HOUR_MS, MINUTE_MS, D, TradingHistory, plan_of

from domain.account import BalanceCorrected, FillBooked, FundingBooked
from domain.base import Recorded
from domain.deal import VIRTUAL
from domain.values import ZERO, Side
from projections.base import fold
from projections.equity import EQUITY, EquityPoint


def curve_of(events: list[Recorded], name: str = "main") -> list[EquityPoint]:
    points = fold(EQUITY, events).values()
    return sorted((point for point in points if point.account == name), key=lambda point: point.time_ms)


def holding(side: Side = Side.LONG) -> TradingHistory:
    """Give a history with 2 units open, entered at 100 for a fee of 0.1, from a balance of 1000."""
    history = TradingHistory().start("1000")
    history.enter(history.request(plan_of(side=side)))
    return history


def test_an_account_begins_with_its_balance() -> None:
    (point,) = curve_of(TradingHistory().start("1000").events)
    assert (point.balance, point.equity, point.drawdown) == (D(1000), D(1000), 0.0)


def test_a_booking_begins_a_point() -> None:
    first, second = curve_of(holding().events)
    assert (first.balance, second.balance) == (D(1000), D("999.9"))


def test_an_open_position_is_valued_at_the_close_of_its_symbols_candle() -> None:
    point = curve_of(holding().candle("BTCUSDT", 105.0).events)[-1]
    assert (point.unrealised, point.equity) == (D(10), D("1009.9"))


def test_a_short_position_gains_when_the_price_falls() -> None:
    assert curve_of(holding(Side.SHORT).candle("BTCUSDT", 95.0).events)[-1].unrealised == D(10)


def test_a_candle_of_a_symbol_that_is_not_held_changes_nothing() -> None:
    history = holding()
    assert fold(EQUITY, history.events) == fold(EQUITY, history.candle("ETHUSDT", 1.0, after_ms=HOUR_MS).events)


def test_within_an_hour_candles_revalue_the_point_and_the_next_hour_begins_another() -> None:
    history = holding()
    before = len(curve_of(history.events))
    for close in (104.0, 102.0):
        history.candle("BTCUSDT", close)
    assert len(curve_of(history.events)) == before
    history.candle("BTCUSDT", 103.0, after_ms=HOUR_MS)
    *_, ended, newest = curve_of(history.events)
    assert (ended.equity, newest.equity) == (D("1003.9"), D("1005.9"))
    assert newest.time_ms == history.at_ms
    assert (ended.until_ms, ended.live, ended.holdings) == (history.at_ms - HOUR_MS, False, ())


def test_drawdown_is_measured_from_the_highest_equity_so_far() -> None:
    history = holding().candle("BTCUSDT", 150.0).candle("BTCUSDT", 95.05).candle("BTCUSDT", 122.525)
    point = curve_of(history.events)[-1]
    assert point.peak == D("1099.9")
    assert round(point.drawdown, 6) == round(54.95 / 1099.9, 6)
    assert round(point.deepest, 6) == round(109.9 / 1099.9, 6)


def test_money_that_is_taken_out_is_no_drawdown() -> None:
    history = TradingHistory().start("1000")
    history.record(("account:main", BalanceCorrected(D(400), D(1000))))
    point = curve_of(history.events)[-1]
    assert (point.equity, point.peak, point.drawdown, point.deepest) == (D(400), D(400), 0.0, 0.0)


def test_a_fill_makes_no_dip_before_it_is_booked() -> None:
    history = holding().candle("BTCUSDT", 120.0)
    start, (held,) = len(history.events), curve_of(history.events)[-1].holdings
    history.close(held.position, "120")
    seen = [curve_of(history.events[:end])[-1].equity for end in range(start, len(history.events) + 1)]
    assert (seen[0], min(seen), seen[-1]) == (D("1039.9"), D("1039.8"), D("1039.8"))
    assert curve_of(history.events)[-1].holdings == ()


def test_virtual_positions_have_no_curve_and_no_share_in_one() -> None:
    history = TradingHistory().start("1000")
    history.enter(history.request(plan_of(VIRTUAL)))
    history.candle("BTCUSDT", 50.0)
    assert [point.equity for point in curve_of(history.events)] == [D(1000)]
    assert curve_of(history.events, VIRTUAL) == []


def test_each_account_has_a_curve_of_its_own() -> None:
    history = TradingHistory().start("1000").start("500", "second")
    history.enter(history.request(plan_of()))
    history.enter(history.request(plan_of("second", side=Side.SHORT)))
    history.candle("BTCUSDT", 110.0)
    ends = {name: curve_of(history.events, name)[-1].equity for name in ("main", "second")}
    assert ends == {"main": D("1019.9"), "second": D("479.9")}


STEPS = st.lists(st.tuples(st.sampled_from(("enter", "half", "candle", "fund", "close")), st.integers(60, 160)))


@given(STEPS)
def test_equity_is_deposits_plus_realised_minus_fees_plus_funding_plus_unrealised(steps: list[tuple[str, int]]) -> None:
    history = TradingHistory().start("1000")
    position, price, number = "", D(100), 0
    for step, level in steps:
        if step in {"enter", "half"} and not position:
            number += 1
            position, price = history.request(plan_of(), number), D(level)
            history.enter(position, str(price), quantity="2" if step == "enter" else "0.5")
            held, entry = (D(2) if step == "enter" else D("0.5")), price
        elif step == "candle":
            history.candle("BTCUSDT", float(level), after_ms=level * MINUTE_MS)
            price = D(level)
        elif step == "fund" and position:
            history.fund(position, f"{level - 100}")
        elif step == "close" and position:
            history.close(position, str(level))
            position, price = "", D(level)
    curve = curve_of(history.events)
    booked = booked_in(history.events)
    unrealised = (price - entry) * held if position else ZERO
    assert curve[-1].equity == D(1000) + booked + unrealised
    assert all(point.equity == point.balance + point.unrealised for point in curve)
    assert all(later.time_ms > earlier.until_ms for earlier, later in itertools.pairwise(curve))


def booked_in(events: list[Recorded]) -> Decimal:
    """Give realised - fees + funding of all bookings."""
    fills = [recorded.event for recorded in events if isinstance(recorded.event, FillBooked)]
    fundings = [recorded.event for recorded in events if isinstance(recorded.event, FundingBooked)]
    return sum((fill.realised - fill.fee for fill in fills), ZERO) + sum((paid.amount for paid in fundings), ZERO)
