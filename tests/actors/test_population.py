"""Who is in memory: finished streams are let go, come back by fold, and births look for no past."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors import population
from actors.kernel import Kernel
from domain.errors import CorruptHistory, Unavailable
from domain.position_events import PositionClosed, PositionOpened
from domain.symbol.events import SignalRaised, VirtualPositionPlanned
from domain.venue import VenueAccepted, VenueFilled, VenueRejected
from infra.memory import MemoryJournal
from tests.actors.toys import BrokenHistory, CountingHistory, Poke, Stage, born, heard, say, toys
from tests.worlds import POSITION, STARTED, Told, World, buys, open_ms, traded

A, B, C, D = "symbol:A", "symbol:B", "symbol:C", "symbol:D"


def test_a_finished_position_is_let_go_and_a_late_answer_finds_it_finished() -> None:
    world = traded()
    (closed,) = world.events(PositionClosed)
    assert world.kernel.population.get(closed.stream) is None
    before = world.kernel.population.state_hash()
    fill = VenueFilled(f"{POSITION}@2", 1, "late", Decimal(100), Decimal(1), Decimal(0))
    for answer in (fill, VenueAccepted(f"{POSITION}@2", 1)):
        world.runner.feed(world.kernel.head.at_ms, answer)
        assert world.kinds() == []
    assert world.kernel.population.get(POSITION) is None
    assert world.kernel.population.state_hash() == before


def test_a_signal_whose_entry_the_venue_refuses_is_followed_virtually_with_the_reason() -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    at_ms = world.kernel.head.at_ms
    refused = VenueRejected(f"{POSITION}@2", at_ms, "-1001", "Internal error.")
    for _ in range(2):
        world.runner.feed(at_ms, refused)
    (planned,) = world.events(VirtualPositionPlanned)
    assert (planned.event.why, planned.event.position) == ("-1001", POSITION.replace("main", "virtual"))
    (raised,) = world.events(SignalRaised)
    assert planned.event.plan.signal_id == raised.event_id
    assert world.state("account:main").reserved == ()
    for second in (1, 2):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=100.0)
    assert [opened.stream for opened in world.events(PositionOpened)] == [planned.event.position]
    assert world.verified().first_divergence is None


def test_a_stream_that_is_over_goes_on_at_its_next_version_when_it_is_told_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toys(monkeypatch, {"a": (born("position:x", "start"),)})
    stage = Stage()
    stage.poke((A, "a"))
    stage.poke(("position:x", "end"))
    assert stage.words("position:x") is None
    step = stage.take(Poke((("position:x", "again"),)))
    assert [(r.stream, r.version) for r in step.events] == [("position:x", 3)]
    assert stage.words("position:x") == ("start", "end", "again")


def test_a_stream_to_which_nothing_happened_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch)
    stage = Stage()
    before = stage.kernel.population.state_hash()
    stage.poke(("position:x", "silent"))
    assert stage.words("position:x") is None
    assert stage.kernel.population.state_hash() == before


def restored(stage: Stage, history: object) -> Kernel:
    kernel = Kernel(history, lambda _: Told())
    stage.journal.commit()
    kernel.restore(None, stage.journal.events(0), stage.journal.head())
    return kernel


def test_a_birth_does_not_look_for_a_past(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch, {"a": (born("position:new", "start"), say("position:old", "hello"))})
    stage = Stage()
    stage.poke((A, "x"))
    history = CountingHistory(stage.journal)
    kernel = restored(stage, history)
    assert heard(kernel.process(9_000, Poke(((A, "a"),)))) == [
        (A, "a"), ("position:new", "start"), ("position:old", "hello"),
    ]  # fmt: skip
    assert history.asked == ["position:old"]


def test_a_run_that_began_in_this_process_reads_the_past_of_known_streams_only(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch)
    monkeypatch.setattr(population, "ASLEEP_MAX", 0)
    journal = MemoryJournal(manual=True)
    history = CountingHistory(journal)
    kernel = Kernel(history, lambda _: Told())
    for input_ in (STARTED, Poke((("position:x", "end"), (A, "a"))), Poke((("position:x", "b"), (B, "b")))):
        journal.append(kernel.process(9_000, input_))
    assert history.asked == ["position:x"]


@pytest.mark.parametrize(("kept", "asked"), [(2, ["position:x"]), (3, [])])
def test_what_was_let_go_last_comes_back_without_its_past_being_read(
    monkeypatch: pytest.MonkeyPatch, kept: int, asked: list[str]
) -> None:
    toys(monkeypatch)
    monkeypatch.setattr(population, "ASLEEP_MAX", kept)
    stage = Stage()
    stage.kernel.population._history = history = CountingHistory(stage.journal)
    for name in "xyz":
        stage.poke((f"position:{name}", "first"), (f"position:{name}", "end"))
    step = stage.take(Poke((("position:x", "again"),)))
    assert history.asked == asked
    assert [(r.stream, r.version) for r in step.events] == [("position:x", 3)]
    assert stage.words("position:x") == ("first", "end", "again")


@pytest.mark.parametrize("error", [Unavailable("the database"), CorruptHistory(3, "a bit fell over")])
def test_a_past_that_cannot_be_read_stops_the_kernel_not_the_actor_that_asked(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    toys(monkeypatch, {"ask": (say("position:old", "hello"),)})
    stage = Stage()
    stage.poke((A, "x"))
    kernel = restored(stage, BrokenHistory(error))
    head = kernel.head
    with pytest.raises(type(error)) as first:
        kernel.process(9_000, Poke(((A, "ask"), (B, "b"))))
    assert first.value is error
    with pytest.raises(type(error)):
        kernel.process(9_001, Poke(((B, "b"),)))
    assert kernel.head == head


def test_an_event_that_does_not_follow_its_stream_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch)
    stage = Stage()
    stage.poke((A, "one"), (A, "two"), (A, "three"))
    stage.journal.commit()
    events = [r for r in stage.journal.events(0) if not (r.stream == A and r.version == 2)]
    kernel = Kernel(stage.journal, lambda _: Told())
    with pytest.raises(CorruptHistory, match="symbol:A goes from version 1 to 3"):
        kernel.restore(None, events, stage.journal.head())


def test_an_event_that_no_longer_can_be_applied_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    toys(monkeypatch)
    stage = Stage()
    stage.poke((A, "one"))
    toys(monkeypatch, raises={"one": "evolve"})
    with pytest.raises(CorruptHistory, match="EntriesHalted can't be applied to symbol:A"):
        restored(stage, stage.journal)


def test_a_closed_kernel_leaves_no_actor_behind() -> None:
    from pykka import ActorRegistry

    before = len(ActorRegistry.get_all())
    world = World(buys()).enter()
    world.close(1, BTCUSDT=100.0)
    assert len(ActorRegistry.get_all()) > before
    world.kernel.close()
    assert len(ActorRegistry.get_all()) == before
