"""`run.py exchange`: its first line, its options, its end; and the sockets of its one port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.exchange.auth import hmac_sha256
from tests.infra.exchange.running import ROOT, STOP_S, Place, exchange, listened

pytestmark = pytest.mark.slow
PINGS = 6


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def signed(place: Place, query: str) -> str:
    query += f"&timestamp={get(place.rest + '/fapi/v1/time')['serverTime']}"
    return f"{query}&signature={hmac_sha256(place.secret, query.encode())}"


def test_one_port_speaks_rest_and_websocket_on_every_route() -> None:
    async def talk(place: Place) -> None:
        async with aiohttp.ClientSession() as session:
            frames = await listened(session, f"{place.ws}/market/stream?streams=btcusdt@kline_1m/ethusdt@kline_1m", 2)
            assert {frame["data"]["e"] for frame in frames} == {"kline"}
            (frame,) = await listened(session, f"{place.ws}/public/ws/btcusdt@bookTicker", 1)
            assert frame["e"] == "bookTicker"
            (frame,) = await listened(session, f"{place.ws}/ws/btcusdt@depth@100ms", 1)
            assert frame["e"] == "depthUpdate"

    with exchange() as place:
        assert len(get(f"{place.rest}/fapi/v1/exchangeInfo")["symbols"]) == 20
        asyncio.run(talk(place))


def test_an_order_is_told_to_its_accounts_stream_as_it_fills() -> None:
    async def trade(place: Place) -> list[str]:
        headers = {"X-MBX-APIKEY": place.key}
        async with aiohttp.ClientSession(place.rest, headers=headers) as session:
            async with session.post("/fapi/v1/listenKey") as answer:
                key = (await answer.json())["listenKey"]
            async with session.ws_connect(f"{place.ws}/private/ws?listenKey={key}") as socket:
                query = signed(place, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01")
                async with session.post(f"/fapi/v1/order?{query}") as answer:
                    assert answer.status == 200, await answer.text()
                return [(await socket.receive(timeout=10)).json()["e"] for _ in range(4)]

    with exchange() as place:
        events = asyncio.run(trade(place))
    assert events == ["TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]


def test_more_than_ten_messages_a_second_end_the_connection() -> None:
    async def chatter(place: Place) -> int | None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{place.ws}/market/ws") as socket:
            for number in range(25):
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            while not socket.closed:
                message = await socket.receive(timeout=10)
                if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                    break
            return socket.close_code

    with exchange() as place:
        assert asyncio.run(chatter(place)) == 1008


def test_faults_from_a_file_and_by_name_happen(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('clock_drift_ms = 7200000\n[[next]]\nfault = "server_error"\npath = "/fapi/v1/ping"\n')

    async def order_lost(place: Place) -> list[Any]:
        async with aiohttp.ClientSession(place.rest, headers={"X-MBX-APIKEY": place.key}) as session:
            once = {"next": [{"fault": "lost_answer", "path": "/fapi/v1/order", "method": "POST"}]}
            async with session.post("/admin/faults", json=once) as answer:
                assert answer.status == 200
            query = signed(place, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&newClientOrderId=mine")
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"/fapi/v1/order?{query}")
            async with session.get(f"/fapi/v1/allOrders?{signed(place, 'symbol=BTCUSDT')}") as answer:
                return await answer.json()

    with exchange("--faults", str(file)) as place:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            get(f"{place.rest}/fapi/v1/ping")
        assert get(f"{place.rest}/fapi/v1/ping") == {}
        state = get(f"{place.rest}/admin/state")
        assert get(f"{place.rest}/fapi/v1/time")["serverTime"] >= state["now_ms"] + 7_200_000
        orders = asyncio.run(order_lost(place))
    assert [order["clientOrderId"] for order in orders] == ["mine"]


def test_the_market_clock_can_be_sped_up_and_moved() -> None:
    with exchange("--speed", "10") as place:
        request = urllib.request.Request(
            f"{place.rest}/admin/clock", json.dumps({"speed": 1, "advance_ms": 86_400_000}).encode(), method="POST"
        )
        before = get(f"{place.rest}/fapi/v1/time")["serverTime"]
        urllib.request.urlopen(request, timeout=10).close()
        assert get(f"{place.rest}/fapi/v1/time")["serverTime"] >= before + 86_400_000


def test_it_ends_when_its_parent_does() -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "run.py", "exchange", "--symbols", "2", "--parent-fd", str(reading)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(reading,), text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        os.close(writing)
        process.communicate(timeout=STOP_S)
        assert process.returncode == 0
    finally:
        os.close(reading)
        process.kill()
        process.communicate()


def test_interrupted_it_ends_cleanly() -> None:
    with exchange() as place:
        assert place.process is not None
        place.process.send_signal(signal.SIGINT)
        place.process.wait(STOP_S)
        assert place.process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--symbols", "no/symbol"], "--symbols"),
        (["--data", "/nowhere"], "--data"),
        (["--faults", "/nowhere.toml"], "--faults"),
    ],
)
def test_what_can_not_be_used_is_one_sentence_and_exit_code_2(arguments: list[str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "run.py", "exchange", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_port_in_use_is_one_sentence() -> None:
    with exchange() as place:
        port = place.rest.rpartition(":")[2]
        ended = subprocess.run(
            [sys.executable, "run.py", "exchange", "--symbols", "2", "--port", port],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 2
        assert f"127.0.0.1:{port} in use" in ended.stderr


def test_connections_end_after_the_life_that_was_chosen() -> None:
    async def told(place: Place) -> int | None:
        url = f"{place.ws}/public/ws/btcusdt@depth"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket, asyncio.timeout(10):
            async for _ in socket:
                pass
            return socket.close_code

    with exchange("--connection-life", "1") as place:
        assert asyncio.run(told(place)) == 1008


@pytest.mark.parametrize(("answers", "code"), [(True, None), (False, 1008)])
def test_who_leaves_pings_unanswered_is_let_go_after_the_patience_that_was_chosen(
    answers: bool, code: int | None
) -> None:
    async def told(place: Place) -> tuple[int, int | None]:
        """Count up to six pings."""
        pings = 0
        url = f"{place.ws}/market/ws/nothing@kline_1m"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, autoping=False) as socket,
            asyncio.timeout(20),
        ):
            async for message in socket:
                assert message.type is aiohttp.WSMsgType.PING
                pings += 1
                if answers:
                    await socket.pong(message.data)
                if pings == PINGS:
                    break
            return pings, socket.close_code

    with exchange("--ping-interval", "1", "--ping-patience", "2") as place:
        pings, closed = asyncio.run(told(place))
    assert closed == code
    assert (pings == PINGS) is answers
