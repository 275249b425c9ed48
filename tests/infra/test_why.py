"""The chain of causes, from stored facts only."""

from __future__ import annotations

import pytest
from recorded_runs import recorded
from worlds import World, buys

from domain.account import EntryApproved
from domain.base import Event, Recorded
from domain.errors import InvalidInput
from domain.orders import OrderFilled, OrderRequested, Role
from domain.position_events import PositionClosed
from domain.symbol.events import SignalRaised, SymbolAnalyzed, VirtualPositionPlanned
from domain.venue import VenueRejected
from infra.memory import MemoryJournal
from infra.why import why


@pytest.fixture(scope="module")
def run() -> MemoryJournal:
    return recorded(12, ticks=False)


def first(run: MemoryJournal, kind: type[Event]) -> Recorded:
    return next(r for r in run.events(0) if isinstance(r.event, kind))


def kinds(run: MemoryJournal, asked: str, until: int | None = None) -> list[str]:
    return [link.event for link in why(run, asked, until)]


def test_a_position_goes_back_to_the_input_and_on_to_its_result(run: MemoryJournal) -> None:
    closed = next(r for r in run.events(0) if isinstance(r.event, PositionClosed) and "main" in r.stream)
    told = kinds(run, closed.stream)
    assert told[:4] == ["CandleArrived", "SymbolAnalyzed", "SignalRaised", "EntryApproved"]
    assert told[4:6] == ["PositionRequested", "OrderRequested"]
    assert "PositionClosed" in told
    says = next(link.says for link in why(run, closed.stream) if link.event == "PositionClosed")
    assert f"net {closed.event.net:f}" in says


def test_an_order_leaves_the_other_orders_out(run: MemoryJournal) -> None:
    stop = next(r for r in run.events(0) if isinstance(r.event, OrderFilled) and r.event.role is Role.STOP)
    chain = why(run, stop.event.order_id)
    named = {link.facts["order_id"] for link in chain if "order_id" in link.facts}
    assert named == {stop.event.order_id}


def test_a_signal_tells_what_became_of_it(run: MemoryJournal) -> None:
    approved = first(run, EntryApproved)
    told = kinds(run, approved.event.plan.signal_id)
    assert told[:4] == ["CandleArrived", "SymbolAnalyzed", "SignalRaised", "EntryApproved"]
    assert "PositionRequested" in told


def test_a_signal_that_was_not_traded_says_why_not(run: MemoryJournal) -> None:
    planned = first(run, VirtualPositionPlanned)
    chain = why(run, planned.event.plan.signal_id)
    assert any(link.event == "EntryDenied" and planned.event.why in link.says for link in chain)
    assert any(link.stream == planned.event.position for link in chain)


@pytest.mark.parametrize("of_the_signal", [True, False])
def test_a_signal_whose_entry_was_refused_tells_of_both_positions(of_the_signal: bool) -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    at_ms, entry = world.kernel.head.at_ms, world.events(OrderRequested)[-1]
    world.runner.feed(at_ms, VenueRejected(entry.event_id, at_ms, "-2019", "Margin is insufficient."))
    world.journal.commit()
    (planned,) = world.events(VirtualPositionPlanned)
    asked = planned.event.plan.signal_id if of_the_signal else planned.event.position
    told = [(link.event, link.stream) for link in why(world.journal, asked)]
    assert [event for event, _ in told][3:] == [
        "EntryApproved", "PositionRequested", "OrderRequested", "OrderRejected", "PositionAbandoned",
        *(event for event, stream in told if stream == planned.event.position),
    ]  # fmt: skip
    assert told[-1][1] == planned.event.position


def test_a_symbol_tells_its_newest_verdict_with_the_numbers(run: MemoryJournal) -> None:
    chain = why(run, "btcusdt")
    assert chain[1].event == "SymbolAnalyzed"
    newest = [r for r in run.events(0) if r.stream == "symbol:BTCUSDT" and isinstance(r.event, SymbolAnalyzed)][-1]
    assert chain[1].seq == newest.seq
    assert all(name in chain[1].says for name, _ in newest.event.facts)


def test_a_lasting_verdict_points_to_the_signal_that_published_it(run: MemoryJournal) -> None:
    raised = first(run, SignalRaised)
    same = next(
        r
        for r in run.events(raised.seq)
        if r.stream == raised.stream
        and isinstance(r.event, SymbolAnalyzed)
        and r.event.verdict == raised.event.proposal.side.value
        and r.input_seq > raised.input_seq
    )
    chain = why(run, raised.stream.partition(":")[2], same.seq)
    assert raised.event_id in chain[-1].says


def test_the_past_does_not_know_the_future(run: MemoryJournal) -> None:
    closed = next(r for r in run.events(0) if isinstance(r.event, PositionClosed))
    assert all(link.seq <= closed.seq - 1 for link in why(run, closed.stream, closed.seq - 1))


@pytest.mark.parametrize(
    "asked", ["NOPEUSDT", "position:main/BTCUSDT-9999", "symbol:BTCUSDT@999999", "symbol:BTCUSDT@x", "account:main"]
)
def test_what_is_not_there_is_refused_in_a_sentence(run: MemoryJournal, asked: str) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        why(run, asked)
