"""Time travel: states as of any moment, and the decision replay that finds the first difference and names it."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain import position
from domain.base import Decider
from domain.catalog import decode_effects, encode_effects, encode_input
from domain.errors import CorruptHistory, InvalidInput
from domain.operations import Restored, SessionEnded
from domain.orders import OrderRequested
from domain.position_events import PositionOpened, PriceExtremeReached
from domain.strategies import Pass, View
from domain.values import Side
from infra import replay
from infra.memory import MemoryJournal
from tests.worlds import POSITION, SYMBOL, Told, World, buys, open_ms, proposal


def lived(strategy: object = None) -> World:
    """A trade that was stopped out, a second one under way, and all of it durable."""
    script = {(SYMBOL, 0): proposal(), (SYMBOL, 3): proposal(Side.SHORT)}
    world = World(strategy or Told(script)).enter()
    for second, price in ((10, 97.0), (12, 97.0), (14, 97.0)):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=price)
    for minute in (1, 2):
        world.close(minute, BTCUSDT=98.0)
    world.enter(3, 100.0)
    world.journal.commit()
    return world


def tampered(world: World, change: dict[int, object]) -> MemoryJournal:
    """Give the run with some recorded events (by seq) changed; None takes one away."""
    journal = world.journal.after_crash()
    for seq, event in change.items():
        journal._events[seq - 1] = replace(journal._events[seq - 1], event=event)
    return journal


def verify(journal: MemoryJournal, world: World, **how: object) -> replay.ReplayReport:
    return replay.verify(journal, world.found, **how)


# ── verify ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_today_s_code_decides_as_it_did() -> None:
    world = lived()
    report = world.verified()
    head = world.kernel.head
    effects = sum(len(step.issued) for step in world.steps)
    assert (report.inputs, report.events, report.effects) == (head.input_seq, head.seq, effects)
    assert (report.divergences, report.first_divergence, report.chain_equal) == (0, None, True)
    assert effects > 5


def test_another_strategy_diverges_at_its_first_other_verdict_and_says_in_which_fields() -> None:
    world = lived()
    report = world.verified(lambda _: Told({(SYMBOL, 0): proposal(risk=3.0)}))
    found = report.first_divergence
    (raised,) = [r for r in world.events() if type(r.event).__name__ == "SignalRaised" and r.event.number == 1]
    assert found is not None
    assert (found.kind, found.stream, found.version) == ("event", raised.stream, raised.version)
    assert found.input_seq == raised.input_seq
    assert found.at_ms == raised.at_ms
    assert found.fields == ("event.proposal.stop", "event.proposal.target")
    assert found.expected["event"]["proposal"]["stop"] == 98.0
    assert found.got["event"]["proposal"]["stop"] == 97.0
    assert found.got["event"]["type"] == "SignalRaised"
    assert found.input["type"] == "CandleArrived"
    assert (report.divergences, report.chain_equal) == (1, False)


def test_a_changed_decider_is_found_where_it_decides_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived()

    def without_slippage(state: position.Position, command: object) -> tuple[object, ...]:
        events = position.decide(state, command)
        return tuple(replace(e, slippage=Decimal(0)) if isinstance(e, PositionOpened) else e for e in events)

    changed: Decider[position.Position] = replace(position.DECIDER, decide=without_slippage)
    monkeypatch.setattr(position, "DECIDER", changed)
    found = world.verified().first_divergence
    assert found is not None
    (first, _) = world.events(PositionOpened)
    assert (found.stream, found.version, found.fields) == (POSITION, first.version, ("event.slippage",))


def test_an_event_that_is_no_longer_made_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived()
    quiet = replace(position.DECIDER, decide=_without_extremes)
    monkeypatch.setattr(position, "DECIDER", quiet)
    found = world.verified().first_divergence
    assert found is not None
    assert (found.kind, found.stream, found.got, found.fields) == ("missing event", POSITION, None, ("whole",))


def _without_extremes(state: position.Position, command: object) -> tuple[object, ...]:
    return tuple(event for event in position.decide(state, command) if not isinstance(event, PriceExtremeReached))


def test_an_event_that_was_not_made_is_unexpected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position, "DECIDER", replace(position.DECIDER, decide=_without_extremes))
    world = lived()
    monkeypatch.undo()
    found = world.verified().first_divergence
    assert found is not None
    assert (found.kind, found.stream, found.expected) == ("unexpected event", POSITION, None)
    assert found.got["event"]["type"] == "PriceExtremeReached"


def test_a_changed_effect_is_found_though_all_events_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived()

    def other_leverage(state: position.Position, event: object) -> tuple[object, ...]:
        reactions = position.react(state, event)
        if isinstance(event, OrderRequested) and event.role == "STOP":
            return tuple(replace(reaction, leverage=1) for reaction in reactions)
        return reactions

    monkeypatch.setattr(position, "DECIDER", replace(position.DECIDER, react=other_leverage))
    found = world.verified().first_divergence
    assert found is not None
    assert (found.kind, found.stream, found.fields) == ("effect", POSITION, ("effect.leverage",))
    stop = next(r for r in world.events(OrderRequested) if r.event.role == "STOP")
    assert found.version == stop.version


def test_an_effect_that_is_no_longer_issued_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived()
    silent = replace(position.DECIDER, react=lambda state, event: ())
    monkeypatch.setattr(position, "DECIDER", silent)
    found = world.verified().first_divergence
    assert found is not None
    assert found.input_seq == world.events(OrderRequested)[0].input_seq


def test_without_keep_going_the_first_divergence_ends_it_and_with_it_all_are_counted() -> None:
    world = lived(Told())
    other = Told({(SYMBOL, minute): "a bug" for minute in range(4)})
    stopped = world.verified(lambda _: other)
    all_of_it = world.verified(lambda _: other, keep_going=True)
    assert stopped.divergences == 1
    assert stopped.inputs < all_of_it.inputs == world.kernel.head.input_seq
    assert all_of_it.divergences >= 4
    assert all_of_it.first_divergence == stopped.first_divergence


def test_numbers_that_are_equal_but_not_the_same_are_a_divergence() -> None:
    """1.0 and 1.00 are one number and two histories: the chain would differ, and nobody could say where."""
    world = lived()
    (filled, *_) = [r for r in world.events() if type(r.event).__name__ == "OrderFilled"]
    other = replace(filled.event, fee=filled.event.fee.quantize(Decimal("1e-12")))
    assert other == filled.event
    found = verify(tampered(world, {filled.seq: other}), world).first_divergence
    assert found is not None
    assert (found.stream, found.version, found.fields) == (POSITION, filled.version, ("event.fee",))


def test_a_number_that_is_not_even_equal_to_itself_is_no_divergence() -> None:
    def strategy(view: View) -> Pass:
        return Pass("NOTHING", (("unknown", math.nan),))

    report = lived(strategy).verified()
    assert (report.divergences, report.chain_equal) == (0, True)


def test_a_changed_record_of_an_effect_is_found() -> None:
    world = lived()
    journal = world.journal.after_crash()
    at = next(n for n, frame in enumerate(journal._frames) if decode_effects(frame.effects))
    (issued,) = decode_effects(journal._frames[at].effects)
    other = replace(issued, effect=replace(issued.effect, quantity=issued.effect.quantity.quantize(Decimal("1e-9"))))
    journal._frames[at] = replace(journal._frames[at], effects=encode_effects([other]))
    found = verify(journal, world).first_divergence
    assert found is not None
    assert (found.kind, found.fields) == ("effect", ("effect.quantity",))


def test_a_restored_state_with_another_hash_is_a_divergence() -> None:
    world = lived()
    again = world.after_crash()
    again.journal.commit()
    journal = again.journal
    at = next(n for n, step in enumerate(again.steps) if step.frame.input == encode_input(_restored(again)))
    number = len(journal._frames) - len(again.steps) + at
    wrong = Restored(_restored(again).from_seq, "00" * 32)
    journal._frames[number] = replace(journal._frames[number], input=encode_input(wrong))
    found = verify(journal, world).first_divergence
    assert found is not None
    assert (found.kind, found.fields, found.expected) == ("state", ("state_hash",), "00" * 32)
    assert found.got == _restored(again).state_hash


def _restored(world: World) -> Restored:
    event = next(r.event for r in world.events() if type(r.event).__name__ == "StateRestored")
    return Restored(event.from_seq, event.state_hash)


def test_a_part_of_the_tape_can_be_replayed() -> None:
    world = lived()
    middle = world.kernel.head.input_seq // 2
    report = world.verified(to_input=middle)
    assert (report.inputs, report.divergences, report.chain_equal) == (middle, 0, True)
    assert world.verified(to_input=10**9).inputs == world.kernel.head.input_seq


def test_a_replay_from_the_middle_starts_at_the_newest_checkpoint_before_it() -> None:
    world = lived()
    world.runner.checkpoint()
    cut = world.kernel.head.input_seq
    world.close(4, BTCUSDT=100.0)
    assert world.verified(from_input=cut + 1).inputs == 1
    assert world.verified(from_input=cut).inputs == cut + 1, "there is no checkpoint before that"


def test_a_tape_with_a_hole_is_damage() -> None:
    world = lived()
    journal = world.journal.after_crash()
    del journal._frames[4]
    with pytest.raises(CorruptHistory, match="the tape goes from input 4 to input 6"):
        verify(journal, world)


def test_progress_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for ms in range(10_001):
        world.quote(open_ms(0) + ms, BTCUSDT=100.0)
    told: list[int] = []
    world.verified(progress=told.append)
    assert told == [10_000]


def test_an_empty_history_has_nothing_to_diverge() -> None:
    report = replay.verify(MemoryJournal(), lambda _: Told())
    assert (report.inputs, report.divergences, report.chain_equal) == (0, 0, True)


# ── as of ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_state_as_of_any_input_is_the_one_that_was_lived() -> None:
    world = World(buys())
    hashes: dict[int, str] = {}

    def look(_: object) -> None:
        hashes[world.kernel.head.seq] = world.kernel.population.state_hash()

    world.runner._on_step = look
    world.enter()
    for second in (10, 12, 14):
        world.quote(open_ms(1) + second * 1_000, BTCUSDT=97.0)
    world.journal.commit()
    for seq, lived_hash in hashes.items():
        assert replay.as_of(world.journal, seq, world.found).state_hash == lived_hash
    assert len(hashes) > 6


def test_before_the_first_event_there_is_nothing() -> None:
    found = replay.as_of(lived().journal, 0, lambda _: Told())
    assert (found.seq, found.at_ms, found.streams) == (0, 0, {})


def test_a_moment_in_the_middle_of_an_input_is_a_moment_too() -> None:
    world = lived()
    (opened, *_) = world.events(PositionOpened)
    before = replay.as_of(world.journal, opened.seq - 1, world.found)
    after = replay.as_of(world.journal, opened.seq, world.found)
    assert before.streams[POSITION]["type"] == "Entering"
    assert after.streams[POSITION]["type"] == "Open"
    assert after.at_ms == opened.at_ms


@pytest.mark.parametrize("seq", [10_000, -1])
def test_a_moment_that_is_not_in_this_history_is_refused(seq: int) -> None:
    world = lived()
    with pytest.raises(InvalidInput, match=f"an event from 0 to {world.kernel.head.seq}, found {seq}"):
        replay.as_of(world.journal, seq, world.found)
    with pytest.raises(InvalidInput, match="an event from 0 to"):
        replay.stream_as_of(world.journal, POSITION, seq, world.found)


def test_a_finished_stream_is_folded_when_it_is_asked_for_by_name() -> None:
    world = lived()
    seq = world.kernel.head.seq
    assert POSITION not in replay.as_of(world.journal, seq, world.found).streams
    found = replay.stream_as_of(world.journal, POSITION, seq, world.found)
    assert found.streams[POSITION]["type"] == "Closed"
    (opened, *_) = world.events(PositionOpened)
    earlier = replay.stream_as_of(world.journal, POSITION, opened.seq, world.found)
    assert earlier.streams[POSITION]["type"] == "Open"
    assert earlier.at_ms == opened.at_ms


@pytest.mark.parametrize("stream", ["operations:main", "account:main", f"symbol:{SYMBOL}"])
def test_a_stream_alone_is_what_it_is_among_all(stream: str) -> None:
    world = lived()
    seq = world.kernel.head.seq
    alone = replay.stream_as_of(world.journal, stream, seq, world.found).streams
    assert alone == {stream: replay.as_of(world.journal, seq, world.found).streams[stream]}


def test_a_stream_that_had_not_begun_is_refused_by_name() -> None:
    world = lived()
    with pytest.raises(InvalidInput, match="a stream with events up to seq 1, found 'position:main/BTCUSDT-1'"):
        replay.stream_as_of(world.journal, POSITION, 1, world.found)
    with pytest.raises(InvalidInput, match="--stream"):
        replay.stream_as_of(world.journal, "no such stream", 9, world.found)


# ── differences ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_differences_name_the_path_and_both_values() -> None:
    before = {"a": {"b": 1, "c": [1, 2]}, "gone": "x", "same": {"d": None}}
    after = {"a": {"b": 2, "c": [1, 2, 3]}, "same": {"d": None}, "new": {"e": 5}}
    assert replay.differences(before, after) == {
        "a.b": [1, 2],
        "a.c": [[1, 2], [1, 2, 3]],
        "gone": ["x", None],
        "new": [None, {"e": 5}],
    }


def test_equal_states_do_not_differ() -> None:
    assert replay.differences({"a": [1]}, {"a": [1]}) == {}
    assert replay.differences(None, None) == {}
    assert replay.differences(1, 2) == {"": [1, 2]}


def test_the_end_of_a_session_is_one_difference() -> None:
    world = lived()
    before = replay.as_of(world.journal, world.kernel.head.seq, world.found)
    world.runner.feed(world.kernel.head.at_ms, SessionEnded("asked to"))
    world.journal.commit()
    after = replay.as_of(world.journal, world.kernel.head.seq, world.found)
    assert replay.differences(before.streams, after.streams) == {"operations:main.running": [True, False]}
