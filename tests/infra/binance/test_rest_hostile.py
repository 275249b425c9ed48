"""The REST client against servers that answer no sound HTTP, and base addresses that are none: typed, short, silent."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import time
import traceback

import pytest
from toy_exchange import API_KEY, API_SECRET, WISH, right_key

from domain.errors import HindsightError, InvalidInput, Unavailable, WireError
from infra.binance.faults import OutcomeUnknown
from infra.binance.rest import Rest
from infra.binance.settings import BinanceSettings

OK = b"HTTP/1.1 200 OK\r\n"
HOSTILE = {
    "no status": b"HTTP/9 what\r\n\r\n",
    "noise": b"\x00\xff" * 50 + b"\r\n\r\n",
    "nothing": b"",
    "broken chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a chunk cut off": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n[",
    "less than said": OK + b'Content-Length: 100\r\n\r\n{"listenKey":"the-listen-key',
    "no gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "a bomb": OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(b"[" * 40_000_000, 1),
    "brotli": OK + b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
    "negative length": OK + b"Content-Length: -5\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a header without end": OK + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
    "a header that is none": OK + b"no colon here\r\n\r\n",
    "a zero byte": OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n[]",
    "an empty answer": b"HTTP/1.1 204 No\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxxxx",
    "a redirect": b"HTTP/1.1 303 S\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "status 999": b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
    "half a listen key": OK + b'Content-Length: 28\r\n\r\n{"listenKey":"the-listen-key',
}


async def say(raw: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tell the time as one should; answer anything else with these bytes and hang up."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while b"/fapi/v1/time" in await reader.readuntil(b"\r\n\r\n"):
            body = b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)
            writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.write(raw)
        await writer.drain()
    writer.close()


async def errors_of(raw: bytes) -> dict[str, HindsightError]:
    """Ask for an order, for money and for a listen key of a server that says `raw`."""
    server = await asyncio.start_server(lambda reader, writer: say(raw, reader, writer), "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    found: dict[str, HindsightError] = {}
    async with server, Rest(BinanceSettings(rest_url=base, retries=0, timeout_ms=5_000), right_key()) as rest:
        for name, call in (("order", rest.place(WISH)), ("query", rest.balances()), ("key", rest.open_listen_key())):
            with pytest.raises(HindsightError) as caught:
                await call
            found[name] = caught.value
    return found


@pytest.mark.parametrize("case", HOSTILE)
def test_whatever_a_server_says_is_a_typed_error_of_one_line_without_a_secret(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        found = asyncio.run(asyncio.wait_for(errors_of(HOSTILE[case]), 20))
    assert isinstance(found["order"], OutcomeUnknown | WireError)
    assert isinstance(found["query"], Unavailable | WireError)
    told = [line for error in found.values() for line in traceback.format_exception(error)]
    assert all("\n" not in str(error) for error in found.values())
    for text in (*told, caplog.text):
        for secret in (API_KEY, API_SECRET, "signature=", "the-listen-key"):
            assert secret not in text


@pytest.mark.parametrize("base", [
    "http://[::1", "http://h:99999", "http://h:x", "http://", "http://.", "http://" + "a" * 70 + ".com",
])  # fmt: skip
def test_an_address_that_is_none_is_named_with_its_setting(base: str) -> None:
    async def test() -> None:
        async with Rest(BinanceSettings(rest_url=base, retries=0)) as rest:
            with pytest.raises(InvalidInput, match=r"binance\.rest_url: expected a URL"):
                await rest.ping()

    asyncio.run(test())
