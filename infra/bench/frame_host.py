"""A stream host in a process of its own: it sends frames that were made before, as fast as they are read or at a pace.

    with FrameHost() as host:
        host.prepare(traffic, connections=3)
        … connect three clients to host.url, each with ?streams=a/b/c …
        host.send(pace=1.0)        every client gets the frames of its streams

`pace` is how much faster than the traffic's own time; 0 means as fast as they are read. It costs almost no processor:
the frames of a slot are one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from infra.bench.neighbour import Neighbour
from infra.bench.traffic import SLOT_MS, Traffic

_BUFFER_MAX: Final = 1 << 20


class FrameHost:
    """The parent's side of the host. `frames` is how many it sends of the prepared traffic, over all connections."""

    def __init__(self) -> None:
        self._neighbour = Neighbour(_Host)
        self.traffic = Traffic(0, 0, None)
        self.connections = 0
        self.frames = 0

    def __enter__(self) -> Self:
        self.url: str = self._neighbour.__enter__().said
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._neighbour.__exit__(kind, error, trace)

    def prepare(self, traffic: Traffic, connections: int) -> None:
        """Let the host make these frames."""
        self.traffic, self.connections = traffic, connections
        self.frames = self._neighbour.ask(_Prepare(traffic, connections))

    def send(self, pace: float = 0.0) -> None:
        """Let the host begin to send everything once, as soon as it has all of its connections."""
        self._neighbour.ask(pace)


class _Prepare(msgspec.Struct, frozen=True):
    traffic: Traffic
    connections: int


class _Host:
    """The neighbour."""

    def __init__(self) -> None:
        self._slots: list[list[tuple[str, bytes]]] = []
        self._connections = 0
        self._clients: dict[ServerConnection, list[bytes]] = {}
        self._complete = asyncio.Event()
        self._open = AsyncExitStack()
        self._sending: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Listen on a free port, and give the address."""
        server = await self._open.enter_async_context(serve(self._welcome, "127.0.0.1", 0, compression=None))
        return f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"

    async def told(self, wish: _Prepare | float) -> int:
        """Make frames, or begin to send them at a pace; give how many there are."""
        if isinstance(wish, _Prepare):
            self._slots = [[(_stream_of(raw), _framed(raw)) for raw in slot] for slot in wish.traffic.slots()]
            self._connections = wish.connections
        else:
            self._sending = asyncio.create_task(self._send(wish))
        return sum(map(len, self._slots))

    async def stop(self) -> None:
        """Hang up."""
        if self._sending is not None:
            self._sending.cancel()
        await self._open.aclose()

    async def _send(self, pace: float) -> None:
        await self._complete.wait()
        await asyncio.gather(*(_sent(client, chunks, pace) for client, chunks in self._clients.items()))

    async def _welcome(self, client: ServerConnection) -> None:
        assert client.request is not None
        wanted = frozenset(parse_qs(urlsplit(client.request.path).query)["streams"][0].split("/"))
        self._clients[client] = [b"".join(f for stream, f in slot if stream in wanted) for slot in self._slots]
        if len(self._clients) == self._connections:
            self._complete.set()
        try:
            await client.wait_closed()
        finally:
            del self._clients[client]
            self._complete.clear()


async def _sent(client: ServerConnection, chunks: Sequence[bytes], pace: float) -> None:
    loop, transport = asyncio.get_running_loop(), client.transport
    began = loop.time()
    for at, chunk in enumerate(chunks):
        due = began + at * SLOT_MS / 1_000.0 / pace if pace else 0.0
        while transport.get_write_buffer_size() > _BUFFER_MAX or loop.time() < due:
            await asyncio.sleep(max(0.001, due - loop.time()))
        if chunk:  # who has everything may have hung up already
            transport.write(chunk)


def _stream_of(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=_Envelope).stream


class _Envelope(msgspec.Struct):
    stream: str


def _framed(raw: bytes) -> bytes:
    return Frame(Opcode.TEXT, raw).serialize(mask=False)
