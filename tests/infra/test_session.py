"""A process's turn at a run: what comes first, what comes back, and what is asked for again."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from actors.outbox import Outbox
from domain.base import Issued
from domain.catalog import decode_input
from domain.config import AccountConfig, VenueConfig
from domain.deal import VIRTUAL
from domain.operations import RunStarted, SessionEnded, StateRestored
from domain.position_events import ExitRequested, PositionClosed
from domain.venue import PlaceOrder
from infra.memory import MemoryJournal
from infra.session import begin, paper_venue
from tests.worlds import CONFIG, POSITION, START_MS, STARTED, Told, World, buys, open_ms


def inputs(world: World) -> list[str]:
    return [type(decode_input(step.frame.input)).__name__ for step in world.steps]


def test_a_new_run_begins_with_its_settings() -> None:
    world = World()
    assert inputs(world)[0] == "SessionStarted"
    assert world.events(RunStarted)[0].event.config == CONFIG


def test_a_run_that_goes_on_begins_with_what_was_restored_and_then_its_settings() -> None:
    world = World(buys()).enter()
    world.journal.commit()
    hash_before = world.kernel.population.state_hash()
    again = world.after_crash()
    assert inputs(again)[:2] == ["Restored", "SessionStarted"]
    (restored,) = again.events(StateRestored)
    assert restored.event == StateRestored(world.kernel.head.seq, hash_before, unclean=True)


def test_an_end_on_purpose_is_remembered() -> None:
    world = World()
    world.runner.feed(START_MS, SessionEnded("asked to"))
    world.journal.commit()
    assert not world.after_crash().events(StateRestored)[0].event.unclean


def test_time_goes_on_where_it_ended_even_if_the_clock_went_back() -> None:
    world = World(buys()).enter()
    world.journal.commit()
    again = world.after_crash(at_ms=START_MS)
    assert again.steps[0].frame.at_ms == world.kernel.head.at_ms


def test_what_is_not_durable_never_happened() -> None:
    world = World(buys())
    world.journal.commit()
    world.enter()
    again = world.after_crash()
    assert again.kernel.population.get(POSITION) is None
    assert again.enter(0).kernel.population.get(POSITION) is not None


def test_a_stop_that_rests_at_the_venue_inside_is_met_after_a_restart() -> None:
    world = World(buys()).enter()
    world.journal.commit()
    again = world.after_crash()
    for second in (1, 2):
        again.quote(again.kernel.head.at_ms + second * 1_000, BTCUSDT=97.0)
    (closed,) = again.events(PositionClosed)
    assert closed.event.reason == "STOP"
    assert again.verified().divergences == 0


def test_a_time_stop_that_fell_due_while_nobody_lived_is_the_first_thing_after_the_restart() -> None:
    world = World(buys()).enter()
    world.journal.commit()
    again = world.after_crash(at_ms=open_ms(90))
    (leaving,) = again.events(ExitRequested)
    assert leaving.event.reason == "TIME_STOP"
    assert leaving.input_seq == again.steps[1].frame.input_seq, "with the session's own settings"
    assert again.verified().divergences == 0


def test_an_order_that_was_never_answered_is_asked_for_again_under_its_own_id() -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    world.journal.commit()
    again = world.after_crash()
    assert again.steps[0].issued == world.steps[-1].issued
    for second in (1, 2):
        again.quote(again.kernel.head.at_ms + second * 1_000, BTCUSDT=100.0)
    assert type(again.state(POSITION)).__name__ == "Open"


def test_a_session_for_a_venue_outside_asks_it_again_after_the_commit() -> None:
    world = World(buys()).close(0, BTCUSDT=100.0)
    world.journal.commit()
    left: list[Issued] = []
    outbox = Outbox(left.append, lambda: True)
    journal = world.journal.after_crash(outbox.release)
    runner = begin(journal, journal, world.found, STARTED, open_ms(2), outbox=outbox, in_process=False)
    assert runner.venue is None
    assert [type(issued.effect) for issued in left] == [PlaceOrder]
    assert left == list(world.steps[-1].issued)


def test_the_next_session_may_have_other_limits_and_costs() -> None:
    world = World(buys()).enter()
    world.journal.commit()
    dear = replace(CONFIG, account=AccountConfig(max_open_positions=1), venue=VenueConfig(taker_fee_bps=Decimal(50)))
    again = World(Told(), config=dear, journal=world.journal.after_crash(), at_ms=open_ms(3))
    assert again.kernel.config == dear
    assert again.state("operations:main").config == dear


def test_the_venue_inside_knows_one_account_with_money_and_one_without() -> None:
    venue = paper_venue(CONFIG)
    assert venue.desk("main").wallet == CONFIG.account.initial_balance
    assert venue.desk(VIRTUAL).wallet is None


def test_a_run_in_memory_needs_no_reader_of_its_own() -> None:
    journal = MemoryJournal()
    runner = begin(journal, journal, lambda _: Told(), STARTED, START_MS)
    assert (runner.kernel.head.input_seq, journal.head().input_seq) == (1, 0)
