"""Conditional orders: what triggers them, what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_steps import BTC, BUY, GTD, LONG, NOW, SELL, Floor, d, of_kind

from domain.exchange.facts import AlgoChanged, OrderOpened, OrderTraded
from domain.exchange.orders import AlgoStatus, Kind, WorkingType

STOP, TARGET, TRAIL = Kind.STOP_MARKET, Kind.TAKE_PROFIT_MARKET, Kind.TRAILING_STOP_MARKET


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.printed(1000, 1, sold=True)
    return floor


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "before", "at"),
    [
        (STOP, SELL, 990, "990.1", 990),
        (STOP, BUY, 1010, "1009.9", 1010),
        (TARGET, SELL, 1010, "1009.9", 1010),
        (TARGET, BUY, 990, "990.1", 990),
    ],
)
def test_a_trigger_is_reached_from_its_own_side(
    floor: Floor, kind: Kind, side: Any, trigger: Any, before: Any, at: Any
) -> None:
    algo = floor.algo(kind, side, trigger=trigger, quantity=1)
    floor.printed(before, 1, sold=True)
    assert algo.status is AlgoStatus.NEW
    floor.printed(at, 1, sold=True)
    assert algo.status is AlgoStatus.FINISHED
    assert (algo.executed, floor.exchange.account("a").open_algos) == (1, {})


def test_its_states_are_told_in_order_around_the_order_that_it_becomes(floor: Floor) -> None:
    floor.algo(STOP, SELL, trigger=990, quantity=1, client_id="stop")
    facts = [*floor.exchange.drain(), *floor.printed(990, 1, sold=True)]
    told = [f.algo.status if isinstance(f, AlgoChanged) else type(f).__name__ for f in facts]
    assert told == [
        "NEW", "TRIGGERING", "TRIGGERED", "OrderOpened", "Traded", "AccountChanged", "OrderTraded", "FINISHED",
        "BookChanged",
    ]  # fmt: skip
    (opened,) = of_kind(facts, OrderOpened)
    order = opened.order
    assert (order.kind, order.original_kind, order.stop_price, order.client_id) == (Kind.MARKET, STOP, 990, "stop")


def test_the_mark_price_triggers_only_what_looks_at_it(floor: Floor) -> None:
    on_mark = floor.algo(STOP, SELL, trigger=990, quantity=1, working_type=WorkingType.MARK_PRICE)
    on_last = floor.algo(STOP, SELL, trigger=990, quantity=1)
    floor.printed(985, 1, sold=True)
    assert (on_mark.status, on_last.status) == (AlgoStatus.NEW, AlgoStatus.FINISHED)
    floor.mark(989)
    assert on_mark.status is AlgoStatus.FINISHED


def test_a_clients_own_trade_can_trigger(floor: Floor) -> None:
    algo = floor.algo(STOP, BUY, "b", trigger=1001, quantity="0.1")
    floor.market(BUY, 1)
    assert algo.status is AlgoStatus.FINISHED


def test_a_stop_limit_becomes_a_limit_order(floor: Floor) -> None:
    algo = floor.algo(Kind.STOP, SELL, trigger=990, price=1005, quantity=1)
    floor.printed(990, 1, sold=True)
    order = floor.exchange.account("a").orders[algo.order_id]
    assert (algo.status, order.kind, order.original_kind, order.price) == (
        AlgoStatus.TRIGGERED, Kind.LIMIT, Kind.STOP, 1005,
    )  # fmt: skip
    floor.exchange.cancel("a", BTC, order.order_id, "", NOW)
    assert algo.status is AlgoStatus.FINISHED


def test_a_trailing_stop_follows_the_best_price_and_triggers_when_it_turns(floor: Floor) -> None:
    floor.market(BUY, 1)
    algo = floor.algo(TRAIL, SELL, quantity=1, callback_rate=1, reduce_only=True)
    for price in (1010, 1050, 1040):
        floor.printed(price, 1, sold=True)
    assert (algo.status, algo.extreme) == (AlgoStatus.NEW, 1050)
    floor.printed("1039.5", 1, sold=True)
    assert algo.status is AlgoStatus.FINISHED


def test_a_trailing_stop_waits_for_its_activation(floor: Floor) -> None:
    algo = floor.algo(TRAIL, SELL, quantity=1, callback_rate=1, activation=1020)
    floor.printed(900, 1, sold=True)
    assert (algo.status, algo.extreme) == (AlgoStatus.NEW, None)
    floor.printed(1020, 1, sold=True)
    floor.printed(1009, 1, sold=True)
    assert algo.status is AlgoStatus.FINISHED


def test_close_position_closes_whatever_is_held_then(floor: Floor) -> None:
    floor.market(BUY, "0.3")
    algo = floor.algo(STOP, SELL, trigger=990, close_position=True)
    floor.market(BUY, "0.2")
    floor.limit(SELL, "0.5", 1020, reduce_only=True)
    floor.printed(990, 1, sold=True)
    assert (floor.leg().amount, algo.executed) == (0, d("0.5"))


def test_close_position_without_a_position_expires(floor: Floor) -> None:
    algo = floor.algo(STOP, SELL, trigger=990, close_position=True)
    floor.printed(990, 1, sold=True)
    assert (algo.status, algo.order_id) == (AlgoStatus.EXPIRED, 0)


def test_an_order_that_is_refused_at_the_trigger_says_why(floor: Floor) -> None:
    algo = floor.algo(STOP, SELL, trigger=990, quantity=1, reduce_only=True)
    floor.printed(990, 1, sold=True)
    assert (algo.status, algo.reason) == (AlgoStatus.REJECTED, "ReduceOnly Order is rejected.")
    rich = floor.algo(TARGET, SELL, trigger=1010, quantity=120)
    floor.exchange.deposit("a", d(-9_990), NOW)
    floor.printed(1010, 1, sold=True)
    assert (rich.status, rich.reason) == (AlgoStatus.REJECTED, "Margin is insufficient.")


def test_price_protection_refuses_where_last_and_mark_are_far_apart(floor: Floor) -> None:
    algo = floor.algo(STOP, SELL, trigger=990, quantity=1, price_protect=True)
    floor.printed(970, 1, sold=True)
    assert (algo.status, algo.reason) == (AlgoStatus.REJECTED, "Price protection")


def test_a_cancelled_conditional_order_waits_no_more(floor: Floor) -> None:
    algo = floor.algo(STOP, SELL, trigger=990, quantity=1, client_id="s")
    floor.exchange.cancel_algo("a", 0, "s", NOW)
    floor.printed(980, 1, sold=True)
    assert algo.status is AlgoStatus.CANCELED
    assert floor.refused(floor.exchange.cancel_algo, "a", algo.algo_id, "", NOW) == (-2011, "Unknown order sent.")


def test_cancel_all_of_ordinary_orders_leaves_conditional_ones(floor: Floor) -> None:
    algo = floor.algo(STOP, SELL, trigger=990, quantity=1)
    floor.exchange.cancel_all("a", BTC, NOW)
    assert algo.status is AlgoStatus.NEW
    assert floor.exchange.cancel_all_algos("a", BTC, NOW) == [algo]


def test_orders_that_trigger_each_other_all_fire(floor: Floor) -> None:
    floor.book([(999, 1), (998, 1), (997, 1)], [(1001, 1)])
    chain = [floor.algo(STOP, SELL, name, trigger=t, quantity=1) for name, t in (("a", 999), ("b", 998), ("c", 998))]
    facts = floor.printed(999, "0.1", sold=True)
    assert [algo.status for algo in chain] == [AlgoStatus.FINISHED, AlgoStatus.NEW, AlgoStatus.NEW]
    assert len(of_kind(facts, OrderTraded)) == 1
    floor.market(SELL, "0.1", "c")
    assert [algo.status for algo in chain] == [AlgoStatus.FINISHED] * 3


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"kind": STOP, "side": SELL, "trigger": 1000, "quantity": 1}, -2021),
        ({"kind": STOP, "side": BUY, "trigger": 1000, "quantity": 1}, -2021),
        ({"kind": TARGET, "side": SELL, "trigger": 999, "quantity": 1}, -2021),
        ({"kind": STOP, "side": SELL, "quantity": 1}, -1102),
        ({"kind": STOP, "side": SELL, "trigger": 990}, -1102),
        ({"kind": STOP, "side": SELL, "trigger": "990.05", "quantity": 1}, -4014),
        ({"kind": STOP, "side": SELL, "trigger": "990.001", "quantity": 1}, -1111),
        ({"kind": STOP, "side": SELL, "trigger": 0, "quantity": 1}, -4006),
        ({"kind": STOP, "side": BUY, "trigger": 2_000_000, "quantity": 1}, -4007),
        ({"kind": STOP, "side": SELL, "trigger": 990, "quantity": 1, "close_position": True}, -4137),
        ({"kind": STOP, "side": SELL, "trigger": 990, "close_position": True, "reduce_only": True}, -1106),
        ({"kind": Kind.STOP, "side": SELL, "trigger": 990, "quantity": 1}, -1102),
        ({"kind": Kind.STOP, "side": BUY, "trigger": 1010, "price": 1100, "quantity": 1}, -4183),
        ({"kind": Kind.STOP, "side": SELL, "trigger": 990, "price": 900, "quantity": 1}, -4184),
        ({"kind": TRAIL, "side": SELL, "quantity": 1}, -1102),
        ({"kind": TRAIL, "side": SELL, "quantity": 1, "callback_rate": "0.05"}, -2007),
        ({"kind": TRAIL, "side": SELL, "quantity": 1, "callback_rate": "10.1"}, -2007),
        ({"kind": TRAIL, "side": SELL, "quantity": 1, "callback_rate": 1, "activation": 999}, -2021),
        ({"kind": STOP, "side": SELL, "trigger": 990, "quantity": 1, "position_side": LONG}, -4061),
        ({"kind": STOP, "side": SELL, "trigger": 990, "quantity": 1, "client_id": "no blanks"}, -4015),
        ({"kind": Kind.LIMIT, "side": SELL, "trigger": 990, "price": 990, "quantity": 1}, -1116),
    ],
)
def test_a_conditional_order_is_refused(floor: Floor, wish: dict[str, Any], code: int) -> None:
    assert floor.refused(floor.algo, **wish)[0] == code


def test_one_close_position_order_a_direction(floor: Floor) -> None:
    floor.algo(STOP, SELL, trigger=990, close_position=True)
    floor.algo(TARGET, SELL, trigger=1010, close_position=True)
    assert floor.refused(floor.algo, STOP, SELL, trigger=980, close_position=True)[0] == -4130


def test_conditional_orders_are_limited_over_all_contracts() -> None:
    floor = Floor(max_conditional_orders=1)
    floor.algo(STOP, SELL, trigger=990, quantity=1, client_id="x")
    assert floor.refused(floor.algo, STOP, SELL, trigger=990, quantity=1, client_id="x")[0] == -4116
    assert floor.refused(floor.algo, STOP, SELL, trigger=990, quantity=1) == (-4045, "Reach max stop order limit.")


def test_in_hedge_mode_close_position_closes_its_own_leg_only(floor: Floor) -> None:
    floor.exchange.set_position_mode("a", NOW, hedge=True)
    assert floor.refused(floor.algo, STOP, BUY, trigger=1010, close_position=True, position_side=LONG)[0] == -2022
    floor.market(BUY, 1, position_side=LONG)
    floor.algo(STOP, SELL, trigger=990, close_position=True, position_side=LONG)
    floor.printed(990, 1, sold=True)
    assert floor.leg(side=LONG).amount == 0


def test_a_waiting_order_expires_at_its_time(floor: Floor) -> None:
    algo = floor.algo(
        Kind.STOP, SELL, trigger=990, price=990, quantity=1, time_in_force=GTD, good_till_ms=NOW + 700_000
    )
    floor.exchange.advance(NOW + 699_000)
    assert algo.status is AlgoStatus.NEW
    floor.exchange.advance(NOW + 700_000)
    assert (algo.status, floor.exchange.contract(BTC).algos) == (AlgoStatus.EXPIRED, {})
