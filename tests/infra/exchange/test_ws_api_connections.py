"""Connections to the WebSocket API live by the rules of all connections, but for how much may be said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.infra.exchange.running import Place, exchange

pytestmark = pytest.mark.slow
PATH = "/ws-fapi/v1"
REQUESTS = 40


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with exchange("--ping-interval", "1", "--ping-patience", "2", "--connection-life", "8") as running:
        yield running


async def ended(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Read until the connection ends; give its code."""
    async with asyncio.timeout(20):
        while not socket.closed:
            message = await socket.receive()
            if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                break
    return socket.close_code


def test_requests_may_come_as_they_like_and_are_answered_in_order(place: Place) -> None:
    async def talk() -> list[Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(place.ws + PATH) as socket:
            for number in range(REQUESTS):
                await socket.send_json({"id": number, "method": "time"})
            return [await socket.receive_json(timeout=10) for _ in range(REQUESTS)]

    answers = asyncio.run(talk())
    assert [answer["id"] for answer in answers] == list(range(REQUESTS))
    assert {answer["status"] for answer in answers} == {200}
    assert "serverTime" in answers[0]["result"]


@pytest.mark.parametrize("answers", [True, False])
def test_it_is_pinged_and_lives_no_longer_than_others(place: Place, answers: bool) -> None:
    async def listen() -> tuple[int | None, float]:
        loop = asyncio.get_running_loop()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(place.ws + PATH, autoping=answers) as socket,
        ):
            began = loop.time()
            code = await ended(socket)
            return code, loop.time() - began

    code, seconds = asyncio.run(listen())
    assert code == 1008
    assert (seconds > 6.5) is answers


def test_more_than_five_pings_a_second_end_it(place: Place) -> None:
    async def chatter(count: int) -> int | None:
        async with aiohttp.ClientSession() as session, session.ws_connect(place.ws + PATH) as socket:
            for _ in range(count):
                await socket.ping()
            await socket.send_json({"id": 1, "method": "ping"})
            if count > 10:
                return await ended(socket)
            assert (await socket.receive_json(timeout=10))["status"] == 200
            return socket.close_code

    assert asyncio.run(chatter(5)) is None
    assert asyncio.run(chatter(20)) == 1008
