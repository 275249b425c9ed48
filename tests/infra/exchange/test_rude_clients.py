"""Clients that go away in the middle of things, or speak nonsense: whoever runs the exchange sees no traceback."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.infra.exchange.running import Place, exchange

_TEXT, _CLOSE, _PING = 0x1, 0x8, 0x9
_STREAMS, _API = "/public/ws/btcusdt@depth@100ms", "/ws-fapi/v1"
NONSENSE = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "words": b"hello\r\n\r\n",
    "bad_header": b"GET /fapi/v1/ping HTTP/1.1\r\nHost: a\r\nX\x01Y: 1\r\n\r\n",
    "bad_length": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
    "bad_chunk": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "long_header": b"GET /fapi/v1/ping HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    "long_line": b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "second_bad": b"GET /fapi/v1/ping HTTP/1.1\r\nHost: a\r\n\r\nBAD\r\n\r\n",
    "half_body": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsymbol=",
    "no_socket": b"GET /public/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "bad_coding": b"POST /fapi/v1/order HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with exchange("--no-limits", "--speed", "20") as running:
        yield running


def connected(place: Place) -> socket.socket:
    address = urlsplit(place.rest)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def listening(place: Place, path: str) -> socket.socket:
    """Give a connection that shook hands."""
    line = connected(place)
    key = base64.b64encode(os.urandom(16)).decode()
    line.sendall(
        f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert line.recv(1_024).startswith(b"HTTP/1.1 101")
    return line


def frame(opcode: int, payload: bytes) -> bytes:
    """Mask with zeros: as good as any other mask."""
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


def long_frame(opcode: int, payload: bytes) -> bytes:
    """The same for up to 64 kB."""
    return bytes((0x80 | opcode, 0x80 | 126)) + struct.pack("!H", len(payload)) + bytes(4) + payload


def reset(line: socket.socket) -> None:
    """Go away without a goodbye: the other side gets a reset."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def still_there(place: Place) -> bool:
    with urlopen(f"{place.rest}/fapi/v1/ping", timeout=10) as answer:
        return json.load(answer) == {}


@pytest.mark.parametrize("path", [_STREAMS, _API])
@pytest.mark.parametrize("last", ["ping", "close_and_ping", "text", "nonsense", "too_long", "half"])
def test_a_socket_that_goes_away_leaves_no_traceback(place: Place, path: str, last: str) -> None:
    said = {
        "ping": frame(_PING, b"now") * 5,
        "close_and_ping": frame(_CLOSE, struct.pack("!H", 1_000)) + frame(_PING, b"now") * 5,
        "text": frame(_TEXT, b'{"id":1,"method":"time"}') * 5,
        "nonsense": frame(_TEXT, b"\xff\xfe"),
        "too_long": bytes((0x81, 0xFF)) + (1 << 40).to_bytes(8, "big") + bytes(4),
        "half": frame(_TEXT, b"x" * 100)[:20],
    }[last]
    for leave in (reset, socket.socket.close):
        line = listening(place, path)
        line.sendall(said)
        leave(line)
    assert still_there(place)


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_leaves_no_traceback(place: Place, what: str) -> None:
    with closing(connected(place)) as line:
        line.sendall(NONSENSE[what])
        line.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while line.recv(4_096):
                pass
    line = connected(place)
    line.sendall(NONSENSE[what])
    reset(line)
    assert still_there(place)


NESTED = b"[" * 50_000


@pytest.mark.parametrize("path", [_STREAMS, _API])
@pytest.mark.parametrize(
    "said", [b'{"id":1,"method":"time","params":' + NESTED, b'{"id":' + NESTED], ids=["params", "id"]
)
def test_what_is_nested_too_deeply_is_answered_as_no_json(place: Place, path: str, said: bytes) -> None:
    with closing(listening(place, path)) as line:
        line.sendall(long_frame(_TEXT, said))
        answered = line.recv(4_096)
        while b"Invalid JSON" not in answered and (more := line.recv(4_096)):
            answered += more
        assert b"Invalid JSON" in answered


def test_a_body_that_is_nested_too_deeply_is_no_body(place: Place) -> None:
    head = f"POST /admin/faults HTTP/1.1\r\nHost: a\r\nContent-Length: {len(NESTED)}\r\n\r\n".encode()
    with closing(connected(place)) as line:
        line.sendall(head + NESTED)
        assert line.recv(4_096).startswith(b"HTTP/1.1 400")


def test_who_does_not_wait_for_an_answer_leaves_no_traceback(place: Place) -> None:
    path = "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500"
    for _ in range(5):
        line = connected(place)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 3)
        reset(line)
    assert still_there(place)
