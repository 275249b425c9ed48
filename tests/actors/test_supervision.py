"""Actors that raise: what is recorded, what is rebuilt, who waits, who stays down, and that a replay crashes alike."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from actors.kernel import Kernel
from actors.supervisor import SAID_MAX, WAITING_MAX, Supervisor, said
from domain import operations
from domain.base import Event, Timer
from domain.commands import HaltEntries
from domain.config import Config, SupervisionConfig
from domain.errors import CorruptHistory
from domain.operations import (
    ActorStayedDown,
    ClockTicked,
    DeadLetter,
    Health,
    HealthChanged,
    Restored,
)
from domain.strategies import Pass, Proposal, View
from domain.symbol.events import CandleClosed, SymbolAnalyzed
from domain.values import Side
from infra import replay
from tests.actors.toys import BrokenHistory, Poke, Stage, born, heard, letters, say, timer, toys
from tests.worlds import STARTED, SYMBOL, Told, World

A, B, C = "symbol:A", "symbol:B", "symbol:C"
X = "position:x"


def verified(stage: Stage) -> replay.ReplayReport:
    stage.journal.commit()
    return replay.verify(stage.journal, lambda _: Told())


# ── the letter, and the fold ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["decide", "evolve", "react"])
def test_a_crash_is_a_dead_letter_that_names_the_input(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    toys(monkeypatch, raises={"boom": where})
    stage = Stage()
    step = stage.take(Poke(((A, "fine"), (A, "boom"))))
    assert letters(step) == [DeadLetter(A, "HaltEntries", f"ValueError: boom at {where}", step.frame.input_seq, 1)]


@pytest.mark.parametrize("where", ["decide", "evolve", "react", "record"])
def test_a_message_happens_as_a_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    toys(monkeypatch, {"one": (say(B, "of one"),)}, raises={"boom": where})
    if where == "record":
        monkeypatch.setattr("actors.kernel.encode_event", refusing_bytes)
    stage = Stage()
    assert stage.poke((A, "one+boom"), (B, "other")) == [(B, "other")]
    assert stage.poke((A, "later")) == [(A, "later")]
    assert stage.words(A) == ("later",)


def refusing_bytes(input_seq: int, at_ms: int, event: object) -> bytes:
    """Refuse what msgspec refuses, for example numpy's numbers."""
    from domain.catalog import encode_event

    if getattr(event, "cause", "") == b"bytes":
        raise TypeError("Encoding objects of type bytes is unsupported")
    return encode_event(input_seq, at_ms, event)


def test_a_rebuilt_state_has_what_is_durable_what_is_held_and_what_this_input_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toys(monkeypatch, raises={"boom": "evolve"})
    stage = Stage()
    stage.poke((A, "durable"))
    stage.journal.commit()
    stage.poke((A, "held"))
    stage.poke((A, "same input"), (A, "boom"), (A, "after"))
    assert stage.words(A) == ("durable", "held", "same input", "after")
    assert [r.version for r in stage.journal.of_stream(A)] == [1, 2, 3, 4]


def test_messages_that_are_on_their_way_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"a": (say(B, "b1"), say(A, "a1"), say(B, "boom"), say(A, "a2"), say(B, "b2"))},
         raises={"boom": "react"})  # fmt: skip
    assert Stage().poke((A, "a"), (B, "b0")) == [
        (A, "a"), (B, "b0"), (B, "b1"), (A, "a1"), (A, "a2"), (B, "b2"),
    ]  # fmt: skip


def test_an_actor_that_crashes_at_its_birth_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"a": (born(X, "boom"),)}, raises={"boom": "decide"})
    stage = Stage()
    assert [letter.stream for letter in letters(stage.take(Poke(((A, "a"),))))] == [X]
    assert stage.words(X) is None


def test_an_actor_that_always_raises_does_not_hurt_the_others() -> None:
    def strategy(view: View) -> Pass:
        if view.symbol == SYMBOL:
            raise ValueError("no")
        return Pass("NOTHING")

    world = World(strategy, symbols=(SYMBOL, "ETHUSDT"))
    for minute in range(8):
        world.close(minute, BTCUSDT=100.0, ETHUSDT=100.0)
    analyzed = [r.stream for r in world.events(SymbolAnalyzed)]
    assert analyzed == ["symbol:ETHUSDT"] * 8
    assert world.verified().divergences == 0


def test_a_candle_at_which_the_strategy_raises_is_kept_and_only_the_analysis_is_lost() -> None:
    world = World(Told({(SYMBOL, 1): "at minute one"}))
    for minute in range(3):
        world.close(minute, BTCUSDT=100.0)
    assert len(world.events(CandleClosed)) == 3
    assert len(world.events(SymbolAnalyzed)) == 2
    (letter,) = world.events(DeadLetter)
    assert letter.event.message == "Analyze"
    assert letter.event.error == "ValueError: at minute one"
    assert letter.event.input_seq == letter.input_seq


def test_numbers_of_numpy_are_no_crash() -> None:
    def strategy(view: View) -> Proposal:
        price = view.frame("1m").window.close[-1]
        one = np.float64(1.0)
        return Proposal(Side.LONG, price, price - 2 * one, price + 3 * one, one, one, ("NUMPY",), (("close", price),))

    world = World(strategy).enter()
    assert world.events(DeadLetter) == []
    assert world.events(SymbolAnalyzed)[0].event.facts == (("close", 100.0),)
    assert world.verified().divergences == 0


# ── back-off ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_second_crash_within_a_minute_waits_and_what_came_meanwhile_is_delivered_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage()
    stage.poke((A, "boom"), (A, "one"), at_ms=10_000)
    assert stage.poke((A, "boom"), (A, "two"), (B, "b"), at_ms=10_500) == [(B, "b")]
    assert stage.poke((A, "three"), at_ms=11_499) == []
    assert stage.poke((A, "four"), at_ms=11_500) == [(A, "two"), (A, "three"), (A, "four")]
    assert stage.words(A) == ("one", "two", "three", "four")


def test_what_waited_is_delivered_before_timers_and_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"arm": (timer("t", 11_000, "ring"),)}, raises={"boom": "decide"})
    stage = Stage()
    stage.poke((A, "arm"), (A, "boom"), (A, "boom"), (A, "waits"), at_ms=10_000)
    assert stage.poke((A, "input"), at_ms=30_000) == [(A, "waits"), (A, "ring"), (A, "input")]


def test_the_pause_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage(config=Config(supervision=SupervisionConfig(max_crashes=9, window_ms=600_000, back_off_ms=1_000)))
    stage.poke((A, "boom"), at_ms=10_000)
    at_ms = 10_000
    for pause_ms in (1_000, 2_000, 4_000, 8_000):
        stage.poke((A, "boom"), (A, "waits"), at_ms=at_ms)
        assert stage.poke(at_ms=at_ms + pause_ms - 1) == []
        at_ms += pause_ms
        assert stage.poke(at_ms=at_ms) == [(A, "waits")]


def test_several_that_wait_come_back_in_the_order_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage()
    stage.poke(*[(stream, word) for stream in (C, A, B) for word in ("boom", "boom", "waits")], at_ms=10_000)
    assert stage.poke(at_ms=20_000) == [(A, "waits"), (B, "waits"), (C, "waits")]


def test_a_crash_more_than_a_minute_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage()
    for number in range(10):
        assert stage.poke((A, "boom"), (A, f"{number}"), at_ms=10_000 + 60_000 * number) == [(A, f"{number}")]


def test_a_message_that_waited_and_raises_again_leaves_the_later_ones_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage()
    stage.poke((A, "boom"), (A, "boom"), (A, "one"), (A, "boom"), (A, "two"), at_ms=10_000)
    assert stage.poke((A, "three"), at_ms=11_000) == [(A, "one")]
    assert stage.poke((A, "four"), at_ms=13_000) == [(A, "two"), (A, "three"), (A, "four")]


def test_a_timer_at_which_an_actor_raised_is_armed_again_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A position that raised at its time stop must not stay open for ever."""
    ring = Timer("time-stop", 20_000, HaltEntries("boom"))
    toys(monkeypatch, {"arm": (ring,)}, raises={"boom": "decide"}, armed={"arm": ring})
    stage = Stage()
    stage.poke((A, "arm"), at_ms=10_000)
    first = stage.take(ClockTicked(), 20_000)
    assert [letter.crashes for letter in letters(first)] == [1, 2]
    assert [letter.crashes for letter in letters(stage.take(ClockTicked(), 21_000))] == [3]
    last = stage.take(ClockTicked(), 23_000)
    assert [letter.crashes for letter in letters(last)] == [4]
    assert any(isinstance(r.event, ActorStayedDown) for r in last.events)
    assert verified(stage).divergences == 0


# ── staying down ──────────────────────────────────────────────────────────────────────────────────────────────────


def fallen(stage: Stage, stream: str = A) -> None:
    for at_ms in (10_000, 10_000, 11_000, 13_000):
        stage.poke((stream, "boom"), at_ms=at_ms)


def test_more_than_three_crashes_in_a_minute_keep_an_actor_down_and_health_is_critical(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage()
    fallen(stage)
    stage.journal.commit()
    last = [r.event for r in stage.journal.events(0)][-3:]
    assert [type(event) for event in last] == [DeadLetter, ActorStayedDown, HealthChanged]
    assert last[1].stream == A
    assert last[2].health is Health.CRITICAL
    assert stage.poke((A, "x"), (B, "b"), at_ms=900_000) == [(B, "b")]


def test_no_tolerance_means_that_the_first_crash_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage(config=Config(supervision=SupervisionConfig(max_crashes=0)))
    step = stage.take(Poke(((A, "boom"), (A, "x"))))
    assert heard(step) == []
    assert any(isinstance(r.event, ActorStayedDown) for r in step.events)


def test_a_restart_of_the_process_brings_everybody_back_but_what_waited_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    stage = Stage()
    stage.poke((A, "before"), (B, "before"))
    fallen(stage, A)
    stage.poke((B, "boom"), (B, "boom"), (B, "lost"), (A, "lost"), at_ms=14_000)
    again = next_session(stage, 100_000)
    assert again.poke((A, "a"), (B, "b"), at_ms=100_001) == [(A, "a"), (B, "b")]
    assert again.words(A) == ("before", "a")
    assert verified(again).divergences == 0


def next_session(stage: Stage, at_ms: int) -> Stage:
    """Restore from what is durable, as `infra.session.begin` does."""
    stage.journal.commit()
    again = Stage(stage.journal.after_crash())
    head = again.journal.head()
    again.kernel.restore(None, again.journal.events(0), head)
    again.take(Restored(head.seq, again.kernel.population.state_hash()), at_ms)
    return again


# ── the kernel's own trouble ──────────────────────────────────────────────────────────────────────────────────────


def test_the_operations_actor_raising_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(state: operations.Operations, command: object) -> tuple[Event, ...]:
        if isinstance(command, ClockTicked):
            raise ValueError("no")
        return operations.decide(state, command)

    toys(monkeypatch)
    monkeypatch.setattr(operations, "DECIDER", replace(operations.DECIDER, decide=broken))
    stage = Stage()
    head = stage.kernel.head
    for input_ in (ClockTicked(), Poke(((A, "x"),))):
        with pytest.raises(CorruptHistory, match="operations actor itself raised"):
            stage.take(input_)
    assert stage.kernel.head == head


def test_a_crashed_actor_whose_past_can_not_be_read_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, raises={"boom": "decide"})
    kernel = Kernel(BrokenHistory(CorruptHistory(7, "a bit fell over")), lambda _: Told())
    kernel.process(0, STARTED)
    with pytest.raises(CorruptHistory, match="a bit fell over"):
        kernel.process(1, Poke(((A, "boom"), (B, "b"))))
    with pytest.raises(CorruptHistory, match="a bit fell over"):
        kernel.process(2, Poke(((B, "b"),)))


# ── replay ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_replay_crashes_where_the_run_did_and_waits_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"go": (say(B, "boom"), say(B, "after"))}, raises={"boom": "react", "bang": "evolve"})
    stage = Stage()
    for number in range(40):
        stage.poke((A, "bang" if number % 7 == 0 else f"{number}"), (B, f"{number}"), at_ms=10_000 + number * 700)
        stage.poke((A, "go" if number % 11 == 0 else "silent"), (C, "boom"))
        if number % 13 == 0:
            stage.journal.commit()
    report = verified(stage)
    assert (report.divergences, report.chain_equal) == (0, True)
    assert [type(r.event) for r in stage.journal.events(0, topics=["DeadLetter"])].count(DeadLetter) > 8


@pytest.mark.parametrize("pause_ms", [10, 500, 5_000, 100_000])
def test_a_process_that_dies_while_an_actor_waits_replays_alike(monkeypatch: pytest.MonkeyPatch, pause_ms: int) -> None:
    ring = timer("t", 12_000, "ring")
    toys(monkeypatch, {"arm": (ring,), "x": (born(X, "start"),)}, raises={"boom": "decide"}, armed={"arm": ring})
    stage = Stage()
    stage.poke((A, "arm"), (B, "x"), at_ms=10_000)
    stage.poke((A, "boom"), (A, "boom"), (A, "lost"), (X, "end"), at_ms=10_100)
    stage.poke((X, "boom"), (X, "boom"), (C, "boom"), (C, "boom"), at_ms=10_200)
    again = next_session(stage, stage.at_ms + pause_ms)
    again.poke((C, "c"), at_ms=stage.at_ms + pause_ms + 20_000)
    report = verified(again)
    assert report.first_divergence is None
    assert report.chain_equal


def test_the_crash_of_a_strategy_is_reproduced_by_the_replay_and_gone_with_the_bug() -> None:
    world = World(Told({(SYMBOL, 1): "a bug"}))
    for minute in range(3):
        world.close(minute, BTCUSDT=100.0)
    assert world.verified().divergences == 0
    found = world.verified(lambda _: Told()).first_divergence
    assert found is not None
    (letter,) = world.events(DeadLetter)
    assert found.input_seq == letter.event.input_seq


# ── the supervisor alone ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_waits_is_bounded_the_newest_stay_and_the_rest_is_counted() -> None:
    supervisor = Supervisor()
    supervisor.crashed(A, 0, SupervisionConfig())
    for number in range(WAITING_MAX + 5):
        supervisor.hold(A, HaltEntries(f"{number}"))
    waited = supervisor.release(A)
    assert len(waited) == WAITING_MAX
    assert waited[0] == HaltEntries("5")
    assert supervisor.dropped == 5


def test_nobody_is_due_before_anybody_crashed() -> None:
    assert Supervisor().due(10**15) == ()


def test_calm_returns_when_the_last_crash_is_out_of_the_window() -> None:
    rules, supervisor = SupervisionConfig(), Supervisor()
    assert supervisor.calm(0, rules)
    supervisor.crashed(A, 1_000, rules)
    assert not supervisor.calm(1_000_000, rules), "somebody is down"
    supervisor.release(A)
    assert not supervisor.calm(60_999, rules)
    assert supervisor.calm(61_000, rules)


def test_what_is_recorded_of_an_error_is_bounded_and_the_same_in_every_process() -> None:
    assert said(ValueError("x" * 10_000)) == "ValueError: " + "x" * (SAID_MAX - len("ValueError: "))
    assert said(KeyError(object())) == "KeyError: <object object at 0x…>"
