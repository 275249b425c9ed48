"""Control messages keep to the exchange's limit."""

from __future__ import annotations

import asyncio

from infra.binance.timing import Pace, RealTiming
from tests.infra.binance.stream_server import HandTiming, run, running, turn, until


def test_no_window_holds_more_than_allowed() -> None:
    async def test() -> None:
        timing = HandTiming()
        pace = Pace(5, 1.0, timing)
        times: list[float] = []

        async def act() -> None:
            for _ in range(13):
                await pace.turn()
                times.append(timing.seconds)

        async with running(act()) as acting:
            while not acting.done():
                await turn()
                if timing.asleep(0.25):
                    await timing.pass_(0.25)
                elif not acting.done():
                    timing.seconds += 0.25
                    await turn()
        for start in range(len(times) - 5):
            assert times[start + 5] - times[start] >= 1.0

    run(test)


def test_who_waits_is_served_in_order() -> None:
    async def test() -> None:
        timing = HandTiming()
        pace = Pace(1, 1.0, timing)
        served: list[int] = []

        async def act(number: int) -> None:
            await pace.turn()
            served.append(number)

        tasks = [asyncio.create_task(act(number)) for number in range(3)]
        await until(lambda: served == [0])
        await timing.pass_(1.0)
        await until(lambda: served == [0, 1])
        await timing.pass_(1.0)
        await asyncio.gather(*tasks)
        assert served == [0, 1, 2]

    run(test)


def test_the_real_clock_goes_forward() -> None:
    async def test() -> None:
        timing = RealTiming()
        before = timing.monotonic()
        await timing.wait(0.001)
        assert timing.monotonic() - before >= 0.0005
        assert timing.now_ms() > 1_700_000_000_000

    run(test)
