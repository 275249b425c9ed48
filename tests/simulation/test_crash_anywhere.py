"""The process dies at random instants, several times in a row: what is left is consistent, and goes on.

The seed is the parameter of the failing test: `pytest tests/simulation -k "seed7-"` runs it alone, and
HINDSIGHT_WORLDS=200 tries as many.
"""

from __future__ import annotations

import itertools
import os
import random
from decimal import Decimal

import pytest

from actors.kernel import Kernel
from actors.runner import Runner
from domain.account import Active
from domain.catalog import decode_effects
from domain.deal import VIRTUAL, Deal
from domain.market import MINUTE_MS
from domain.operations import ClockTicked, SessionEnded
from domain.orders import OrderFilled, Role, Stage
from domain.position import Open
from domain.position_events import FundingSettled
from domain.values import ZERO
from domain.venue import PlaceOrder
from infra import replay
from infra.market.synthetic import SyntheticMarket
from infra.memory import MemoryJournal
from infra.paper import PaperVenue
from tests.simulation.restless import (
    CONFIG,
    INITIAL,
    START_MS,
    SYMBOLS,
    contracts_into,
    new_journal,
    restless,
    session,
)

WORLDS = int(os.environ.get("HINDSIGHT_WORLDS", "6"))
SESSIONS = 5
PAUSES_MS = (0, 40, 5_000, 70_000, 10 * MINUTE_MS)


class CrashingWorld:
    """A run whose process dies again and again."""

    def __init__(self, seed: int, bugs: int) -> None:
        self.random = random.Random(seed)
        self.market = SyntheticMarket(seed, SYMBOLS)
        self.strategy = restless(seed, bugs)
        self.journal = new_journal()
        self.now_ms = START_MS
        self.held_over = 0

    def live(self) -> Runner:
        """Go on for a while, with commits and checkpoints wherever chance puts them."""
        runner = session(self.journal, self.strategy, self.now_ms)
        self._check_what_came_back(runner)
        contracts_into(runner, self.market, self.now_ms)
        inputs = self.random.randrange(30, 250)
        for due_ms, input_ in itertools.islice(self.market.feed(self.now_ms, 5_000), inputs):
            runner.feed(due_ms, input_)
            if self.random.random() < 0.1:
                self.journal.commit(self.random.randrange(1, 40))
            if self.random.random() < 0.03:
                runner.checkpoint()
        return runner

    def die(self, runner: Runner) -> None:
        """Lose everything that is not durable."""
        self.journal.commit(self.random.randrange(1, 40))
        self.journal = self.journal.after_crash()
        if self.random.random() < 0.3:
            self.journal._checkpoints.clear()
        self.now_ms = runner.kernel.head.at_ms + self.random.choice(PAUSES_MS)

    def _check_what_came_back(self, runner: Runner) -> None:
        kernel, venue = runner.kernel, runner.venue
        assert isinstance(venue, PaperVenue)
        seq = self.journal.head().seq
        if not seq:
            return
        assert replay.as_of(self.journal, seq, lambda _: self.strategy).state_hash == kernel.restored_hash
        account = kernel.population.get("account:main").state
        assert isinstance(account, Active)
        held = [actor.state.deal for actor in kernel.population.actors() if isinstance(actor.state, Open)]
        self.held_over += len(held)
        for deal in held:
            assert_protected(venue, deal)
            assert runner.kernel.next_timer_ms() <= deal.opened_ms + deal.plan.time_stop_ms
            assert deal.opened_ms + deal.plan.time_stop_ms > kernel.head.at_ms, "its time stop is overdue"


def assert_protected(venue: PaperVenue, deal: Deal) -> None:
    """A position that is held rests at the venue with its size, its stop and its target."""
    slot = venue.desk(deal.plan.account).slots[deal.id]
    assert slot.holding.quantity == deal.quantity
    expected = {order.order_id for order in deal.orders if order.stage is not Stage.CANCELING}
    assert {working.order.order_id for working in slot.working} == expected
    resting = {deal.role_of(order_id) for order_id in expected}
    assert {Role.STOP, Role.TARGET} <= resting


@pytest.mark.slow
@pytest.mark.parametrize("bugs", [0, 25], ids=["sound", "buggy"])
@pytest.mark.parametrize("seed", range(WORLDS), ids=lambda seed: f"seed{seed}")
def test_a_process_that_dies_anywhere_goes_on_from_a_consistent_prefix(seed: int, bugs: int) -> None:
    world = CrashingWorld(seed, bugs)
    for _ in range(SESSIONS):
        world.die(world.live())
    last = world.live()
    quiet_ms = last.kernel.head.at_ms + CONFIG.strategy.time_stop_minutes * MINUTE_MS
    last.feed(last.kernel.head.at_ms, SessionEnded("the end"))
    world.journal.commit()
    assert world.journal.head().content_hash == last.kernel.head.content_hash
    assert_money_adds_up(world.journal, last.kernel)
    assert_orders_mean_one_thing(world.journal)
    assert_every_time_stop_fires(last, quiet_ms)
    world.journal.commit()
    report = replay.verify(world.journal, lambda _: world.strategy, keep_going=True)
    assert report.first_divergence is None
    assert report.chain_equal


def assert_money_adds_up(journal: MemoryJournal, kernel: Kernel) -> None:
    """The balance is what the account began with, and what its positions brought since."""
    balance = INITIAL
    for recorded in journal.events(0):
        if not recorded.stream.startswith("position:main/"):
            continue
        match recorded.event:
            case OrderFilled(realised=realised, fee=fee):
                balance += realised - fee
            case FundingSettled(amount=amount):
                balance += amount
            case _:
                pass
    account = kernel.population.get("account:main").state
    assert account.balance == balance
    live = {actor.stream for actor in kernel.population.actors()}
    assert {reserved.position for reserved in account.reserved} <= live, "a margin is reserved for nobody"


def assert_orders_mean_one_thing(journal: MemoryJournal) -> None:
    """An order id names one request for ever, however often it is asked for; a trade is booked once."""
    asked: dict[str, PlaceOrder] = {}
    for frame in journal.frames(0):
        for issued in decode_effects(frame.effects):
            if isinstance(issued.effect, PlaceOrder):
                assert asked.setdefault(issued.effect.order_id, issued.effect) == issued.effect
    fills = [(r.stream, r.event.trade_id) for r in journal.events(0, topics=["OrderFilled"])]
    assert len(fills) == len(set(fills))
    assert len(asked) > 30


def assert_every_time_stop_fires(runner: Runner, quiet_ms: int) -> None:
    """Without any price, every position asks for its exit when its time is over."""
    runner.feed(quiet_ms, ClockTicked())
    runner.feed(quiet_ms, ClockTicked())
    assert [actor.stream for actor in runner.kernel.population.actors() if isinstance(actor.state, Open)] == []


def test_the_worlds_are_restless_enough_to_prove_something() -> None:
    world = CrashingWorld(1, 25)
    for _ in range(SESSIONS):
        world.die(world.live())
    closed = [recorded.event for recorded in world.journal.events(0, topics=["PositionClosed"])]
    assert {event.plan.account for event in closed} == {"main", VIRTUAL}
    assert len({event.reason for event in closed}) >= 3
    assert world.held_over > 0
    assert list(world.journal.events(0, topics=["DeadLetter"]))
    assert sum((event.fees for event in closed), ZERO) > Decimal(0)
