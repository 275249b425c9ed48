"""A way to PostgreSQL that breaks at COMMIT: before the request arrives, or after it was answered."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Literal

Break = Literal["request", "answer"]
_PORT = 5432


class CommitCutter:
    """Listens in `directory` as a PostgreSQL server would, and passes everything on, except what it is told to lose."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._home = tempfile.TemporaryDirectory(prefix="cut", dir="/tmp")  # a socket's path must be short
        self.directory = self._home.name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self.directory, f".s.PGSQL.{_PORT}")))
        self._listener.listen()
        self._lose: Break | None = None
        self._threads: list[Thread] = []
        self.lost = 0
        self._start(self._accept)

    def lose_next(self, what: Break) -> None:
        """Lose the next COMMIT, or the answer to it, and with it the connection."""
        self._lose = what

    def close(self) -> None:
        """Stop listening. Clients must have gone."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive(), "a client is still connected"
        self._home.cleanup()

    def _start(self, work: object, *arguments: object) -> None:
        thread = Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                muted = Event()
                self._start(self._requests, client, server, muted)
                self._start(self._answers, client, server, muted)

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _requests(self, client: socket.socket, server: socket.socket, muted: Event) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self._lose is not None and b"COMMIT" in data:
                    what, self._lose = self._lose, None
                    self.lost += 1
                    muted.set()
                    if what == "request":
                        break
                server.sendall(data)
        _hang_up(server)

    def _answers(self, client: socket.socket, server: socket.socket, muted: Event) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if muted.is_set():
                    break
                client.sendall(data)
        _hang_up(client)
        client.close()
        server.close()


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def commit_cutter(host: str, port: int) -> Iterator[CommitCutter]:
    """Give a cutter before that server."""
    cutter = CommitCutter(host, port)
    try:
        yield cutter
    finally:
        cutter.close()
