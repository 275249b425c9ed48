"""Laws of the exchange under any sequence of wishes and market moves.

Money is conserved, the book is never crossed, price-time priority holds, reduce-only never increases, nothing is filled
twice, margin is never reserved beyond what is there, hedge legs are independent, and refused wishes leave no trace.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from exchange_steps import BTC, BUY, LONG, NOW, SELL, SHORT, Floor, d, mark_of, print_of
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ExchangeRejected
from domain.exchange.facts import AccountChanged, Fact, OrderAmended, OrderEnded, OrderOpened, OrderTraded
from domain.exchange.margin import margin_of
from domain.exchange.orders import Change, Kind, Order, PositionSide, SelfTrade, Status, TimeInForce
from domain.values import ZERO

DEPOSITS = 3 * 2_000
BOTH = PositionSide.BOTH

prices = st.integers(9_960, 10_040).map(lambda tenths: Decimal(tenths) / 10)
quantities = st.integers(10, 3_000).map(lambda thousandths: Decimal(thousandths) / 1_000)
accounts, sides = st.sampled_from("abc"), st.sampled_from([BUY, SELL])
forces = st.sampled_from(
    [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX]
)
legs = st.sampled_from([LONG, SHORT])
seldom = st.sampled_from([False, False, False, True])
limits = st.tuples(
    st.just("limit"), accounts, sides, quantities, prices, forces, legs, seldom, st.sampled_from(SelfTrade)
)
actions = st.one_of(
    limits, limits, limits,
    st.tuples(st.just("market"), accounts, sides, quantities, legs, seldom),
    st.tuples(st.just("stop"), accounts, sides, quantities, prices, legs, st.booleans()),
    st.tuples(st.just("cancel"), accounts, st.integers(0, 5)),
    st.tuples(st.just("amend"), accounts, st.integers(0, 5), quantities, prices),
    st.tuples(st.just("book"), prices, quantities, quantities),
    st.tuples(st.just("print"), prices, quantities, st.booleans()),
    st.tuples(st.just("mark"), prices),
    st.tuples(st.just("crash"), st.integers(500, 1500)),
    st.tuples(st.just("fund"), st.sampled_from(["0.001", "-0.001"])),
)  # fmt: skip


class Watcher:
    """Follows the facts, as a client would, and objects."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.resting: dict[int, tuple[int, Order]] = {}
        self.amounts: dict[tuple[str, PositionSide], Decimal] = {}
        self.fills = 0
        self._sequence = 0

    def see(self, facts: list[Fact]) -> None:
        for index, fact in enumerate(facts):
            match fact:
                case OrderOpened(order=order) | OrderAmended(order=order):
                    self._sequence += 1
                    self.resting[order.order_id] = (self._sequence, order)
                case OrderEnded(order=order):
                    assert order.remaining > 0
                    del self.resting[order.order_id]
                case OrderTraded():
                    change = facts[index - 1]
                    assert isinstance(change, AccountChanged)
                    self._see_trade(fact, change)
                case _:
                    pass

    def _see_trade(self, trade: OrderTraded, change: AccountChanged) -> None:
        self.fills += 1
        order = trade.order
        if trade.maker:
            self._no_one_was_before(order)
        sequence, _ = self.resting.pop(order.order_id)
        if order.status.open:
            self.resting[order.order_id] = (sequence, order)
        assert 0 < order.executed <= order.quantity
        assert order.executed < order.quantity or order.status is Status.FILLED
        key = (trade.account, order.position_side)
        signed = trade.quantity if order.side is BUY else -trade.quantity
        before = self.amounts.get(key, ZERO)
        after = self.amounts[key] = before + signed
        if order.reduces:
            assert abs(after) < abs(before)
            assert after * before >= 0
        for row in change.positions:
            assert row.amount == self.amounts.get((trade.account, row.position_side), ZERO)

    def _no_one_was_before(self, order: Order) -> None:
        sequence = self.resting[order.order_id][0]
        for other_sequence, other in self.resting.values():
            if other.side is not order.side or other.order_id == order.order_id or other.kind is Kind.MARKET:
                continue
            better = other.price > order.price if order.side is BUY else other.price < order.price
            assert not better, f"{other} stood before {order}"
            assert other.price != order.price or other_sequence > sequence, f"{other} came before {order}"


def apply(floor: Floor, action: tuple[Any, ...]) -> Order | None:
    exchange = floor.exchange
    match action:
        case "limit", name, side, quantity, price, force, leg, reduce_only, mode:
            more = {"position_side": leg if name == "c" else BOTH, "reduce_only": reduce_only and name != "c"}
            return floor.limit(side, quantity, price, name, time_in_force=force, self_trade=mode, **more)
        case "market", name, side, quantity, leg, reduce_only:
            more = {"position_side": leg if name == "c" else BOTH, "reduce_only": reduce_only and name != "c"}
            floor.market(side, quantity, name, **more)
        case "stop", name, side, quantity, price, leg, rising:
            kind = Kind.STOP_MARKET if rising else Kind.TAKE_PROFIT_MARKET
            more = {"position_side": leg if name == "c" else BOTH}
            floor.algo(kind, side, name, quantity=quantity, trigger=price, **more)
        case "cancel", name, index:
            order = open_order(floor, name, index)
            if order:
                exchange.cancel(name, BTC, order.order_id, "", NOW)
        case "amend", name, index, quantity, price:
            order = open_order(floor, name, index)
            if order:
                exchange.amend(name, BTC, order.order_id, "", Change(quantity=quantity, price=price), NOW)
        case "book", price, bid, ask:
            exchange.on_book(BTC, [(price - d("0.1"), bid), (price - 1, bid)], [(price, ask), (price + 1, ask)], NOW)
        case "print", price, quantity, sold:
            floor.exchange.on_print(print_of(price, quantity, sold=sold))
        case "mark" | "crash", price:
            exchange.on_mark(mark_of(price, rate=0))
        case "fund", rate:
            exchange.on_mark(mark_of(exchange.contract(BTC).mark_price, rate=rate))
            exchange.settle_funding(BTC, NOW)
        case _:
            raise AssertionError(action)
    return None


def open_order(floor: Floor, name: str, index: int) -> Order | None:
    orders = list(floor.exchange.account(name).slot(BTC).orders.values())
    return orders[index % len(orders)] if orders else None


def state_of(floor: Floor) -> bytes:
    """All that a refused wish must not change; slots and legs may come to be, empty."""
    seen = [
        (
            account.wallet,
            [(s.bids, s.asks, list(s.orders.values())) for s in account.slots.values() if s.orders],
            [leg for s in account.slots.values() for leg in s.legs.values() if leg.amount],
        )
        for account in floor.exchange.world.accounts.values()
    ]
    return msgspec.json.encode([seen, floor.exchange.depth(BTC, 50)])


def raw_available(floor: Floor, name: str) -> Decimal:
    sums = margin_of(floor.exchange.world, floor.exchange.account(name))
    slot = floor.exchange.account(name).slot(BTC)
    held = ZERO if slot.isolated else sums.position_initial
    return sums.cross_balance - held - sums.order_initial


def check(floor: Floor, watcher: Watcher) -> None:
    world = floor.exchange.world
    entered = ZERO
    for account in world.accounts.values():
        slot = account.slot(BTC)
        bids = sum((o.price * o.remaining for o in slot.orders.values() if o.side is BUY and not o.reduces), ZERO)
        asks = sum((o.price * o.remaining for o in slot.orders.values() if o.side is SELL and not o.reduces), ZERO)
        assert (slot.bids, slot.asks) == (bids, asks)
        assert all(order.status.open and order.remaining > 0 for order in slot.orders.values())
        for leg in slot.legs.values():
            entered += leg.amount * leg.entry
            assert leg.isolated_wallet >= 0 or leg.amount
            assert not (leg.side is LONG and leg.amount < 0)
            assert not (leg.side is SHORT and leg.amount > 0)
    wallets = sum((account.wallet for account in world.accounts.values()), ZERO)
    total = wallets + world.fees + world.insurance + world.anonymous - entered
    assert abs(total - DEPOSITS) <= d("1e-8") * (watcher.fills + 1)
    bid, ask = floor.exchange.best(BTC)
    assert bid is None or ask is None or bid[0] < ask[0]


@settings(max_examples=150)
@given(st.lists(actions, min_size=20, max_size=60))
def test_the_laws_hold_after_every_step(steps: list[tuple[Any, ...]]) -> None:
    floor = Floor(deposit=2_000)
    floor.exchange.set_margin_type("b", BTC, NOW, isolated=True)
    floor.exchange.set_position_mode("c", NOW, hedge=True)
    floor.exchange.drain()
    watcher = Watcher(floor)
    for step in steps:
        before = state_of(floor)
        available = {name: raw_available(floor, name) for name in "abc"}
        try:
            order = apply(floor, step)
        except ExchangeRejected:
            assert state_of(floor) == before
            assert floor.exchange.drain() == []
            continue
        if order is not None and order.status is Status.NEW:
            assert raw_available(floor, order.account) >= min(ZERO, available[order.account])
        watcher.see(floor.exchange.drain())
        check(floor, watcher)


@settings(max_examples=40)
@given(st.lists(actions, min_size=10, max_size=25))
def test_the_same_steps_give_the_same_facts(steps: list[tuple[Any, ...]]) -> None:
    told: list[list[Fact]] = []
    for _ in range(2):
        floor = Floor(deposit=2_000)
        facts: list[Fact] = []
        for step in steps:
            try:
                apply(floor, step)
            except ExchangeRejected:
                continue
            facts += floor.exchange.drain()
        told.append(facts)
    assert told[0] == told[1]
