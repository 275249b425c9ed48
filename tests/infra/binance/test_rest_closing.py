"""What an answer forbids holds for those who wait behind it, and an end is an end for everybody."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from toy_exchange import Seen, Toy, refuses, rest_of, right_key, says, with_toy

from domain.errors import Unavailable
from infra.binance.breaker import Breaker, Level
from infra.binance.calls import STOP_MAX_MS, governor_of
from infra.binance.endpoints import WEIGHT
from infra.binance.pacing import Gate
from infra.binance.priority import Priority
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings

PING = "GET /fapi/v1/ping"


def test_after_a_418_not_one_of_those_who_waited_for_its_connection_is_sent() -> None:
    async def test(toy: Toy) -> None:
        toy.on(PING, refuses(-1003, "banned", 418, Retry_After="120"))
        async with rest_of(toy, connections=1, retries=0) as rest:
            results = await asyncio.gather(*(rest.ping() for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, Unavailable) for result in results)
        assert len(toy.seen) == 1

    with_toy(test)


def test_after_a_429_those_who_waited_for_its_connection_go_on_waiting() -> None:
    async def test(toy: Toy) -> None:
        toy.on(PING, refuses(-1003, "too many", 429))
        async with rest_of(toy, connections=1, retries=0) as rest:
            calls = [asyncio.create_task(rest.ping()) for _ in range(5)]
            done, waiting = await asyncio.wait(calls, timeout=0.2)
            for call in waiting:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert (len(done), len(toy.seen)) == (1, 1)

    with_toy(test)


def test_what_others_used_is_heeded_before_the_next_one_goes() -> None:
    """The header of the first answer says that the share is used up: who waited for its connection stays."""

    async def test(toy: Toy) -> None:
        toy.on(PING, says({}, X_MBX_USED_WEIGHT_1M="2160"))
        async with rest_of(toy, connections=1) as rest:
            calls = [asyncio.create_task(rest.ping()) for _ in range(3)]
            await asyncio.wait(calls, timeout=0.2)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        assert len(toy.seen) == 1

    with_toy(test)


@pytest.mark.parametrize("after", ["0", "999999999999999", "-5", "soon", "Wed, 21 Oct 2099 07:28:00 GMT", ""])
def test_whatever_retry_after_says_the_pause_ends_some_day(after: str) -> None:
    async def test(toy: Toy) -> None:
        toy.on(PING, refuses(-1003, "too many", 429, Retry_After=after))
        async with rest_of(toy, retries=0) as rest:
            with pytest.raises(Unavailable):
                await rest.ping()
            gate = rest.calls.gate
            gate.governor.enter({WEIGHT: 1}, Priority.LOW)
            assert (gate.governor.wait_ms(gate.now_ms()) or 0) <= STOP_MAX_MS

    with_toy(test)


def test_closing_ends_calls_under_way_and_calls_that_wait_and_later_ones() -> None:
    async def test(toy: Toy) -> None:
        toy.on(PING, toy.hangs)
        rest = rest_of(toy, connections=1, timeout_ms=60_000)
        calls = [asyncio.create_task(rest.ping()) for _ in range(4)]
        while not toy.seen:
            await toy.tick()
        await rest.close()
        for call in calls:
            with pytest.raises(Unavailable):
                await call
        with pytest.raises(Unavailable, match="closed"):
            await rest.ping()
        assert len(toy.seen) == 1
        assert rest.calls.breaker.level(rest.calls.gate.now_ms()) is Level.NORMAL

    with_toy(test)


def test_an_account_that_closes_leaves_the_others_behind_the_same_gate_alone() -> None:
    async def test(toy: Toy) -> None:
        settings = BinanceSettings(rest_url=toy.url, weight_per_minute=2, weight_share=1.0)
        gate, breaker = Gate(governor_of(settings)), Breaker()
        one, other = (Rest(settings, right_key(), account=name, gate=gate, breaker=breaker) for name in ("a", "b"))
        release = asyncio.Event()

        async def answers_later(seen: Seen) -> web.StreamResponse:
            await release.wait()
            return await says({})(seen)

        toy.on(PING, answers_later)
        first = asyncio.create_task(other.ping())
        while not toy.seen:
            await toy.tick()
        waiting = asyncio.create_task(other.ping())
        await toy.tick()
        await one.close()
        await toy.tick()
        assert not waiting.done()
        release.set()
        await first
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await other.close()

    with_toy(test)


def test_a_call_that_is_cancelled_gives_its_place_back() -> None:
    async def test(toy: Toy) -> None:
        toy.on(PING, toy.hangs)
        async with rest_of(toy, connections=2, timeout_ms=60_000) as rest:
            calls = [asyncio.create_task(rest.ping()) for _ in range(6)]
            while not toy.seen:
                await toy.tick()
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            toy.on(PING, says({}))
            await rest.ping()
            assert rest.calls.gate.governor.waiting() == 0

    with_toy(test)
