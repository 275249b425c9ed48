"""Funding that passed while nobody was there is settled with what is held in process, once, when we are back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import worlds
from worlds import World, buys, traded

from domain.errors import Unavailable
from domain.position_events import FundingSettled, PositionClosed
from domain.venue import VenueFunded
from infra.binance.arrival import arrive
from infra.binance.missed_funding import HOUR_MS, missed, unsettled_since
from infra.binance.wire.market_bodies import FundingRate, MarkRow
from infra.clock import ExchangeClock
from infra.simulator import settings_for
from projections.totals import Totals
from tests.venue_worlds import SYMBOL, WireWorld

NOW_MS = worlds.START_MS + 20 * HOUR_MS
FULL_MS = NOW_MS - NOW_MS % HOUR_MS


def rate(hours_ago: int, mark: float = 100.0, jitter_ms: int = 3) -> FundingRate:
    settled_ms = FULL_MS - hours_ago * HOUR_MS + jitter_ms
    return FundingRate(symbol=SYMBOL, time_ms=settled_ms, rate=0.001, mark_price=mark)


class Past:
    """An exchange that settled these."""

    def __init__(self, *rates: FundingRate, broken: bool = False) -> None:
        self.rates = rates
        self.broken = broken
        self.asked: list[tuple[object, ...]] = []

    async def funding_rates(self, *asked: object) -> list[FundingRate]:
        self.asked.append(asked)
        if self.broken:
            raise Unavailable("Binance", "HTTP 503")
        return list(self.rates)

    async def mark_candles(self, *asked: Any) -> tuple[MarkRow, ...]:
        return (MarkRow(asked[2], 77.0, 78.0, 76.0, 77.5, 0, asked[3]),)


def found(past: Any, since_ms: int) -> Any:
    return asyncio.run(missed(past, {SYMBOL: since_ms}, NOW_MS))


def states(world: World) -> dict[str, object]:
    return {actor.stream: actor.state for actor in world.kernel.population.actors()}


def test_what_was_settled_since_is_told_in_order_under_the_full_hour() -> None:
    past = Past(rate(2), rate(10))
    told = found(past, FULL_MS - 12 * HOUR_MS)
    assert [each.time_ms for each in told.fundings] == [FULL_MS - 10 * HOUR_MS, FULL_MS - 2 * HOUR_MS]
    assert [(each.rate, each.mark) for each in told.fundings] == [(0.001, 100.0)] * 2
    assert past.asked == [(SYMBOL, FULL_MS - 12 * HOUR_MS + 1, NOW_MS, 1_000)]


def test_where_the_record_has_no_mark_price_it_is_looked_up() -> None:
    (told,) = found(Past(rate(2, mark=0.0)), FULL_MS - 12 * HOUR_MS).fundings
    assert told.mark == 77.0


def test_nothing_is_asked_for_while_no_full_hour_has_passed() -> None:
    past = Past(rate(0))
    assert found(past, FULL_MS).fundings == ()
    assert past.asked == []


def test_what_can_not_be_had_is_said() -> None:
    told = found(Past(broken=True), FULL_MS - HOUR_MS)
    assert told.fundings == ()
    assert told.failed == (f"{SYMBOL} funding since {FULL_MS - HOUR_MS}: Binance is not available: HTTP 503",)


def test_only_what_is_held_in_process_is_asked_for() -> None:
    world = World(buys()).enter()
    (opened_ms,) = unsettled_since(states(world)).values()
    assert worlds.open_ms(1) <= opened_ms <= worlds.open_ms(2)
    assert unsettled_since(states(world), ("main",)) == {}
    assert unsettled_since(states(World())) == {}


def test_a_restarted_session_settles_what_passed_and_never_twice() -> None:
    world = World(buys()).enter()
    world.journal.commit()
    before = world.state("account:main").balance
    told = found(Past(rate(18), rate(10), rate(2)), *unsettled_since(states(world)).values())
    again = world.after_crash(NOW_MS)
    for funding in (*told.fundings, *told.fundings):
        again.runner.feed(NOW_MS, funding)
    again.runner.settle(NOW_MS + 1_000)
    settled = [recorded.event for recorded in again.events(FundingSettled)]
    assert [event.time_ms for event in settled] == [each.time_ms for each in told.fundings]
    assert all(event.amount < 0 for event in settled), "a long pays a positive rate"
    assert again.state("account:main").balance == before + sum(event.amount for event in settled)
    assert unsettled_since(states(again)) == {SYMBOL: told.fundings[-1].time_ms}
    assert again.verified().first_divergence is None


def test_funding_told_when_the_position_is_over_is_its_own_and_its_account_s_once() -> None:
    world = traded()
    (closed,) = world.events(PositionClosed)
    before, time_ms = world.state("account:main").balance, closed.event.time_ms
    told = VenueFunded(closed.stream, time_ms, Decimal("0.001"), Decimal(100), Decimal("-0.3"))
    for _ in range(2):
        world.runner.feed(world.kernel.head.at_ms, told)
    world.runner.feed(world.kernel.head.at_ms, msgspec.structs.replace(told, time_ms=time_ms + 1))
    (settled,) = world.events(FundingSettled)
    assert (settled.stream, settled.event.after_close.net) == (closed.stream, closed.event.net)
    assert world.kernel.population.get(closed.stream) is None, "it is let go again"
    assert world.state("account:main").balance == before - Decimal("0.3")
    world.journal.commit()
    again = world.after_crash(world.kernel.head.at_ms + 1_000)
    again.runner.feed(again.kernel.head.at_ms, told)
    assert again.events(FundingSettled) == []
    again.journal.commit()
    totals = Totals()
    totals.take(again.journal.events(0))
    assert totals.realized_pnl == closed.event.net - Decimal("0.3")
    assert totals.balance == again.config.account.initial_balance + totals.realized_pnl
    assert again.verified().first_divergence is None


@pytest.fixture
def wire() -> Iterator[WireWorld]:
    made = WireWorld()
    made.end_session()
    yield made
    made.close()


def test_the_first_look_at_an_exchange_brings_what_passed(wire: WireWorld) -> None:
    began_ms = wire.stage.clock.now_ms()
    wire.advance(17 * HOUR_MS)
    settings, key = settings_for(wire._settings, wire.server.announced)
    arrival = arrive(settings, key, (SYMBOL,), ExchangeClock(1.0), (), {SYMBOL: began_ms})
    theirs = wire.run(wire.rest.funding_rates(SYMBOL, began_ms + 1))
    assert len(arrival.missed.fundings) == len(theirs) >= 2
    assert [each.rate for each in arrival.missed.fundings] == [each.rate for each in theirs]
    assert all(each.time_ms % HOUR_MS == 0 for each in arrival.missed.fundings)
