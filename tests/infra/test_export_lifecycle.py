"""The tables that an auditor opens first: orders with their causes, and what operators did."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from bundles import Desk, history, source_of
from trading_history import TradingHistory, plan_of

from domain.account import EntriesHalted
from domain.catalog import EVENTS, name_of
from domain.deal import ExitReason
from domain.operations import STREAM, OperatorCommandAccepted, OperatorKind
from domain.orders import OrderRequested, Role
from domain.position_events import ExitRequested
from domain.values import OrderSide
from domain.venue import OrderType
from infra.export.fields import group_of, paths_in
from infra.export.lifecycle import SOURCES, TOPICS, OrderLife, order_lives
from infra.export.operator import operator_actions
from projections.base import fold
from projections.orders import ORDERS, OrderState


def lives_of(told: TradingHistory, first_seq: int = 1) -> dict[str, OrderLife]:
    events = [one for one in told.events if name_of(type(one.event)) in TOPICS]
    return {life.order_id: life for life in order_lives(events, first_seq)}


def traded() -> tuple[TradingHistory, str]:
    """A position that was entered, protected and closed at its target."""
    told = TradingHistory().start()
    position = told.request(plan_of(signal_id=told.signal()))
    told.enter(position)
    told.close(position)
    return told, position


def test_an_entry_was_sent_because_of_a_signal() -> None:
    told, position = traded()
    entry = lives_of(told)[f"{position}@2"]
    assert (entry.role, entry.cause, entry.cause_id) == (Role.ENTRY, "SIGNAL", "symbol:BTCUSDT@1")
    assert (entry.state, entry.filled_quantity, entry.average_price) == (OrderState.FILLED, Decimal(2), Decimal(100))


def test_stop_and_target_were_sent_to_protect_the_position_that_opened() -> None:
    told, position = traded()
    opened = next(one for one in told.events if name_of(type(one.event)) == "PositionOpened")
    protections = [life for life in lives_of(told).values() if life.role in {Role.STOP, Role.TARGET}]
    assert {life.cause for life in protections} == {"PROTECTION"}
    assert {life.cause_id for life in protections} == {opened.event_id}
    assert {life.signal_id for life in protections} == {"symbol:BTCUSDT@1"}
    assert {life.position for life in protections} == {position}


def test_an_exit_was_sent_for_the_reason_of_the_exit() -> None:
    told = TradingHistory().start()
    position = told.request(plan_of(signal_id=told.signal()))
    told.enter(position)
    asked = told.record((position, ExitRequested(ExitReason.TIME_STOP)))[0]
    order_id = f"{position}@{told.version(position) + 1}"
    told.record((position, OrderRequested(order_id, Role.EXIT, OrderSide.SELL, OrderType.MARKET, Decimal(2))))
    leaving = lives_of(told)[order_id]
    assert (leaving.cause, leaving.cause_id, leaving.state) == ("TIME_STOP", asked.event_id, OrderState.REQUESTED)


def test_every_order_of_an_account_has_one_row_with_the_steps_of_the_read_model() -> None:
    rows = {row.order_id: row for row in fold(ORDERS, history()).values()}
    lives = {life.order_id: life for life in order_lives(history(), 1)}
    assert lives.keys() == rows.keys()
    shared = set(OrderLife.__struct_fields__) & set(ORDERS.row.__struct_fields__)
    for order_id, row in rows.items():
        assert {name: getattr(lives[order_id], name) for name in shared} == {
            name: getattr(row, name) for name in shared
        }
        assert lives[order_id].cause


def test_an_order_from_before_the_range_is_in_it_if_anything_happened_to_it_since() -> None:
    told, position = traded()
    accepted = next(one.seq for one in told.events if name_of(type(one.event)) == "OrderAccepted")
    later = lives_of(told, accepted)
    assert f"{position}@2" not in later
    assert {life.role for life in later.values()} == {Role.STOP, Role.TARGET}
    assert all(life.cause == "PROTECTION" for life in later.values())


def test_every_column_that_shows_a_field_names_it() -> None:
    known = {f"{name_of(kind)}.{'.'.join(path)}" for kind in EVENTS for path in paths_in(group_of(kind))}
    assert {source for sources in SOURCES.values() for source in sources} <= known
    from_the_frame = {
        "position", "account", "symbol", "input_seq", "requested_seq", "requested_ms", "state", "accepted_seq",
        "accepted_ms", "filled_seq", "cancel_requested_seq", "canceled_seq", "rejected_seq",
    }  # fmt: skip
    assert set(OrderLife.__struct_fields__) == SOURCES.keys() | from_the_frame


def test_the_orders_of_a_bundle_are_those_lives(tmp_path: Path) -> None:
    rows = pq.read_table(Desk(tmp_path).make() / "orders.parquet").to_pylist()
    lives = list(order_lives(history(), 1))
    assert [row["order_id"] for row in rows] == [life.order_id for life in lives]
    assert [row["fee"] for row in rows] == [life.fee for life in lives]
    assert [row["state"] for row in rows] == [life.state.value for life in lives]


def test_an_operators_action_names_what_followed_from_it() -> None:
    told = TradingHistory().start()
    accepted = OperatorCommandAccepted(7, OperatorKind.HALT, "", "ada@desk")
    did = told.record((STREAM, accepted), ("account:main", EntriesHalted("OPERATOR")))
    told.candle("BTCUSDT", 100.0)
    (action,) = operator_actions(source_of(told.events).reader, told.events, len(told.events))
    assert msgspec.structs.asdict(action) == {
        "seq": did[0].seq, "at_ms": did[0].at_ms, "input_seq": did[0].input_seq, "event_id": did[0].event_id,
        "command_id": 7, "kind": OperatorKind.HALT, "argument": "", "who": "ada@desk",
        "led_to": (did[1].event_id,),
    }  # fmt: skip


def test_the_operators_actions_of_the_range_are_in_the_bundle(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    rows: list[dict[str, Any]] = pq.read_table(desk.make() / "operator_actions.parquet").to_pylist()
    assert [(row["kind"], row["who"]) for row in rows] == [("halt", "me")]
    later = desk.make("later", since=f"seq:{rows[0]['seq'] + 1}")
    assert pq.read_table(later / "operator_actions.parquet").num_rows == 0
