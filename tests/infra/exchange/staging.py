"""An exchange without a port: its parts, a wall clock that a test turns, and sinks instead of sockets."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from infra.exchange.auth import hmac_sha256
from infra.exchange.client import Client
from infra.exchange.door import Asked
from infra.exchange.market_clock import MarketClock
from infra.exchange.stage import Rules, Stage
from infra.exchange.stream_names import StreamRoute
from infra.exchange.synthetic_market import synthetic_market

START_MS = 1_780_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "PEOPLEUSDT")


class Wall:
    """A wall clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


class Socket:
    """What a client would have received."""

    def __init__(self) -> None:
        self.raw = b""
        self.full = False
        self._read = 0

    def write(self, data: bytes) -> None:
        self.raw += data

    def get_write_buffer_size(self) -> int:
        return 1 << 30 if self.full else 0

    def is_closing(self) -> bool:
        return False

    def frames(self) -> list[tuple[int, bytes]]:
        """Give opcode and payload of every whole frame since the last call."""
        found: list[tuple[int, bytes]] = []
        while self._read < len(self.raw):
            at, short = self._read, self.raw[self._read + 1]
            size = {126: 2, 127: 8}.get(short, 0)
            start = at + 2 + size
            length = int.from_bytes(self.raw[at + 2 : start], "big") if size else short
            if start + length > len(self.raw):
                break
            found.append((self.raw[at] & 0x0F, self.raw[start : start + length]))
            self._read = start + length
        return found

    def texts(self) -> list[Any]:
        """Give the messages since the last call, decoded."""
        return [json.loads(payload) for opcode, payload in self.frames() if opcode == 1]


class Rig:
    """An exchange in a test's hands."""

    def __init__(self, rules: Rules | None = None, speed: float = 1.0, symbols: tuple[str, ...] = SYMBOLS) -> None:
        self.wall = Wall()
        clock = MarketClock(START_MS, speed, self.wall)
        self.stage = Stage(synthetic_market(1, symbols, START_MS), clock, rules or Rules())
        self.key = next(iter(self.stage.keys))

    def pass_(self, seconds: float, step_s: float = 0.05) -> None:
        """Let wall time pass, step by step."""
        for _ in range(round(seconds / step_s)):
            self.wall.s += step_s
            self.stage.driver.step()

    def listen(self, route: StreamRoute, *names: str, combined: bool = False) -> tuple[Client, Socket]:
        """Connect and subscribe."""
        socket = Socket()
        client = Client(socket, route, "127.0.0.1", self.wall.s, combined=combined)
        self.stage.hub.join(client)
        for name in names:
            self.stage.hub.subscribe(client, name)
        return client, socket

    def ask(self, method: str, path: str, *, key: str | None = None, **sent: object) -> tuple[int, Any]:
        """Ask without a signature."""
        query = urlencode({name: str(value) for name, value in sent.items()})
        answer = self.stage.door.answer(Asked(method, path, query, b"", "", key, "127.0.0.1"))
        return answer.status, json.loads(answer.response().body)  # type: ignore[arg-type]

    def signed(self, method: str, path: str, **sent: object) -> tuple[int, Any]:
        """Ask with the first key."""
        named = {"recvWindow": 5000, "timestamp": self.stage.clock.now_ms()} | sent
        query = urlencode({name: str(value) for name, value in named.items()})
        query += f"&signature={hmac_sha256(self.key.secret, query.encode())}"
        answer = self.stage.door.answer(Asked(method, path, query, b"", "", self.key.key, "127.0.0.1"))
        return answer.status, json.loads(answer.response().body)  # type: ignore[arg-type]
