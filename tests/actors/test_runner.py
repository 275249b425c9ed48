"""The driver: whose answers come when, what leaves when, and when a checkpoint is kept."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from actors.kernel import CHECKPOINT_SCHEMA, Kernel
from actors.outbox import Outbox
from actors.runner import Runner
from domain.base import Input, Issued
from domain.config import SupervisionConfig
from domain.deal import ExitReason
from domain.market import MINUTE_MS, CandleArrived, FundingArrived, InstrumentArrived, MarketTick
from domain.operations import ClockTicked
from domain.position_events import FundingSettled, PositionClosed, PositionOpened
from domain.values import OrderSide
from domain.venue import CancelOrder, OrderType, PlaceOrder
from infra.memory import MemoryJournal
from tests.actors.toys import Poke, Script, toys
from tests.worlds import (
    CONFIG,
    POSITION,
    START_MS,
    STARTED,
    SYMBOL,
    Told,
    World,
    buys,
    candle,
    contract,
    open_ms,
    tick,
)

A = "symbol:A"


def order(number: int) -> PlaceOrder:
    return PlaceOrder("main", f"position:x@{number}", SYMBOL, OrderSide.BUY, OrderType.MARKET, Decimal(1))


def cancel(number: int) -> CancelOrder:
    return CancelOrder("main", f"position:x@{number}", SYMBOL)


class FakeVenue:
    """A venue that writes down what it hears, and whose answers a test lays out."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []
        self.due: list[tuple[int, Input]] = []

    def set_instrument(self, instrument: object) -> None:
        self.heard.append(("instrument", instrument))

    def observe(self, symbol: str, price: float, at_ms: int) -> None:
        self.heard.append(("observe", symbol, price, at_ms))

    def active(self, symbol: str) -> bool:
        return False

    def execute(self, effect: PlaceOrder | CancelOrder, at_ms: int) -> None:
        self.heard.append(("execute", effect, at_ms))

    def on_tick(self, seen: MarketTick, at_ms: int) -> None:
        self.heard.append(("tick", at_ms))

    def on_funding(self, funding: FundingArrived, at_ms: int) -> None:
        self.heard.append(("funding", at_ms))

    def advance(self, until_ms: int | None = None) -> int | None:
        return None

    def next_due_ms(self) -> int | None:
        return self.due[0][0] if self.due else None

    def pop_due(self, until_ms: int) -> tuple[int, Input] | None:
        return self.due.pop(0) if self.due and self.due[0][0] <= until_ms else None


class Drive:
    """A runner over toys, with a venue inside or a door to one outside."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        script: Script | None = None,
        *,
        inside: bool = False,
        outside: tuple[str, ...] = (),
        **how: object,
    ) -> None:
        toys(monkeypatch, script)
        self.left: list[Issued] = []
        self.ours = True
        self.outbox = Outbox(self.left.append, lambda: self.ours)
        self.journal = MemoryJournal(self.outbox.release, **{"manual": True, **how})
        self.venue = FakeVenue()
        self.seen: list[tuple[int, int]] = []
        self.runner = Runner(
            Kernel(self.journal, lambda _: Told()),
            self.journal,
            self.venue if inside else None,
            None if inside and not outside else self.outbox,
            outside=outside,
            on_step=lambda step: self.seen.append((step.frame.input_seq, self.journal._tail.last_input)),
        )
        self.runner.feed(1_000, STARTED)

    def poke(self, word: str, at_ms: int = 2_000) -> None:
        self.runner.feed(at_ms, Poke(((A, word),)))

    def numbers(self) -> list[int]:
        return [int(issued.effect.order_id.rpartition("@")[2]) for issued in self.left]


# ── a venue inside ────────────────────────────────────────────────────────────────────────────────────────────────


def test_answers_that_are_due_come_before_the_input_each_at_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, inside=True)
    drive.venue.due = [(1_500, Poke(((A, "one"),))), (1_500, Poke(((A, "two"),))), (2_001, Poke(((A, "late"),)))]
    drive.poke("input")
    drive.journal.commit()
    events = [(r.at_ms, r.event.cause) for r in drive.journal.events(0, topics=["EntriesHalted"])]
    assert events == [(1_500, "one"), (1_500, "two"), (2_000, "input")]
    drive.runner.settle(2_001)
    drive.journal.commit()
    assert drive.journal.head().at_ms == 2_001


def test_an_effect_for_a_venue_inside_is_carried_out_at_once_at_logical_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, {"go": (order(1), cancel(1))}, inside=True)
    drive.poke("later", at_ms=9_000)
    drive.poke("go", at_ms=2_000)
    assert [entry for entry in drive.venue.heard if entry[0] == "execute"] == [
        ("execute", order(1), 9_000),
        ("execute", cancel(1), 9_000),
    ]
    assert drive.journal.wanted == 0, "a venue inside never waits for the disk"


def test_the_venue_sees_a_tick_and_a_funding_before_the_actors_do(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, inside=True)
    seen: list[int] = []
    monkeypatch.setattr(drive.venue, "on_tick", lambda _, at_ms: seen.append(drive.runner.kernel.head.input_seq))
    drive.runner.feed(2_000, MarketTick(2_000, ()))
    assert (seen, drive.runner.kernel.head.input_seq) == ([1], 2)


def test_contracts_reach_the_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.runner.feed(START_MS, InstrumentArrived(contract("ETHUSDT"), "test"))
    venue = FakeVenue()
    world.runner.venue = venue
    world.runner.feed(START_MS, InstrumentArrived(contract("SOLUSDT"), "test"))
    assert venue.heard == [("instrument", contract("SOLUSDT"))]


def test_funding_is_settled_with_who_holds_the_symbol() -> None:
    world = World(buys()).enter()
    at_ms = open_ms(2)
    world.runner.feed(at_ms, FundingArrived(SYMBOL, at_ms, 0.001, 100.0))
    world.quote(at_ms + 1_000, BTCUSDT=100.0)
    (settled,) = world.events(FundingSettled)
    assert settled.stream == POSITION
    assert settled.event.amount < 0, "a long pays a positive rate"


# ── candle-only history ───────────────────────────────────────────────────────────────────────────────────────────


def lived_on_candles(*shapes: tuple[float, float, float]) -> World:
    """Feed (high, low, close) minutes as a backtest does, the first one ending with a buy at 100."""
    world = World(buys())
    for minute, (high, low, close) in enumerate(shapes):
        bar = replace(candle(minute, close, high, low), open=max(min(100.0, high), low))
        world.runner.feed_candles(open_ms(minute + 1), MINUTE_MS, [CandleArrived(SYMBOL, bar)])
    return world


def test_prices_are_walked_inside_a_candle_and_answers_reach_the_kernel_on_the_way() -> None:
    world = lived_on_candles((100.0, 100.0, 100.0), (100.5, 97.0, 99.0))
    (opened,) = world.events(PositionOpened)
    (closed,) = world.events(PositionClosed)
    assert open_ms(1) < opened.at_ms < closed.at_ms < open_ms(2)
    assert closed.event.reason is ExitReason.STOP


def test_a_stop_is_met_before_a_target_inside_one_candle() -> None:
    world = lived_on_candles((100.0, 100.0, 100.0), (110.0, 90.0, 100.0))
    (closed,) = world.events(PositionClosed)
    assert closed.event.reason is ExitReason.STOP
    assert world.verified().divergences == 0


def test_a_symbol_without_a_position_is_not_walked() -> None:
    world = World()
    steps = len(world.steps)
    world.runner.feed_candles(open_ms(1), MINUTE_MS, [CandleArrived(SYMBOL, candle(0, 100.0, 120.0, 80.0))])
    assert len(world.steps) == steps + 1


# ── a venue outside ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_effect_waits_until_its_input_is_durable_and_leaves_once_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, {"one": (order(1), order(2)), "two": (cancel(1),)})
    drive.poke("one")
    drive.poke("two")
    drive.journal.commit(1)
    assert drive.numbers() == []
    drive.journal.commit(1)
    assert drive.numbers() == [1, 2]
    drive.journal.commit()
    drive.journal.commit()
    assert drive.numbers() == [1, 2, 1]


def test_a_commit_is_asked_for_at_once_only_if_an_effect_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, {"go": (order(1), order(2))})
    drive.poke("nothing")
    assert drive.journal.wanted == 0
    drive.poke("go")
    assert drive.journal.wanted == 1


@pytest.mark.parametrize("how", [{"commit_events": 1}, {"commit_events": 1_000}])
def test_a_commit_that_comes_while_the_step_is_handed_over_releases_its_effects(
    monkeypatch: pytest.MonkeyPatch, how: dict[str, object]
) -> None:
    drive = Drive(monkeypatch, {"go": (order(1),)}, manual=False, **how)
    drive.poke("go")
    assert drive.numbers() == [1]


def test_without_the_lease_nothing_leaves_and_the_next_commit_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, {"go": (order(1),)})
    drive.ours = False
    drive.poke("go")
    drive.journal.commit()
    assert drive.numbers() == []
    drive.ours = True
    drive.poke("nothing")
    assert drive.numbers() == []
    drive.journal.commit()
    assert drive.numbers() == [1]


def test_a_crash_before_the_commit_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch, {"go": (order(1),)})
    drive.journal.commit()
    drive.poke("go")
    left = drive.journal.after_crash()
    assert drive.numbers() == []
    assert left.head().input_seq == 1


# ── what is seen, and checkpoints ─────────────────────────────────────────────────────────────────────────────────


def test_who_watches_sees_every_step_after_the_journal_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drive = Drive(monkeypatch)
    drive.poke("a")
    drive.runner.feed(3_000, ClockTicked())
    assert drive.seen == [(1, 1), (2, 2), (3, 3)]


def checkpointing(world: World, events: int) -> World:
    world.runner = Runner(
        world.kernel, world.journal, world.runner.venue, on_step=world.steps.append, checkpoint_events=events
    )
    return world


def inputs_of_checkpoints(journal: MemoryJournal) -> list[int]:
    return [checkpoint.head.input_seq for checkpoint in journal._checkpoints]


def test_a_checkpoint_is_kept_every_so_many_events() -> None:
    world = checkpointing(World(), 10)
    for minute in range(12):
        world.close(minute, BTCUSDT=100.0)
    world.journal.commit()
    seqs = [checkpoint.head.seq for checkpoint in world.journal._checkpoints]
    assert seqs == [15, 26]


def test_a_checkpoint_that_would_not_tell_everything_is_taken_as_soon_as_it_does() -> None:
    rules = SupervisionConfig(window_ms=3 * MINUTE_MS)
    script = {(SYMBOL, minute): "a bug" for minute in range(2)}
    world = checkpointing(World(Told(script), config=replace(CONFIG, supervision=rules)), 5)
    for minute in range(8):
        world.close(minute, BTCUSDT=100.0)
    world.journal.commit()
    first = world.journal._checkpoints[0]
    assert first.schema == CHECKPOINT_SCHEMA
    assert first.head.at_ms == open_ms(2 + 3), "three minutes after the second crash"


def test_a_tick_alone_never_needs_a_checkpoint() -> None:
    world = checkpointing(World(), 10)
    for second in range(50):
        world.runner.feed(START_MS + second, tick(START_MS + second, BTCUSDT=1.0))
    world.journal.commit()
    assert inputs_of_checkpoints(world.journal) == []


def test_orders_of_an_account_outside_wait_for_their_commit_beside_a_venue_in_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    virtual = replace(order(2), account="virtual")
    drive = Drive(monkeypatch, {"go": (order(1), virtual, cancel(1))}, inside=True, outside=("main",))
    drive.poke("go")
    assert [entry[1] for entry in drive.venue.heard if entry[0] == "execute"] == [virtual]
    assert drive.left == []
    drive.journal.commit()
    assert [issued.effect for issued in drive.left] == [order(1), cancel(1)]
