"""The gate: coroutines wait for the governor, and one that gives up leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from domain.errors import Unavailable
from infra.binance.endpoints import WEIGHT
from infra.binance.limits import MINUTE_MS, Governor, Limit
from infra.binance.pacing import Gate
from infra.binance.priority import Priority

COST = {WEIGHT: 9}


class Hands:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms


def with_gate(test: Callable[[Gate, Hands], Awaitable[None]]) -> None:
    async def run() -> None:
        hands = Hands()
        gate = Gate(Governor({WEIGHT: Limit(10)}), hands.now_ms)
        await asyncio.wait_for(test(gate, hands), 10)
        gate.close()

    asyncio.run(run())


async def turns(count: int = 5) -> None:
    """Let other coroutines run, without any time passing."""
    for _ in range(count):
        turn = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(turn.set_result, None)
        await turn


def test_the_next_goes_when_the_first_is_a_span_old() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        gate.settle(await gate.enter(COST, Priority.CRITICAL))
        waiting = asyncio.create_task(gate.enter(COST, Priority.CRITICAL))
        await turns()
        assert not waiting.done()
        hands.ms = MINUTE_MS
        gate.settle(await gate.enter({WEIGHT: 0}, Priority.CRITICAL))
        await waiting

    with_gate(test)


def test_a_timer_wakes_those_who_wait() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        gate.settle(await gate.enter(COST, Priority.CRITICAL))
        hands.ms = MINUTE_MS - 10
        waiting = asyncio.create_task(gate.enter(COST, Priority.CRITICAL))
        await turns()
        hands.ms = MINUTE_MS
        await waiting

    with_gate(test)


def test_who_gives_up_while_waiting_lets_the_next_one_go() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        first = await gate.enter({WEIGHT: 5}, Priority.CRITICAL)
        large = asyncio.create_task(gate.enter(COST, Priority.CRITICAL))
        small = asyncio.create_task(gate.enter({WEIGHT: 1}, Priority.CRITICAL))
        await turns()
        assert not small.done()
        large.cancel()
        await small
        gate.settle(first)
        assert gate.governor.waiting() == 0
        assert gate.governor.used(WEIGHT, hands.ms) == 6

    with_gate(test)


def test_who_gives_up_just_when_granted_gives_it_back() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        gate.settle(await gate.enter(COST, Priority.CRITICAL))
        waiting = asyncio.create_task(gate.enter(COST, Priority.CRITICAL))
        await turns()
        hands.ms = MINUTE_MS
        gate.settle(await gate.enter({WEIGHT: 0}, Priority.CRITICAL))  # grants the one who waits, who has no turn yet
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        hands.ms = 2 * MINUTE_MS
        assert gate.governor.used(WEIGHT, hands.ms) == 0

    with_gate(test)


def test_a_ban_sends_everybody_home() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        gate.settle(await gate.enter(COST, Priority.CRITICAL))
        waiting = asyncio.create_task(gate.enter(COST, Priority.CRITICAL))
        await turns()
        gate.ban(120_000)
        with pytest.raises(Unavailable, match="banned for another 120 s"):
            await waiting
        with pytest.raises(Unavailable, match="HTTP 418"):
            await gate.enter(COST, Priority.CRITICAL)
        hands.ms = 120_000
        assert gate.governor.waiting() == 0
        gate.settle(await gate.enter(COST, Priority.CRITICAL))

    with_gate(test)


def test_a_ban_also_stops_who_was_granted_but_has_not_gone_yet() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        gate.settle(await gate.enter(COST, Priority.CRITICAL))
        waiting = asyncio.create_task(gate.enter(COST, Priority.CRITICAL))
        await turns()
        hands.ms = MINUTE_MS
        gate.settle(await gate.enter({WEIGHT: 0}, Priority.CRITICAL))  # grants the one who waits, who has no turn yet
        gate.ban(120_000)
        with pytest.raises(Unavailable, match="HTTP 418"):
            await waiting
        hands.ms += 120_000
        assert gate.governor.used(WEIGHT, hands.ms) == 0

    with_gate(test)


def test_closing_tells_those_who_wait() -> None:
    async def test(gate: Gate, hands: Hands) -> None:
        gate.settle(await gate.enter(COST, Priority.CRITICAL))
        waiting = [asyncio.create_task(gate.enter(COST, Priority.CRITICAL)) for _ in range(3)]
        await turns()
        gate.close()
        for caller in waiting:
            with pytest.raises(Unavailable, match="closed"):
                await caller
        assert gate.governor.waiting() == 0

    with_gate(test)
