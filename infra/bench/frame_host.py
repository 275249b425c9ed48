"""A stream host in a process of its own: it sends frames that were made before, as fast as they are read or at a pace.

    with FrameHost(traffic, connections=3) as host:
        … connect three clients to host.url, each with ?streams=a/b/c …
        host.send(pace=1.0)        every client gets the frames of its streams

`pace` is how much faster than the traffic's own time; 0 means as fast as they are read. It costs almost no processor:
the frames of a slot are one write.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from infra.bench.traffic import SLOT_MS, Traffic

_BUFFER_MAX: Final = 1 << 20
_START_S: Final = 60.0


class _Ready(msgspec.Struct, frozen=True):
    """Where the host listens, and how many frames it has."""

    port: int
    frames: int


class FrameHost:
    """The parent's side of the host."""

    def __init__(self, traffic: Traffic, connections: int) -> None:
        self.traffic = traffic
        self.connections = connections
        self.frames = 0
        self.url = ""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self.traffic, self.connections, theirs), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_S):
            raise TimeoutError(f"The frame host did not start within {_START_S:g} s.")
        ready: _Ready = self._pipe.recv()
        self.frames, self.url = ready.frames, f"ws://127.0.0.1:{ready.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(2.0)
        self._process.kill()
        self._process.join()

    def send(self, pace: float = 0.0) -> None:
        """Let the host send everything once to the connections that it has, as soon as all have come."""
        self._pipe.send(pace)


def _serve(traffic: Traffic, connections: int, pipe: Pipe) -> None:
    asyncio.run(_Host(traffic, connections).run(pipe))


class _Host:
    """The child's side."""

    def __init__(self, traffic: Traffic, connections: int) -> None:
        slots = [[(_stream_of(raw), _framed(raw)) for raw in slot] for slot in traffic.slots()]
        self._slots: list[list[tuple[str, bytes]]] = slots
        self._connections = connections
        self._clients: dict[ServerConnection, list[bytes]] = {}
        self._complete = asyncio.Event()

    async def run(self, pipe: Pipe) -> None:
        """Serve until the parent closes the pipe."""
        loop = asyncio.get_running_loop()
        async with serve(self._welcome, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            pipe.send(_Ready(port, sum(map(len, self._slots))))
            while True:
                try:
                    pace: float = await loop.run_in_executor(None, pipe.recv)
                except EOFError:
                    return
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
        transport.write(chunk)


def _stream_of(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=_Envelope).stream


class _Envelope(msgspec.Struct):
    stream: str


def _framed(raw: bytes) -> bytes:
    return Frame(Opcode.TEXT, raw).serialize(mask=False)
