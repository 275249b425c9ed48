"""The closed lists: every name is known and stands for ever, every value is read back as it was written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import catalog
from domain.base import Effect, Event, Input, Issued
from domain.catalog import (
    EFFECTS,
    EVENTS,
    INPUTS,
    NO_EFFECTS,
    TOPICS,
    UPCASTERS,
    decode_effects,
    decode_event,
    decode_input,
    encode_effects,
    encode_event,
    encode_input,
    name_of,
)
from domain.errors import CorruptHistory
from domain.market import QuoteArrived
from domain.operations import RunStopped
from domain.position_events import PositionAbandoned
from domain.venue import OrderAnswer
from tests.domain.any_value import INT64, values_of

PATIENT = settings(deadline=None)  # the machine may be busy

ALL = (*INPUTS, *EVENTS, *EFFECTS)
WIDE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def named(kinds: tuple[type, ...]) -> Any:
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.__name__)


def leaves(root: type) -> set[type]:
    """Give all kinds of ours that derive from a root and are no root themselves."""
    ours = [kind for kind in root.__subclasses__() if kind.__module__.startswith("domain.")]
    return {root} if not ours else {leaf for kind in ours for leaf in leaves(kind)}


# ── what there is ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_event_input_and_effect_is_in_the_catalog() -> None:
    assert leaves(Event) == set(EVENTS)
    assert leaves(Effect) == set(EFFECTS)
    assert leaves(Input) - {QuoteArrived} == set(INPUTS), "a quote reaches its symbol as a part of a MarketTick"
    assert OrderAnswer not in INPUTS


def test_no_name_means_two_things() -> None:
    names = [name_of(kind) for kind in ALL]
    assert len(names) == len(set(names))
    assert not set(UPCASTERS) & set(names)


def test_a_topic_is_the_name_in_bytes() -> None:
    assert {kind: name_of(kind).encode() for kind in EVENTS} == TOPICS


@named(EVENTS)
def test_an_event_is_a_sentence_in_the_past_tense_with_its_meaning(kind: type[Event]) -> None:
    exceptions = {"DeadLetter", "OrderCanceled"}
    assert kind.__name__ in exceptions or kind.__name__.endswith(("ed", "en", "Found", "Down")), kind.__name__
    assert kind.__doc__
    assert kind.__doc__ != Event.__doc__


# ── there and back ────────────────────────────────────────────────────────────────────────────────────────────────


@named(EVENTS)
@WIDE
@given(data=st.data())
def test_an_event_is_read_back_as_it_was_written(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(values_of(kind))
    input_seq, at_ms = data.draw(st.tuples(INT64, INT64))
    state = encode_event(input_seq, at_ms, event)
    assert decode_event(name_of(kind), state) == (input_seq, at_ms, event)
    assert encode_event(*decode_event(name_of(kind), state)) == state


@named(INPUTS)
@WIDE
@given(data=st.data())
def test_an_input_is_read_back_as_it_was_written(kind: type[Input], data: st.DataObject) -> None:
    input_ = data.draw(values_of(kind))
    state = encode_input(input_)
    assert decode_input(state) == input_
    assert type(decode_input(state)) is kind
    assert encode_input(decode_input(state)) == state


@named(EFFECTS)
@WIDE
@given(data=st.data())
def test_effects_are_read_back_as_they_were_written(kind: type[Effect], data: st.DataObject) -> None:
    effects = data.draw(st.lists(values_of(kind), max_size=3))
    issued = tuple(Issued(f"position:x@{number}", effect) for number, effect in enumerate(effects))
    assert decode_effects(encode_effects(issued)) == issued
    assert encode_effects(decode_effects(encode_effects(issued))) == encode_effects(list(issued))


def test_no_effects_have_one_encoding() -> None:
    assert encode_effects([]) == encode_effects(()) == NO_EFFECTS
    assert decode_effects(NO_EFFECTS) == ()


def test_defaults_are_left_out_so_that_a_new_field_changes_no_old_bytes() -> None:
    class Grown(RunStopped, frozen=True, tag="RunStopped"):
        detail: str = ""

    assert msgspec.msgpack.encode(Grown("x")) == msgspec.msgpack.encode(RunStopped("x"))


# ── what can't be read ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_name_says_that_a_newer_version_wrote_it() -> None:
    state = encode_event(1, 2, RunStopped("x"))
    with pytest.raises(CorruptHistory, match="'RunPaused' is not in this version's catalog"):
        decode_event("RunPaused", state)


@pytest.mark.parametrize("topic", ["SessionStarted", "PlaceOrder", "", "runstopped"])
def test_only_events_are_events(topic: str) -> None:
    with pytest.raises(CorruptHistory):
        decode_event(topic, encode_event(1, 2, RunStopped("x")))


def test_an_event_under_another_events_name_is_damage() -> None:
    with pytest.raises(CorruptHistory, match="a stored PositionAbandoned can't be read"):
        decode_event("PositionAbandoned", encode_event(1, 2, RunStopped("x")))


WHOLE = encode_event(1, 2, RunStopped("reason"))


@PATIENT
@given(
    st.binary(max_size=40) | st.builds(lambda at, more: WHOLE[:at] + more, st.integers(0, 40), st.binary(max_size=3))
)
def test_damaged_bytes_are_damage_or_another_value_but_never_another_error(data: bytes) -> None:
    for read in (lambda: decode_event("RunStopped", data), lambda: decode_input(data), lambda: decode_effects(data)):
        try:
            read()
        except CorruptHistory:
            continue


def test_an_input_or_an_effect_of_another_version_is_damage() -> None:
    with pytest.raises(CorruptHistory, match="an input on the tape can't be read"):
        decode_input(msgspec.msgpack.encode({"type": "MoonLanded"}))
    with pytest.raises(CorruptHistory, match="effects on the tape can't be read"):
        decode_effects(msgspec.msgpack.encode([["x@1", {"type": "FlyToTheMoon"}]]))


# ── upcasters ─────────────────────────────────────────────────────────────────────────────────────────────────────


def stored(name: str, **fields: object) -> bytes:
    return msgspec.msgpack.encode([7, 9, {"type": name, **fields}])


def test_an_old_name_is_read_as_what_it_is_called_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UPCASTERS, "RunHalted", ("RunStopped", lambda fields: {"reason": fields["why"].lower()}))
    assert decode_event("RunHalted", stored("RunHalted", why="ASKED")) == (7, 9, RunStopped("asked"))


def test_an_old_name_may_have_been_renamed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UPCASTERS, "First", ("Second", lambda fields: {"why": fields["because"]}))
    monkeypatch.setitem(UPCASTERS, "Second", ("PositionAbandoned", lambda fields: {"reason": fields["why"]}))
    assert decode_event("First", stored("First", because="x")) == (7, 9, PositionAbandoned("x"))


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: {"reason": fields["not there"]},
        lambda fields: {"reason": 5},
        lambda fields: {"reason": fields["why"] + 1},
        lambda fields: {},
    ],
)
def test_an_old_event_that_does_not_fit_its_upcaster_is_damage(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    monkeypatch.setitem(UPCASTERS, "RunHalted", ("RunStopped", change))
    with pytest.raises(CorruptHistory, match="a stored RunHalted can't be read"):
        decode_event("RunHalted", stored("RunHalted", why="x"))


def test_every_upcaster_leads_to_a_name_of_today() -> None:
    for old in UPCASTERS:
        name = old
        for _ in range(len(UPCASTERS) + 1):
            name = UPCASTERS[name][0] if name in UPCASTERS else name
        assert name in catalog._kinds
