"""The read model `orders`."""

from __future__ import annotations

from trading_history import D, TradingHistory, plan_of

from domain.deal import VIRTUAL
from domain.orders import OrderAccepted, OrderCanceled, OrderFilled, OrderRejected, Role
from domain.values import ZERO, OrderSide
from domain.venue import OrderType
from projections.base import fold
from projections.orders import ORDERS, OrderRow, OrderState


def row_of(history: TradingHistory, order_id: str) -> OrderRow:
    return fold(ORDERS, history.events)[order_id,]


def requested() -> tuple[TradingHistory, str]:
    """Give a history with one order, and its id."""
    history = TradingHistory().start()
    return history, f"{history.request(plan_of())}@2"


def test_a_requested_order_says_where_it_comes_from() -> None:
    history, order_id = requested()
    row, request = row_of(history, order_id), history.events[-1]
    assert (row.position, row.account, row.symbol) == ("position:main/BTCUSDT-1", "main", "BTCUSDT")
    assert (row.role, row.side, row.order_type, row.quantity) == (Role.ENTRY, OrderSide.BUY, OrderType.MARKET, D(2))
    assert (row.requested_seq, row.input_seq) == (request.seq, request.input_seq)


def test_each_step_names_the_event_that_took_it() -> None:
    history, order_id = requested()
    position = order_id.rpartition("@")[0]
    (accepted,) = history.record((position, OrderAccepted(order_id)))
    history.enter(position)
    filled = next(recorded for recorded in history.events if isinstance(recorded.event, OrderFilled))
    row = row_of(history, order_id)
    assert (row.state, row.accepted_seq, row.filled_seq) == (OrderState.FILLED, accepted.seq, filled.seq)


def test_partial_fills_add_up_to_an_average_price() -> None:
    history, order_id = requested()
    position = order_id.rpartition("@")[0]
    history.enter(position, "100", quantity="1.5")
    partly = row_of(history, order_id)
    assert (partly.state, partly.filled_quantity, partly.live) == (OrderState.PARTIALLY_FILLED, D("1.5"), True)
    history.enter(position, "104", quantity="0.5")
    row = row_of(history, order_id)
    assert (row.state, row.average_price, row.fee, row.live) == (OrderState.FILLED, D(101), D("0.2"), False)


def test_an_acceptance_that_comes_after_a_partial_fill_does_not_take_it_back() -> None:
    history, order_id = requested()
    position = order_id.rpartition("@")[0]
    history.enter(position, quantity="1")
    history.record((position, OrderAccepted(order_id)))
    assert row_of(history, order_id).state is OrderState.PARTIALLY_FILLED


def test_a_rejected_order_keeps_the_venues_words() -> None:
    history, order_id = requested()
    rejected = OrderRejected(order_id, Role.ENTRY, "-2019", "Margin is insufficient.", 7)
    history.record((order_id.rpartition("@")[0], rejected))
    row = row_of(history, order_id)
    assert (row.state, row.code, row.text) == (OrderState.REJECTED, "-2019", "Margin is insufficient.")
    assert (row.ended_ms, row.filled_quantity, row.live) == (7, ZERO, False)


def test_a_canceled_stop_shows_who_asked_and_when_it_was_gone() -> None:
    history = TradingHistory().start()
    history.trade(plan_of(), 1)
    row = next(row for row in fold(ORDERS, history.events).values() if row.role is Role.STOP)
    canceled = next(recorded for recorded in history.events if isinstance(recorded.event, OrderCanceled))
    assert (row.state, row.canceled_seq, row.code) == (OrderState.CANCELED, canceled.seq, "asked for")
    assert row.cancel_requested_seq is not None
    assert row.cancel_requested_seq < canceled.seq


def test_orders_of_virtual_positions_are_left_out() -> None:
    history = TradingHistory().start()
    history.trade(plan_of(VIRTUAL), 1)
    assert fold(ORDERS, history.events) == {}
