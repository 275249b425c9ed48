"""The read models `positions` and `virtual_positions`."""

from __future__ import annotations

from trading_history import HOUR_MS, D, TradingHistory, plan_of

from domain.deal import VIRTUAL, ExitReason
from domain.position_events import ExitRequested, PositionAbandoned, PriceExtremeReached
from domain.values import ZERO
from projections.base import fold
from projections.positions import POSITIONS, PositionRow, PositionState
from projections.virtual_positions import VIRTUAL_POSITIONS, VirtualPositionRow


def row_of(history: TradingHistory, position: str) -> PositionRow:
    return fold(POSITIONS, history.events)[position,]


def virtual_rows(history: TradingHistory) -> list[VirtualPositionRow]:
    return list(fold(VIRTUAL_POSITIONS, history.events).values())


def test_a_requested_position_shows_its_plan_and_nothing_filled() -> None:
    history = TradingHistory().start()
    row = row_of(history, history.request(plan_of()))
    assert (row.state, row.planned, row.stop, row.target) == (PositionState.ENTERING, D(2), D(90), D(120))
    assert (row.quantity, row.entry_price, row.opened_ms) == (ZERO, None, None)


def test_the_entry_price_is_the_average_of_the_entry_fills() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.enter(position, "100", quantity="1.5")
    history.enter(position, "104", quantity="0.5")
    row = row_of(history, position)
    assert (row.state, row.entry_price, row.quantity, row.notional) == (PositionState.OPEN, D(101), D(2), D(202))


def test_slippage_is_that_of_the_first_fill() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.enter(position, "100.02")
    assert row_of(history, position).slippage == D("0.0002")


def test_fees_and_funding_are_in_the_net_from_the_start() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.enter(position, fee="0.1")
    history.fund(position, "-0.25")
    row = row_of(history, position)
    assert (row.fees, row.funding, row.net) == (D("0.1"), D("-0.25"), D("-0.35"))


def test_a_closed_position_shows_how_it_ended_and_what_it_brought() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.enter(position)
    history.candle("BTCUSDT", 110.0, after_ms=HOUR_MS)
    end = history.close(position, "120")
    row = row_of(history, position)
    assert (row.state, row.reason, row.live) == (PositionState.CLOSED, "TARGET", False)
    assert (row.quantity, row.exit_price, row.closed_ms) == (ZERO, D(120), end.time_ms)
    assert (row.gross, row.fees, row.net) == (D(40), D("0.2"), D("39.8"))
    assert (row.favourable_excursion, row.adverse_excursion) == (D("0.11"), D("0.02"))


def test_an_exit_on_its_way_says_why() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.enter(position)
    history.record((position, ExitRequested(ExitReason.TIME_STOP)))
    row = row_of(history, position)
    assert (row.state, row.reason) == (PositionState.EXITING, "TIME_STOP")


def test_the_extreme_prices_seen_while_open_are_shown() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.enter(position)
    history.record((position, PriceExtremeReached(D(107), D(96))))
    row = row_of(history, position)
    assert (row.highest, row.lowest) == (D(107), D(96))


def test_an_entry_that_came_to_nothing_is_an_abandoned_position() -> None:
    history = TradingHistory().start()
    position = history.request(plan_of())
    history.record((position, PositionAbandoned("-2019")))
    row = row_of(history, position)
    assert (row.state, row.reason, row.closed_ms, row.live) == (PositionState.ABANDONED, "-2019", history.at_ms, False)


def test_virtual_positions_stand_in_their_own_read_model_only() -> None:
    history = TradingHistory().start()
    real, virtual = history.request(plan_of(), 1), history.request(plan_of(VIRTUAL), 2)
    assert list(fold(POSITIONS, history.events)) == [(real,)]
    assert [row.position for row in virtual_rows(history)] == [virtual]


def test_a_virtual_position_says_why_it_was_not_traded_and_what_it_replaces() -> None:
    history = TradingHistory().start()
    history.request(plan_of(VIRTUAL), 2, why="MAX_OPEN_POSITIONS", replaces="position:virtual/BTCUSDT-1")
    (row,) = virtual_rows(history)
    assert (row.why, row.replaces) == ("MAX_OPEN_POSITIONS", "position:virtual/BTCUSDT-1")


def test_a_virtual_position_is_followed_like_a_real_one() -> None:
    history = TradingHistory().start()
    history.trade(plan_of(VIRTUAL), 1, "90")
    (row,) = virtual_rows(history)
    assert (row.state, row.net, row.why) == (PositionState.CLOSED, D("-20.2"), "HALTED")
