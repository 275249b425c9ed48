"""Clients that cost next to nothing, so that a server can be kept busy from the other core: see `exchange.py`.

A `FrameSink` counts the frames of a WebSocket by their headers; `posted` sends requests that were written before over
a kept connection and looks at nothing but the status.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_HEADER_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class FrameSink(asyncio.Protocol):
    """A WebSocket's receiving half. `frames` counts what came; the payloads of the first `keep` are kept."""

    def __init__(self, url: str, keep: int = 0) -> None:
        self._url = urlsplit(url)
        self._keep = keep
        self._buffer = b""
        self._open = False
        self._transport: asyncio.Transport | None = None
        self._wanted = 0
        self._reached = asyncio.Event()
        self.frames = 0
        self.kept: list[bytes] = []

    async def connect(self) -> FrameSink:
        """Open the connection."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._url.hostname or "", self._url.port or 80)
        return self

    async def reach(self, frames: int) -> None:
        """Wait until so many frames came."""
        self._wanted = frames
        if self.frames < frames:
            self._reached.clear()
            await self._reached.wait()

    def close(self) -> None:
        """Cut the wire."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        target = f"{self._url.path or '/'}?{self._url.query}"
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {target} HTTP/1.1\r\nHost: {self._url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count the frames that are complete."""
        buffer = self._buffer + data
        at = 0
        if not self._open:
            end = buffer.find(_HEADER_END)
            if end < 0:
                self._buffer = buffer
                return
            at, self._open = end + len(_HEADER_END), True
        self._buffer = buffer[self._counted(buffer, at) :]
        if self.frames >= self._wanted:
            self._reached.set()

    def _counted(self, buffer: bytes, at: int) -> int:
        """Count frames from `at` on, and give where the first incomplete one begins. A server's are not masked."""
        size = len(buffer)
        while at + 2 <= size:
            length, begins = buffer[at + 1], at + 2
            if length == 126:
                length, begins = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, begins = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if begins + length > size:
                break
            self.frames += 1
            if len(self.kept) < self._keep:
                self.kept.append(buffer[begins : begins + length])
            at = begins + length
        return at


async def posted(base: str, requests: Iterable[bytes]) -> dict[int, int]:
    """Send requests one after the other, and give how often each status was answered."""
    address = urlsplit(base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    seen: dict[int, int] = {}
    try:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(_HEADER_END)
            lowered = head.lower()
            begins = lowered.index(_LENGTH) + len(_LENGTH)
            await reader.readexactly(int(lowered[begins : lowered.index(b"\r\n", begins)]))
            status = int(head[9:12])
            seen[status] = seen.get(status, 0) + 1
    finally:
        writer.close()
    return seen
