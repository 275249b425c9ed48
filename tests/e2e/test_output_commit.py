"""The output-commit rule with a venue outside: kill the trader anywhere, and ask the exchange's file what it saw."""

from __future__ import annotations

import random
import signal
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from outside_trader import strategies
from outside_venue import Exchange, Line, read_lines
from program import SEED, Running, python
from recorded_run import assert_replays, assert_whole, events, folded_hash, head

from actors.ports import Head
from domain.base import stream_of
from domain.market import MarketTick, Quote
from domain.operations import StateRestored
from domain.orders import OrderCancelRequested, OrderFilled, OrderRequested, Role
from domain.position_events import PositionClosed, PositionRequested
from domain.values import OrderSide
from domain.venue import OrderType, PlaceOrder, VenueFilled
from infra.postgres.fault import STEPS

pytestmark = pytest.mark.slow

TRADER = Path(__file__).with_name("outside_trader.py")
FOR_EVER = 100_000
HANDLER_STEPS = ("before_send", "after_send")
RANDOM_KILLS = 8


class Desk:
    """A trader's store and the exchange's file."""

    def __init__(self, store: str, file: Path) -> None:
        self.store = store
        self.file = file
        self._head = head(store)

    def session(self, *, moment_s: float = 0.0, **fault: str) -> None:
        """Let a session trade until it is killed, from outside or by a fault, and look at what is left."""
        with python(TRADER, self.store, self.file, FOR_EVER, **fault) as trader:
            if fault:
                assert trader.ended().code == -signal.SIGKILL, trader.said()
            else:
                self._kill(trader, moment_s)
        self.look()

    def _kill(self, trader: Running, moment_s: float) -> None:
        assert trader.lives_for(moment_s), trader.ended()
        trader.kill9()

    def leave(self) -> None:
        """Let a last session run everything out."""
        with python(TRADER, self.store, self.file, 0) as trader:
            assert trader.ended().code == 0, trader.said()
        self.look()

    def look(self) -> None:
        """See that nothing is at the exchange without its fact, and nothing twice, at this very moment."""
        lines = self.lines()
        if self._head == Head() == head(self.store):
            assert not lines, "an order left before anything was durable"
            return
        assert_sent_once(lines)
        requested = {recorded.event.order_id for recorded in events(self.store, OrderRequested)}
        assert {line.order_id for line in lines} <= requested, "an order left before its event was durable"
        given_up = {recorded.event.order_id for recorded in events(self.store, OrderCancelRequested)}
        canceled = {line.order_id for line in lines if line.kind == "canceled"}
        assert canceled <= given_up, "a cancellation left before its event was durable"
        self._head = assert_whole(self.store, self._head)

    def lines(self) -> list[Line]:
        """Give all that the exchange saw."""
        return list(read_lines(self.file)) if self.file.exists() else []


def assert_sent_once(lines: list[Line]) -> None:
    seen = Counter((line.order_id, line.kind) for line in lines)
    twice = {what: count for what, count in seen.items() if count > 1}
    assert not twice, f"these happened more than once: {twice}"
    assert not [line for line in lines if line.kind == "repeated"], "an order was sent again while it was open"


@pytest.fixture(scope="module")
def desk(module_store: str, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Kill one trader at every step of a commit and of an order's way out, and at random moments."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    found = Desk(module_store, tmp_path_factory.mktemp("exchange") / "exchange.jsonl")
    faults = [{"HINDSIGHT_FAULT": f"{step}:{chance.randint(5, 40)}"} for step in STEPS]
    faults += [{"TRADER_FAULT": f"{step}:{chance.randint(5, 60)}"} for step in HANDLER_STEPS * 3]
    faults += [{}] * RANDOM_KILLS
    chance.shuffle(faults)
    for fault in faults:
        found.session(moment_s=chance.uniform(0.5, 1.6), **fault)
    found.leave()
    return found


def test_no_order_reaches_the_exchange_before_its_event_is_durable_or_twice(desk: Desk) -> None:
    desk.look()
    assert len({line.order_id for line in desk.lines()}) > 100
    assert len(events(desk.store, StateRestored)) > len(STEPS)


def test_the_exchange_and_the_store_agree_on_every_fill(desk: Desk) -> None:
    theirs = {(line.order_id, line.price, line.quantity) for line in desk.lines() if line.kind == "filled"}
    ours = {(r.event.order_id, r.event.price, r.event.quantity) for r in events(desk.store, OrderFilled)}
    assert ours == theirs


def test_every_position_is_flat_on_both_sides_in_the_end(desk: Desk) -> None:
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    over = Counter[str]()
    for line in desk.lines():
        assert line.order is not None
        if line.kind == "filled":
            assert line.quantity is not None
            held[stream_of(line.order_id)] += line.quantity if line.order.side is OrderSide.BUY else -line.quantity
        over[line.order_id] += {"placed": -1, "filled": 1, "canceled": 1, "expired": 1}.get(line.kind, 0)
    assert held
    assert not any(held.values())
    assert not any(over.values()), "an order is still open"

    entered = {r.stream for r in events(desk.store, OrderFilled) if r.event.role is Role.ENTRY}
    assert {recorded.stream for recorded in events(desk.store, PositionClosed)} == entered
    assert {recorded.stream for recorded in events(desk.store, PositionRequested)} >= entered


def test_all_sessions_replay_and_restore_to_the_fold_of_their_events(desk: Desk) -> None:
    replayed = assert_replays(desk.store, strategies=strategies)
    assert replayed.effects > 100
    for recorded in events(desk.store, StateRestored):
        assert recorded.event.state_hash == folded_hash(desk.store, recorded.event.from_seq, strategies)


def test_this_exchange_would_carry_an_order_out_twice(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "exchange.jsonl")
    exchange.observe(MarketTick(1, (Quote("BTCUSDT", 100.0, 100.0, 100.0),)))
    order = PlaceOrder("main", "position:main/BTCUSDT-1@2", "BTCUSDT", OrderSide.BUY, OrderType.MARKET, Decimal(1))
    for _ in range(2):
        assert isinstance(exchange.place(order)[-1], VenueFilled)
    with pytest.raises(AssertionError, match="more than once"):
        assert_sent_once(list(read_lines(tmp_path / "exchange.jsonl")))
