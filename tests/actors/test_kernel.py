"""The deterministic kernel: numbers, times, order, timers, the chain, and who is in memory."""

from __future__ import annotations

import hashlib
import struct

import msgspec
import pytest
from msgspec.structs import replace

from actors import kernel as kernel_module
from actors.kernel import Kernel
from actors.ports import Head
from domain.account import EntryApproved
from domain.config import AccountConfig
from domain.errors import CorruptHistory, InvalidInput
from domain.operations import ClockTicked
from domain.strategies import Strategy
from infra.memory import MemoryJournal
from tests.actors.toys import Stage, say, timer, toys
from tests.worlds import CONFIG, POSITION, START_MS, STARTED, SYMBOL, Told, World, buys, open_ms, proposal, traded

A, B, C, D = "symbol:A", "symbol:B", "symbol:C", "symbol:D"


# ── numbers and times ─────────────────────────────────────────────────────────────────────────────────────────────


def test_inputs_are_numbered_from_one_without_a_gap() -> None:
    steps = traded().steps
    assert [step.frame.input_seq for step in steps] == list(range(1, len(steps) + 1))


def test_events_are_numbered_without_a_gap_and_so_is_every_stream() -> None:
    events = traded().events()
    assert [recorded.seq for recorded in events] == list(range(1, len(events) + 1))
    for stream in {recorded.stream for recorded in events}:
        own = [recorded.version for recorded in events if recorded.stream == stream]
        assert own == list(range(1, len(own) + 1)), stream


def test_an_event_names_the_input_that_caused_it_and_its_receipt_time() -> None:
    for step in traded().steps:
        for recorded in step.events:
            assert (recorded.input_seq, recorded.at_ms) == (step.frame.input_seq, step.frame.at_ms)


def test_the_receipt_time_never_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch)
    stage = Stage()
    times = [stage.take(ClockTicked(), at_ms).frame.at_ms for at_ms in (5_000, 4_000, 0, -7, 5_001)]
    assert times == [5_000, 5_000, 5_000, 5_000, 5_001]


def test_an_input_without_a_receiver_that_reacts_still_counts() -> None:
    world = World()
    before = world.kernel.head
    world.runner.feed(START_MS, ClockTicked())
    after = world.kernel.head
    assert (after.input_seq, after.seq) == (before.input_seq + 1, before.seq)
    assert after.content_hash != before.content_hash


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_messages_run_in_the_order_in_which_they_were_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"a": (say(B, "b1"), say(C, "c1")), "b1": (say(D, "d1"), say(C, "c2")), "c1": (say(B, "b2"),)})
    assert Stage().poke((A, "a"), (D, "d0")) == [
        (A, "a"), (D, "d0"), (B, "b1"), (C, "c1"), (D, "d1"), (C, "c2"), (B, "b2"),
    ]  # fmt: skip


def test_what_one_message_sets_in_motion_keeps_the_order_of_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"x": (say(B, "of x"),), "y": (say(B, "of y"),)})
    assert Stage().poke((A, "y+x")) == [(A, "y"), (A, "x"), (B, "of y"), (B, "of x")]


def test_an_actor_may_tell_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"first": (say(A, "second"), say(B, "other")), "second": (say(A, "third"),)})
    assert Stage().poke((A, "first")) == [(A, "first"), (A, "second"), (B, "other"), (A, "third")]


def test_an_input_runs_to_completion_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"a": (say(B, "b"),), "b": (say(C, "c"),)})
    stage = Stage()
    assert stage.poke((A, "a")) == [(A, "a"), (B, "b"), (C, "c")]
    assert stage.poke((A, "z")) == [(A, "z")]


def test_a_loop_between_actors_is_stopped_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"ping": (say(B, "pong"),), "pong": (say(A, "ping"),)})
    monkeypatch.setattr(kernel_module, "MESSAGES_MAX", 50)
    stage = Stage()
    assert stage.poke((A, "a+b"), *[(A, "x")] * 40)
    with pytest.raises(CorruptHistory, match="input 3 made more than 50 messages"):
        stage.poke((A, "ping"))


def test_a_kernel_that_stopped_half_way_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"ping": (say(B, "pong"),), "pong": (say(A, "ping"),)})
    monkeypatch.setattr(kernel_module, "MESSAGES_MAX", 50)
    stage = Stage()
    head = stage.kernel.head
    for _ in range(2):
        with pytest.raises(CorruptHistory, match="messages"):
            stage.poke((A, "ping"))
    with pytest.raises(CorruptHistory, match="messages"):
        stage.take(ClockTicked())
    assert stage.kernel.head == head


def test_the_same_inputs_give_the_same_bytes() -> None:
    one, two = ([(step.frame, step.rows, step.content_hash) for step in world.steps] for world in (traded(), traded()))
    assert one == two


# ── timers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_timers_fire_before_the_input_in_the_order_of_due_time_stream_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    script = {
        "arm": (timer("z", 2_000, "late"), timer("y", 1_900, "y"), timer("x", 1_900, "x")),
        "arm b": (timer("a", 1_900, "b"), timer("c", 1_800, "soon")),
    }
    toys(monkeypatch, script)
    stage = Stage()
    stage.poke((A, "arm"), (B, "arm b"))
    assert stage.kernel.next_timer_ms() == 1_800
    assert stage.poke((C, "input"), at_ms=2_000) == [
        (B, "soon"), (A, "x"), (A, "y"), (B, "b"), (A, "late"), (C, "input"),
    ]  # fmt: skip
    assert stage.kernel.next_timer_ms() is None


def test_a_timer_fires_when_logical_time_reaches_it_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"arm": (timer("t", 5_000, "ring"),)})
    stage = Stage()
    stage.poke((A, "arm"))
    assert stage.poke(at_ms=4_999) == []
    assert stage.poke(at_ms=5_000) == [(A, "ring")]
    assert stage.poke(at_ms=9_000) == []


def test_what_a_timer_sets_in_motion_is_over_before_the_next_one_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    script = {
        "arm": (timer("1", 2_000, "one"), timer("2", 2_000, "two")),
        "one": (say(B, "of one"),),
        "of one": (say(C, "of of one"),),
    }
    toys(monkeypatch, script)
    stage = Stage()
    stage.poke((A, "arm"))
    assert stage.poke((D, "input"), at_ms=2_000) == [
        (A, "one"), (B, "of one"), (C, "of of one"), (A, "two"), (D, "input"),
    ]  # fmt: skip


def test_a_timer_that_a_timer_arms_fires_with_it_if_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"arm": (timer("1", 2_000, "one"),), "one": (timer("2", 2_500, "two"), timer("3", 9_000, "no"))})
    stage = Stage()
    stage.poke((A, "arm"))
    assert stage.poke(at_ms=3_000) == [(A, "one"), (A, "two")]


def test_arming_again_moves_a_timer_and_none_cancels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    script = {
        "arm": (timer("t", 2_000, "first"), timer("u", 2_000, "gone")),
        "move": (timer("t", 3_000, "moved"),),
        "cancel": (timer("u", 0, None), timer("never armed", 0, None)),
    }
    toys(monkeypatch, script)
    stage = Stage()
    stage.poke((A, "arm"))
    stage.poke((A, "move"), (A, "cancel"))
    assert stage.poke(at_ms=2_500) == []
    assert stage.poke(at_ms=3_000) == [(A, "moved")]


def test_timers_of_one_name_in_two_streams_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(
        monkeypatch, {"a": (timer("t", 2_000, "of a"),), "b": (timer("t", 2_000, "of b"),), "x": (timer("t", 0, None),)}
    )
    stage = Stage()
    stage.poke((A, "a"), (B, "b"), (B, "x"))
    assert stage.poke(at_ms=2_000) == [(A, "of a")]


def test_what_a_timer_caused_belongs_to_the_input_that_made_the_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"arm": (timer("t", 2_000, "ring"),)})
    stage = Stage()
    stage.poke((A, "arm"))
    step = stage.take(ClockTicked(), 7_000)
    assert [(r.input_seq, r.at_ms) for r in step.events] == [(3, 7_000)]


# ── the chain ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_content_hash_rolls_over_inputs_events_and_effects_as_the_design_says() -> None:
    """architecture.md §4: h = sha256(h ‖ input_seq ‖ at_ms ‖ input ‖ its events ‖ its effects), canonical bytes."""

    def copied(values: list[bytes]) -> bytes:
        row = struct.pack(">h", len(values))
        return row + b"".join(struct.pack(">i", len(value)) + value for value in values)

    chain = bytes(32)
    steps = traded().steps
    for step in steps:
        digest = hashlib.sha256(chain)
        digest.update(struct.pack(">QQ", step.frame.input_seq, step.frame.at_ms) + step.frame.input)
        for r in step.events:
            state = msgspec.msgpack.encode([r.input_seq, r.at_ms, r.event])
            digest.update(
                copied(
                    [
                        r.stream.encode(),
                        struct.pack(">q", r.version),
                        type(r.event).__name__.encode(),
                        state,
                        struct.pack(">q", r.seq),
                    ]
                )
            )
        digest.update(msgspec.msgpack.encode([[issued.event_id, issued.effect] for issued in step.issued]))
        chain = digest.digest()
        assert step.content_hash == chain
    assert any(step.issued for step in steps)


def test_an_effect_names_the_event_that_it_rests_on() -> None:
    world = World(buys()).enter()
    known = {recorded.event_id for recorded in world.events()}
    issued = [issued for step in world.steps for issued in step.issued]
    assert [one.event_id for one in issued] == [f"{POSITION}@{version}" for version in (2, 6, 7)]
    assert {one.event_id for one in issued} <= known


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_puts_its_settings_in_force_from_its_own_input_on() -> None:
    told = Told({(SYMBOL, 0): proposal(), ("ETHUSDT", 1): proposal()})
    world = World(told, symbols=(SYMBOL, "ETHUSDT")).enter()
    world.runner.feed(open_ms(1) + 5_000, replace(STARTED, config=replace(CONFIG, account=AccountConfig(leverage=3))))
    world.close(1, ETHUSDT=100.0)
    assert [r.event.plan.leverage for r in world.events(EntryApproved)] == [5, 3]


def test_a_session_whose_strategy_does_not_exist_is_refused_before_anything_happens() -> None:
    def found(name: str) -> Strategy:
        raise InvalidInput("strategy.name", "a strategy", repr(name))

    kernel = Kernel(MemoryJournal(), found)
    with pytest.raises(InvalidInput, match="strategy"):
        kernel.process(START_MS, STARTED)
    assert kernel.head == Head()


# ── quotes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_input_for_several_actors_reaches_each_in_the_order_given() -> None:
    world = World(symbols=(SYMBOL, "ETHUSDT"))
    world.close(0, BTCUSDT=100.0, ETHUSDT=200.0)
    world.quote(open_ms(1), ETHUSDT=201.0, BTCUSDT=101.0)
    states = [world.kernel.population.get(f"symbol:{name}").state for name in (SYMBOL, "ETHUSDT")]
    assert [state.quote.mark for state in states] == [101.0, 201.0]


def test_quotes_leave_no_events() -> None:
    world = World()
    world.close(0, BTCUSDT=100.0)
    before = world.kernel.head.seq
    world.quote(open_ms(1), BTCUSDT=101.0)
    assert world.kernel.head.seq == before
