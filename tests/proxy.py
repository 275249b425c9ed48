"""A way to PostgreSQL that can break: a unix socket that forwards to the real server, as long as a test lets it."""

from __future__ import annotations

import enum
import selectors
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PORT = 5432


class Way(enum.Enum):
    """What happens to what is sent. MUTE: the server hears, its answers are lost. DEAF: the server hears nothing."""

    OPEN = enum.auto()
    MUTE = enum.auto()
    DEAF = enum.auto()
    CLOSED = enum.auto()


class Proxy:
    """Forwards connections of `url`'s server, made at `self.url`, in a thread of its own."""

    def __init__(self, url: str, directory: Path) -> None:
        settings = conninfo_to_dict(url)
        self.way = Way.OPEN
        self.refused = 0
        self.url = make_conninfo(url, host=str(directory), port=PORT)
        host, port = str(settings.get("host") or "localhost"), int(settings.get("port") or PORT)
        self._target: tuple[str, int] | str = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / f".s.PGSQL.{PORT}"))
        self._listener.listen()
        self._wake, self._woken = socket.socketpair()
        self._pairs: dict[socket.socket, tuple[socket.socket, bool]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._cut_done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.send(b"x")
        self._thread.join()

    def cut(self, then: Way) -> None:
        """End every connection; new ones find the way as `then` says."""
        self._cut_done.clear()
        self.way = then
        self._wake.send(b"c")
        assert self._cut_done.wait(10)

    def _run(self) -> None:
        with self._listener, self._wake, self._woken, self._selector:
            while True:
                for key, _ in self._selector.select():
                    ready = key.fileobj
                    if ready is self._woken:
                        order = self._woken.recv(1)
                        self._end_all()
                        if order == b"x":
                            return
                        self._cut_done.set()
                        break
                    if ready is self._listener:
                        self._accept()
                    elif ready in self._pairs:
                        self._forward(ready)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self.way is Way.CLOSED:
            client.close()
            self.refused += 1
            return
        if isinstance(self._target, str):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
        else:
            server = socket.create_connection(self._target)
        self._pairs[client], self._pairs[server] = (server, True), (client, False)
        for one in (client, server):
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, source: socket.socket) -> None:
        target, from_client = self._pairs[source]
        try:
            data = source.recv(65_536)
            if data and self.way is not (Way.DEAF if from_client else Way.MUTE):
                target.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(source, target)

    def _end(self, *ends: socket.socket) -> None:
        for one in ends:
            del self._pairs[one]
            self._selector.unregister(one)
            one.close()

    def _end_all(self) -> None:
        self._end(*list(self._pairs))
