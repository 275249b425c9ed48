"""The read model `stats`."""

from __future__ import annotations

import math
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trading_history import D, TradingHistory, closed, plan_of

from domain.account import FillBooked
from domain.deal import VIRTUAL
from domain.position_events import PositionOpened
from projections.base import fold
from projections.equity import EQUITY
from projections.stats import STATS, Bucket, StatsRow
from projections.totals import Totals


def stats_of(*nets: str, name: str = "main") -> StatsRow:
    history = TradingHistory()
    for number, net in enumerate(nets):
        history.record((f"position:{name}/BTCUSDT-{number}", closed(plan_of(name), net)))
    return fold(STATS, history.events)[name,]


def test_wins_and_losses_are_counted_by_net_pnl() -> None:
    row = stats_of("10", "-5", "0", "20")
    assert (row.trades, row.wins, row.losses, row.win_rate) == (4, 2, 1, 0.5)


def test_expectancy_is_the_mean_net_pnl_of_a_trade() -> None:
    assert stats_of("10", "-5", "1").expectancy == Decimal(2)


def test_the_profit_factor_is_gains_over_losses() -> None:
    assert stats_of("10", "-5", "20").profit_factor == 6.0


def test_without_a_loss_there_is_no_profit_factor_and_no_sortino_ratio() -> None:
    row = stats_of("10", "20")
    assert (row.profit_factor, row.sortino) == (None, None)


def test_one_trade_has_no_sharpe_ratio() -> None:
    assert stats_of("10").sharpe is None


@given(st.lists(st.integers(-1_000, 1_000), min_size=2, max_size=40).filter(lambda nets: min(nets) < 0))
def test_sharpe_and_sortino_equal_their_definitions(nets: list[int]) -> None:
    row = stats_of(*map(str, nets))
    returns = [net / 40 for net in nets]  # the plan's margin is 40
    mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
    downside = math.sqrt(math.fsum(min(value, 0) ** 2 for value in returns) / len(returns))
    assert row.sharpe == (pytest.approx(mean / deviation, abs=1e-9) if deviation else None)
    assert row.sortino == pytest.approx(mean / downside, abs=1e-9)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=20))
def test_funding_told_after_the_close_counts_as_if_it_had_been_told_before(trades: list[tuple[int, int]]) -> None:
    late, in_time = TradingHistory().start(), TradingHistory().start()
    for number, (net, amount) in enumerate(trades):
        position, plan = f"position:main/BTCUSDT-{number}", plan_of(confidence=number % 3 / 10)
        whole = closed(plan, str(net + amount), funding=D(amount))
        in_time.record((position, whole))
        end = closed(plan, str(net), funding=D(0))
        late.record((position, end))
        late.fund_late(end, position, str(amount))
    told, expected = (fold(STATS, history.events)["main",] for history in (late, in_time))
    exact = ("trades", "wins", "losses", "win_rate", "gains", "lost", "funding", "net", "expectancy", "profit_factor",
             "by_confidence")  # fmt: skip
    assert [getattr(told, name) for name in exact] == [getattr(expected, name) for name in exact]
    for name in ("return_mean", "return_m2", "downside"):
        assert getattr(told, name) == pytest.approx(getattr(expected, name), abs=1e-9)
    one, other = Totals(), Totals()
    one.take(late.events)
    other.take(in_time.events)
    assert (one.closed, one.wins, one.realized_pnl, one.funding, one.sharpe) == (
        other.closed, other.wins, other.realized_pnl, other.funding, other.sharpe,
    )  # fmt: skip


def test_late_funding_of_a_trade_before_the_session_is_none_of_the_sessions_wins() -> None:
    history = TradingHistory().start()
    end = closed(plan_of(), "0.3")
    history.record(("position:main/BTCUSDT-1", end))
    before = len(history.events)
    history.fund_late(end, "position:main/BTCUSDT-1", "-0.5")
    totals = Totals()
    totals.take(history.events[before:])
    assert (totals.closed, totals.wins, totals.realized_pnl) == (0, 0, D("-0.5"))


def test_late_funding_of_a_virtual_position_moves_its_balance() -> None:
    history = TradingHistory().start()
    end = closed(plan_of(VIRTUAL), "10")
    history.record(("position:virtual/BTCUSDT-1", end))
    before = fold(STATS, history.events)[VIRTUAL,].balance
    history.fund_late(end, "position:virtual/BTCUSDT-1", "-0.5")
    assert fold(STATS, history.events)[VIRTUAL,].balance == before - D("0.5")


def test_streaks_are_counted_and_a_trade_without_gain_or_loss_ends_them() -> None:
    row = stats_of("1", "1", "1", "-1", "-1", "1", "0", "-1")
    assert (row.streak, row.longest_wins, row.longest_losses) == (-1, 3, 2)


def test_while_nothing_is_open_the_drawdown_is_that_of_the_wallet_balance() -> None:
    history = TradingHistory().start("1000")
    for balance in ("1200", "900", "1100", "950"):
        booked = FillBooked("position:main/BTCUSDT-1", "o", D(0), D(0), D(balance))
        history.record(("account:main", booked))
    row = fold(STATS, history.events)["main",]
    assert (row.peak, row.balance, row.max_drawdown) == (D(1200), D(950), 0.25)


def test_a_dip_of_what_is_open_is_a_drawdown_although_the_balance_only_rises() -> None:
    history = TradingHistory().start("1000")
    position = history.request(plan_of(signal_id=history.signal()), 1)  # 2 at 100
    history.enter(position, fee="0")
    for close in (150.0, 40.0, 140.0):
        history.candle("BTCUSDT", close)
    history.close(position, "120", fee="0")
    row = fold(STATS, history.events)["main",]
    assert (row.balance, row.peak, row.holdings) == (D(1040), D(1100), ())
    assert row.max_drawdown == pytest.approx(220 / 1100)
    totals = Totals()
    totals.take(history.events)
    assert totals.max_drawdown == row.max_drawdown


@given(st.lists(st.tuples(st.sampled_from("bes"), st.integers(50, 150)), max_size=30))
def test_the_drawdown_is_the_deepest_of_the_equity_curve(walk: list[tuple[str, int]]) -> None:
    history = TradingHistory().start("1000")
    open_now: list[str] = []
    for number, (what, price) in enumerate(walk):
        if what == "b":
            position = history.request(plan_of(signal_id=history.signal()), number)
            history.enter(position, str(price))
            open_now.append(position)
        elif what == "s" and open_now:
            history.close(open_now.pop(0), str(price))
        history.candle("BTCUSDT", float(price))
    row = fold(STATS, history.events)["main",]
    curve = fold(EQUITY, history.events).values()
    totals = Totals()
    totals.take(history.events)
    assert row.max_drawdown == max(point.deepest for point in curve) == totals.max_drawdown
    assert row.peak == max(point.peak for point in curve)


def test_the_drawdown_of_virtual_trading_starts_from_the_first_sessions_balance() -> None:
    history = TradingHistory().start("1000").start("5000")
    for number, net in enumerate(("-100", "50")):
        history.record((f"position:virtual/BTCUSDT-{number}", closed(plan_of(VIRTUAL), net)))
    row = fold(STATS, history.events)[VIRTUAL,]
    assert (row.balance, row.max_drawdown) == (D(950), 0.1)


def test_holding_time_and_slippage_are_averages() -> None:
    history = TradingHistory()
    for number, (held_ms, slippage) in enumerate(((1_000, "0.0002"), (3_000, "0.0004"))):
        position = f"position:main/BTCUSDT-{number}"
        history.record((position, PositionOpened(history.at_ms, D(100), D(slippage))))
        history.record((position, closed(plan_of(), held_ms=held_ms)))
    row = fold(STATS, history.events)["main",]
    assert (row.average_held_ms, row.entries, row.average_slippage) == (2_000, 2, pytest.approx(0.0003))


def test_hit_rates_are_told_apart_by_tenths_of_confidence() -> None:
    history = TradingHistory()
    for number, (confidence, net) in enumerate(((0.69, "1"), (0.6, "-1"), (1.0, "1"), (0.95, "1"), (0.05, "-1"))):
        plan = plan_of(confidence=confidence)
        history.record((f"position:main/BTCUSDT-{number}", closed(plan, net)))
    row = fold(STATS, history.events)["main",]
    assert row.by_confidence == (Bucket(0.0, 1, 0), Bucket(0.6, 2, 1), Bucket(0.9, 2, 2))


def test_real_and_virtual_trades_stand_in_rows_of_their_own() -> None:
    history = TradingHistory().start()
    history.trade(plan_of(), 1, "120")
    history.trade(plan_of(VIRTUAL), 2, "90")
    rows = fold(STATS, history.events)
    assert (rows["main",].wins, rows[VIRTUAL,].losses) == (1, 1)
