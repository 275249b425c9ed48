"""The queue between sockets and consumer: what it may lose, what it never loses, and in which order."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.binance.mailbox import Mailbox
from tests.infra.binance.stream_server import run, turn


def test_the_latest_of_a_key_waits_in_the_place_of_the_first() -> None:
    async def test() -> None:
        mailbox: Mailbox[Any] = Mailbox()
        mailbox.offer("a", 1)
        assert mailbox.put_now("must")
        mailbox.offer("b", 2)
        mailbox.offer("a", 3)
        assert await mailbox.take() == [3, "must", 2]
        assert mailbox.conflated == 1
        mailbox.offer("a", 4)
        assert await mailbox.take() == [4]

    run(test)


def test_a_newer_value_does_not_overtake_what_closed_its_key() -> None:
    """The running candle, its close, the next running candle: in this order."""

    async def test() -> None:
        mailbox: Mailbox[Any] = Mailbox()
        mailbox.offer("kline", "running 1")
        assert mailbox.put_now("closed 1", after="kline")
        mailbox.offer("kline", "running 2")
        mailbox.offer("kline", "running 2b")
        assert await mailbox.take() == ["running 1", "closed 1", "running 2b"]

    run(test)


def test_what_must_not_drop_waits_for_room() -> None:
    async def test() -> None:
        mailbox: Mailbox[int] = Mailbox(bound=2)
        assert mailbox.put_now(1)
        assert mailbox.put_now(2)
        assert not mailbox.put_now(3)
        writer = asyncio.create_task(mailbox.put(3))
        await turn()
        assert (writer.done(), mailbox.paused) == (False, 1)
        mailbox.offer("key", 4)  # what may be conflated never waits
        assert await mailbox.take(2) == [1, 2]
        await writer
        assert await mailbox.take() == [4, 3]

    run(test)


def test_the_reader_waits_for_the_first() -> None:
    async def test() -> None:
        mailbox: Mailbox[int] = Mailbox()
        reader = asyncio.create_task(mailbox.take())
        await turn()
        assert not reader.done()
        mailbox.offer("a", 1)
        assert await reader == [1]

    run(test)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(1, 5))
def test_nothing_that_must_not_drop_is_lost_and_the_last_of_every_key_arrives(
    sent: list[tuple[str, bool]], bound: int
) -> None:
    async def test() -> None:
        mailbox: Mailbox[tuple[str, bool, int]] = Mailbox(bound)
        taken: list[tuple[str, bool, int]] = []

        async def consume() -> None:
            while True:
                taken.extend(await mailbox.take(2))

        consumer = asyncio.create_task(consume())
        for number, (key, must) in enumerate(sent):
            if must:
                await mailbox.put((key, True, number), after=key)
            else:
                mailbox.offer(key, (key, False, number))
        while len(mailbox):
            await asyncio.wait([consumer], timeout=0)
        consumer.cancel()
        await asyncio.wait([consumer])
        assert [item for item in taken if item[1]] == [
            (key, True, number) for number, (key, must) in enumerate(sent) if must
        ]
        for wanted in "abc":
            mine = [number for key, _, number in taken if key == wanted]
            assert mine == sorted(mine)
            assert mine[-1:] == [number for number, (key, _) in enumerate(sent) if key == wanted][-1:]

    asyncio.run(test())
