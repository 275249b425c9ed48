"""The exchange as an inflow: everything arrives once and in order, whatever its sockets go through."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from msgspec.structs import replace

from actors.ingress import Ingress
from domain.base import Input
from domain.instrument import Instrument
from domain.market import (
    MINUTE_MS,
    CandleArrived,
    HistoryArrived,
    InstrumentArrived,
    InstrumentLeft,
    MarketTick,
    OpenInterestArrived,
)
from domain.market_view import ReferenceHoursArrived
from domain.operations import Condition
from infra.beliefs import Beliefs
from infra.binance import breaker, calls, first_look, live, loading
from infra.binance.history import CANDLES, Held
from infra.binance.live import LiveExchange, Wish
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings
from infra.binance.universe import Universe, choose
from infra.clock import ExchangeClock
from infra.exchange.faults import Faults, Once, RestFault
from infra.simulator import settings_for
from tests.venue_worlds import SYMBOL, WireWorld

SPEED = 120.0
WAIT_S = 30.0


class Inflow:
    """A live exchange whose inputs are collected on a thread, as the kernel's would take them."""

    def __init__(
        self, world: WireWorld, wish: Wish, open_in: Callable[[str], bool] = lambda _: False, **settings: Any
    ) -> None:
        announced = world.server.announced
        there = BinanceSettings(rest_url=announced.rest, stream_url=announced.ws, **settings)
        self.clock = ExchangeClock(SPEED)
        self.clock.set(world.stage.clock.now_ms())
        self.ingress = Ingress()
        self.live = LiveExchange(there, None, self.clock, self.ingress, wish, open_in=open_in)
        self.inputs: list[Input] = []
        self.stop = threading.Event()
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self.live.run, args=(self.stop,), daemon=True),
            threading.Thread(target=self._collect, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _collect(self) -> None:
        while not self.stop.is_set():
            item = self.ingress.take(0.1)
            if item is not None:
                with self._changed:
                    self.inputs.append(item[1])
                    self._changed.notify_all()

    def of(self, kind: type[Any], symbol: str = SYMBOL) -> list[Any]:
        return [each for each in self.inputs if isinstance(each, kind) and getattr(each, "symbol", symbol) == symbol]

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, f"not within {WAIT_S:g} s"
                self._changed.wait(0.1)

    def minutes(self) -> list[int]:
        return [each.candle.open_time_ms for each in self.of(CandleArrived)]

    def end(self) -> float:
        began = time.monotonic()
        self.stop.set()
        for thread in self._threads:
            thread.join(10.0)
        return time.monotonic() - began


@pytest.fixture
def world() -> Iterator[WireWorld]:
    made = WireWorld(SPEED)
    yield made
    made.close()


def contiguous(minutes: list[int]) -> bool:
    return minutes == list(range(minutes[0], minutes[0] + len(minutes) * MINUTE_MS, MINUTE_MS))


def test_a_cold_start_brings_histories_first_and_then_candles_without_a_hole(world: WireWorld) -> None:
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),)))
    inflow.until(lambda: len(inflow.minutes()) >= 4 and inflow.of(MarketTick))
    assert inflow.end() < 5.0
    histories = inflow.of(HistoryArrived)
    assert {history.interval for history in histories} == set(CANDLES)
    last = next(history.candles[-1] for history in histories if history.interval == "1m")
    assert contiguous([last.open_time_ms, *inflow.minutes()])
    first_candle = next(i for i, each in enumerate(inflow.inputs) if isinstance(each, CandleArrived))
    assert not [each for each in inflow.inputs[first_candle:] if isinstance(each, HistoryArrived | OpenInterestArrived)]
    (eth,) = (each for each in inflow.inputs if isinstance(each, ReferenceHoursArrived) and len(each.hours) > 1)
    assert eth.reference == "ETHUSDT", "what stands for the market and is not traded itself"


def test_candles_are_complete_after_connections_were_cut(world: WireWorld) -> None:
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),)))
    inflow.until(lambda: len(inflow.minutes()) >= 2)
    for _ in range(2):
        world.on_loop(lambda: [client.close(0) for client in tuple(world.stage.hub.clients)])
        seen = len(inflow.minutes())
        inflow.until(lambda seen=seen: len(inflow.minutes()) >= seen + 14)
    inflow.end()
    assert contiguous(inflow.minutes())


def test_a_warm_start_asks_for_the_gap_alone(world: WireWorld) -> None:
    now_ms = world.stage.clock.now_ms()
    last_ms = now_ms - now_ms % MINUTE_MS - 5 * MINUTE_MS
    held = Held(SYMBOL, last_ms, tuple(CANDLES), now_ms)
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (held,), known_hours={"ETHUSDT": now_ms}))
    inflow.until(lambda: len(inflow.minutes()) >= 7)
    inflow.end()
    assert not inflow.of(HistoryArrived)
    assert contiguous([last_ms, *inflow.minutes()])
    assert inflow.live.loaded is not None
    assert inflow.live.loaded.candle_calls == 1


def test_candles_over_rest_can_be_forbidden(world: WireWorld) -> None:
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),)), disable_rest_fallback=True)
    inflow.until(lambda: len(inflow.minutes()) >= 2)
    inflow.end()
    assert inflow.live.candle_calls() == 0
    assert not inflow.of(HistoryArrived)


def test_prices_that_stop_are_said_to_be_stale(world: WireWorld) -> None:
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),)))
    inflow.until(lambda: inflow.of(MarketTick))
    assert inflow.live.conditions() == {}

    def mute() -> None:
        for client in tuple(world.stage.hub.clients):
            client.silent = True

    world.on_loop(mute)
    inflow.until(lambda: Condition.FEED_STALE in inflow.live.conditions())
    inflow.end()


def test_a_contract_that_ends_leaves_the_run(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    inflow = Inflow(world, Wish((SYMBOL, "ETHUSDT"), (SYMBOL, "ETHUSDT"), (Held(SYMBOL), Held("ETHUSDT"))))
    inflow.until(inflow.live.ready.is_set)
    market = world.stage.market
    ended = tuple(replace(each, status="SETTLING") if each.symbol == "ETHUSDT" else each for each in market.listings)
    monkeypatch.setattr(market, "listings", ended)
    feed = inflow.live._feed
    assert feed is not None
    feed._listing_changed.set()
    inflow.until(lambda: inflow.of(InstrumentLeft, "ETHUSDT"))
    inflow.until(lambda: feed.board.symbols == (SYMBOL,))
    inflow.end()
    (left,) = inflow.of(InstrumentLeft, "ETHUSDT")
    assert left.reason == "STATUS_SETTLING"


def looked_again(inflow: Inflow) -> None:
    """Let the exchange say that its list changed, and wait until it was read."""
    before, feed = inflow.live.api_calls(), inflow.live._feed
    assert feed is not None
    feed._listing_changed.set()
    inflow.until(lambda: inflow.live.api_calls() > before and not feed._listing_changed.is_set())


def test_terms_that_change_while_it_runs_are_told_once(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    market = world.stage.market
    listed = next(each for each in market.listings if each.symbol == SYMBOL)
    known = Instrument(SYMBOL, listed.tick, listed.step, listed.min_quantity, max_leverage=50)
    known = replace(known, min_notional=listed.min_notional, maintenance_rate=Decimal("0.007"))
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),), terms={SYMBOL: known}))
    inflow.until(inflow.live.ready.is_set)
    coarser = tuple(replace(each, tick=each.tick * 10) if each is listed else each for each in market.listings)
    monkeypatch.setattr(market, "listings", coarser)
    looked_again(inflow)
    inflow.until(lambda: any(isinstance(each, InstrumentArrived) for each in inflow.inputs))
    looked_again(inflow)
    inflow.end()
    (told,) = (each.instrument for each in inflow.inputs if isinstance(each, InstrumentArrived))
    assert told == replace(known, tick=listed.tick * 10), "leverage and rate as they were: nobody said otherwise"


def test_a_list_that_lacks_a_contract_in_which_something_is_open_ends_nothing(
    world: WireWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = (SYMBOL, "ETHUSDT")
    inflow = Inflow(world, Wish(both, both, tuple(map(Held, both))), open_in=lambda symbol: symbol == "ETHUSDT")
    inflow.until(inflow.live.ready.is_set)

    async def empty(rest: Rest, wanted: tuple[str, ...], *, strict: bool) -> Universe:
        await rest.ping()
        return choose((), {}, wanted, strict=strict)

    monkeypatch.setattr(live, "look", empty)
    looked_again(inflow)
    looked_again(inflow)
    feed = inflow.live._feed
    assert feed is not None
    inflow.until(lambda: feed.board.symbols == ("ETHUSDT",))
    inflow.end()
    assert [each.symbol for each in inflow.inputs if isinstance(each, InstrumentLeft)] == [SYMBOL]


@pytest.mark.parametrize("stopped_at_once", [False, True])
def test_a_ban_while_the_account_is_looked_at_is_waited_out_unless_somebody_stops(
    world: WireWorld, monkeypatch: pytest.MonkeyPatch, stopped_at_once: bool
) -> None:
    monkeypatch.setattr(calls, "PATIENCE_MS", 500)
    monkeypatch.setattr(first_look, "MARGIN_S", 0.05)
    ban = Faults(ban_s=120.0 if stopped_at_once else 1.5, next=(Once(RestFault.BANNED_418, "/fapi/v1/positionSide"),))
    look_at_the_account(world, ban, stopped_at_once=stopped_at_once)


def test_maintenance_is_waited_out_even_if_the_breaker_opens_meanwhile(
    world: WireWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "RECOVERY_MS", 2_500)
    monkeypatch.setattr(breaker, "DELAY_MS", 10)
    monkeypatch.setattr(first_look, "MARGIN_S", 0.05)
    short = first_look.BackOffPolicy(first_s=0.05)
    monkeypatch.setattr(first_look, "BackOffPolicy", lambda: short)
    down = Faults(next=(Once(RestFault.SERVER_ERROR, "/fapi/v1/positionSide", count=12),))
    look_at_the_account(world, down)


def look_at_the_account(world: WireWorld, trouble: Faults, *, stopped_at_once: bool = False) -> None:
    world.end_session()
    world.on_loop(lambda: world.stage.misbehave(trouble))
    settings, key = settings_for(BinanceSettings(), world.server.announced)
    ingress, clock, stop = Ingress(), ExchangeClock(SPEED), threading.Event()
    account = (cast("Beliefs", world.beliefs), "epoch")
    exchange = LiveExchange(settings, key, clock, ingress, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),)), account=account)
    thread = threading.Thread(target=exchange.run, args=(stop,), daemon=True)
    thread.start()
    assert stopped_at_once or exchange.ready.wait(WAIT_S)
    assert thread.is_alive()
    stop.set()
    ingress.close()
    thread.join(2.0 if stopped_at_once else WAIT_S)
    assert not thread.is_alive()


def test_a_ban_while_histories_load_is_waited_out_and_said(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE_MS", 500)  # so that two seconds are more than a call waits for
    monkeypatch.setattr(loading, "PATIENCE_MS", 500)
    ban = Faults(ban_s=1.5, next=(Once(RestFault.BANNED_418, "/fapi/v1/klines"),))
    world.on_loop(lambda: world.stage.misbehave(ban))
    inflow = Inflow(world, Wish((SYMBOL,), (SYMBOL,), (Held(SYMBOL),)))
    inflow.until(inflow.live.ready.is_set)
    assert "banned" in inflow.live.conditions()[Condition.HISTORY_MISSING]
    inflow.until(lambda: inflow.of(MarketTick))
    assert not inflow.of(CandleArrived), "without its past it is not analysed"
    inflow.until(lambda: len(inflow.minutes()) >= 4)
    assert Condition.HISTORY_MISSING not in inflow.live.conditions()
    inflow.end()
    last = next(each.candles[-1] for each in inflow.of(HistoryArrived) if each.interval == "1m")
    assert contiguous([last.open_time_ms, *inflow.minutes()])
    assert inflow.live.loaded is not None
    assert inflow.live.loaded.failed == ()
