"""A start that meets a ban or maintenance: it says so once, waits as long as that makes sense, and then goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from toy_exchange import Toy, refuses, says, with_toy

from domain.errors import HindsightError, InvalidInput, Unavailable
from infra.binance import first_look
from infra.binance.arrival import arrive, hear_time
from infra.binance.faults import Busy
from infra.binance.first_look import LIMIT_S, MARGIN_S, until_it_answers
from infra.binance.settings import BinanceSettings
from infra.clock import ExchangeClock
from infra.exchange.faults import Faults, Once, RestFault
from infra.simulator import settings_for
from infra.stopping import Stopped
from tests.venue_worlds import SYMBOL, WireWorld

TIME = "GET /fapi/v1/time"


class Door:
    """Answers in order what it is given; notes how long somebody waits and what he is told meanwhile."""

    def __init__(self, *answers: Exception | str) -> None:
        self.answers = list(answers)
        self.waited: list[float] = []
        self.said: list[str] = []

    async def look(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    def result(self) -> str:
        return asyncio.run(until_it_answers(self.look, self.said.append, pause=self.pause))


def banned(seconds: float) -> Busy:
    return Busy("Binance", "this address is banned (HTTP 418)", int(seconds * 1_000))


def test_a_ban_is_waited_out_as_long_as_it_lasts_and_said_once() -> None:
    door = Door(banned(118), "open")
    assert door.result() == "open"
    assert door.waited == [118 + MARGIN_S]
    (line,) = door.said
    assert "HTTP 418" in line
    assert "119 s" in line
    assert "Ctrl-C" in line


def test_a_ban_that_lasts_longer_than_anybody_would_wait_ends_the_start_at_once() -> None:
    door = Door(banned(LIMIT_S), "open")
    with pytest.raises(Busy, match="banned"):
        door.result()
    assert (door.waited, door.said) == ([], [])


def test_bans_one_after_the_other_are_not_waited_for_longer_than_the_limit_together() -> None:
    door = Door(*(banned(300) for _ in range(5)))
    with pytest.raises(Busy):
        door.result()
    assert len(door.waited) == len(door.said) == 2
    assert sum(door.waited) <= LIMIT_S


def test_maintenance_is_asked_after_ever_more_seldom_and_said_once() -> None:
    door = Door(*(Busy("Binance", "HTTP 503") for _ in range(6)), "open")
    assert door.result() == "open"
    assert door.waited == sorted(door.waited)
    assert len(door.waited) == 6
    (line,) = door.said
    assert "15 min" in line


def test_maintenance_without_an_end_ends_the_start_in_the_end() -> None:
    door = Door(*(Busy("Binance", "HTTP 503") for _ in range(100)))
    with pytest.raises(Busy):
        door.result()
    assert LIMIT_S / 2 < sum(door.waited) <= LIMIT_S


@pytest.mark.parametrize("error", [Unavailable("Binance", "no connection"), InvalidInput("url", "a", "b")])
def test_what_waiting_does_not_cure_is_raised_at_once(error: HindsightError) -> None:
    door = Door(error, "open")
    with pytest.raises(type(error)):
        door.result()
    assert door.waited == []


# ── over the wire ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def no_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_look, "MARGIN_S", 0.05)
    monkeypatch.setattr("infra.binance.arrival.PATIENCE_MS", 500)


def settings_of(toy: Toy) -> BinanceSettings:
    return BinanceSettings(rest_url=toy.url, timeout_ms=2_000)


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.usefixtures("no_margin")
def test_the_time_is_heard_once_the_exchange_talks_to_us_again(status: int) -> None:
    async def test(toy: Toy) -> None:
        refused = refuses(-1003, "Too many requests.", status, Retry_After="1")
        toy.on(TIME, refused, says({"serverTime": 1_780_000_000_000}))
        said: list[str] = []
        found = await asyncio.to_thread(hear_time, settings_of(toy), ExchangeClock(1.0), None, said.append)
        assert 0 <= found - 1_780_000_000_000 < 5_000
        assert len(said) == 1
        assert f"HTTP {status}" in said[0]
        assert len(toy.calls(TIME)) <= 3, "one that was refused, and then the time twice"

    with_toy(test)


@pytest.mark.parametrize("status", [418, 429])
def test_a_refusal_that_does_not_say_for_how_long_is_waited_for_as_long_as_we_are_silent(status: int) -> None:
    async def test(toy: Toy) -> None:
        toy.on(TIME, refuses(-1003, "Too many requests.", status))
        stop, said = threading.Event(), list[str]()

        def say(line: str) -> None:
            said.append(line)
            stop.set()

        with pytest.raises(Stopped):
            await asyncio.to_thread(hear_time, settings_of(toy), ExchangeClock(1.0), stop, say)
        assert "61 s" in said[0] or "121 s" in said[0]
        assert len(toy.calls(TIME)) == 1

    with_toy(test)


def test_ctrl_c_ends_the_wait_at_once() -> None:
    async def test(toy: Toy) -> None:
        toy.on(TIME, refuses(-1003, "Banned.", 418, Retry_After="300"))
        stop = threading.Event()
        with pytest.raises(Stopped):
            await asyncio.to_thread(hear_time, settings_of(toy), ExchangeClock(1.0), stop, lambda _: stop.set())

    with_toy(test)


def test_a_ban_of_hours_ends_the_start_with_a_sentence() -> None:
    async def test(toy: Toy) -> None:
        toy.on(TIME, refuses(-1003, "Banned.", 418, Retry_After="7200"))
        with pytest.raises(Busy, match="HTTP 418"):
            await asyncio.to_thread(hear_time, settings_of(toy), ExchangeClock(1.0))

    with_toy(test)


@pytest.fixture
def wire() -> Iterator[WireWorld]:
    made = WireWorld()
    made.end_session()
    yield made
    made.close()


@pytest.mark.parametrize("fault", [RestFault.BANNED_418, RestFault.SERVER_ERROR])
@pytest.mark.usefixtures("no_margin")
def test_a_start_in_the_middle_of_trouble_finds_its_contracts_in_the_end(
    wire: WireWorld, fault: RestFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = first_look.BackOffPolicy(first_s=0.05)
    monkeypatch.setattr(first_look, "BackOffPolicy", lambda: short)
    trouble = Faults(ban_s=1.0, next=(Once(fault, "/fapi/v1/exchangeInfo", count=4),))
    wire.on_loop(lambda: wire.stage.misbehave(trouble))
    settings, key = settings_for(BinanceSettings(timeout_ms=1_500), wire.server.announced)
    said: list[str] = []
    arrival = arrive(settings, key, (SYMBOL,), ExchangeClock(1.0), say=said.append)
    assert arrival.symbols == (SYMBOL,)
    assert said
