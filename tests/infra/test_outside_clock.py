"""Our idea of the exchange's time, when the exchange's time leaps or the machine slept."""

from __future__ import annotations

from typing import cast

import pytest
from msgspec.structs import replace

from actors.ports import Frame, Step
from domain.base import Recorded
from domain.market import MINUTE_MS, Candle
from domain.symbol.events import CandleClosed
from infra.binance.live import LiveExchange
from infra.clock import wall_ms
from infra.outside import Outside
from infra.places import place_of
from infra.settings import Settings
from tests.venue_worlds import WireWorld

NOW_MS = 1_795_598_000_000 // MINUTE_MS * MINUTE_MS


class Told:
    """A live exchange that only counts how often it was told to set its clock."""

    def __init__(self) -> None:
        self.times = 0

    def set_clock(self) -> None:
        self.times += 1


def step(*opened_ms: int) -> Step:
    """Give the step of candles that closed."""
    candles = [Candle(at, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 0.5, 0.5) for at in opened_ms]
    events = [Recorded(1, "symbol:A", 1, 1, NOW_MS, CandleClosed(candle)) for candle in candles]
    return Step(Frame(1, NOW_MS, b"", b""), tuple(events), (), (), b"")


@pytest.mark.parametrize(
    ("closes_ms", "set_anew"),
    [((), 0), ((-5 * MINUTE_MS,), 0), ((0,), 0), ((1_000,), 0), ((-MINUTE_MS, 5 * MINUTE_MS), 1)],
)
def test_a_candle_from_beyond_our_clock_sets_it_anew(closes_ms: tuple[int, ...], set_anew: int) -> None:
    settings = Settings()
    outside = Outside(place_of(settings, {}, live=False), settings)
    told = Told()
    outside.live = cast("LiveExchange", told)
    outside.clock.set(NOW_MS)
    outside.take(step(*(NOW_MS - MINUTE_MS + at for at in closes_ms)))
    assert told.times == set_anew


def test_a_run_without_a_past_begins_at_the_exchange_s_time_whenever_that_is() -> None:
    world = WireWorld()
    try:
        there, settings = world.server.announced, Settings()
        settings = replace(
            settings,
            market=replace(settings.market, venue="binance"),
            binance=replace(settings.binance, rest_url=there.rest, stream_url=there.ws),
        )
        outside = Outside(place_of(settings, {}, live=False), settings)
        assert abs(outside.opening_ms() - world.stage.clock.now_ms()) <= MINUTE_MS
        assert abs(world.stage.clock.now_ms() - wall_ms()) > 30 * 24 * 60 * MINUTE_MS, "or this proves nothing"
    finally:
        world.close()
