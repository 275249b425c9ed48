"""One WebSocket connection as the exchange sees it: what is waiting to be sent, and what it may do.

Frames are encoded once, header included, and shared by all who get them; a connection only collects them and writes
them to its transport in one piece. Who reads too slowly first gets the newest of what may be conflated, then is
disconnected: memory per connection is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from infra.exchange.faults import FaultBox, FrameFault
from infra.exchange.stream_names import StreamRoute

FRAMES_CONFLATED_FROM = 512
FRAMES_MAX = 16_384
BYTES_IN_FLIGHT_MAX = 1_048_576
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A


class ConnectionRules(msgspec.Struct, frozen=True):
    """The limits of a connection, all in wall time (specs/binance.md §7)."""

    life_s: float = 86_400.0
    ping_every_s: float = 180.0
    pong_within_s: float = 600.0
    messages_a_second: int = 10
    streams_max: int = 1_024


class Sink(Protocol):
    """Where bytes go: asyncio's transport, or a test's list."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def get_write_buffer_size(self) -> int:
        """Say how many bytes wait in the socket."""
        ...

    def is_closing(self) -> bool:
        """Say whether the connection is closing."""
        ...


def framed(payload: bytes, opcode: int = _TEXT) -> bytes:
    """Put a server's frame header before a payload (RFC 6455 §5.2: final, not masked)."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, length)) + payload
    if length < 65_536:
        return bytes((opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + length.to_bytes(8, "big") + payload


class Client:
    """A connection. `silent` is a fault: nothing is sent any more, and nobody is told."""

    def __init__(self, sink: Sink, route: StreamRoute, ip: str, now_s: float, *, combined: bool) -> None:
        self.sink = sink
        self.route = route
        self.ip = ip
        self.combined = combined
        self.streams: dict[str, None] = {}
        self.events: frozenset[str] = frozenset()
        self.opened_s = now_s
        self.pinged_s = now_s
        self.unanswered_s: float | None = None
        self.silent = False
        self.dropped_frames = 0
        self.closed = asyncio.Event()
        self.close_code = 0
        self._second = -1
        self._messages = 0
        self._waiting: deque[list[bytes]] = deque()
        self._newest: dict[str, list[bytes]] = {}
        self._held: list[tuple[float, bytes]] = []
        self.mischief: FaultBox | None = None
        self._wall_s: Callable[[], float] = lambda: 0.0

    def push(self, name: str, frame: bytes, *, must: bool) -> None:
        """Let a frame wait to be sent. `must`: it is never replaced by a newer one of its stream."""
        if self.mischief is not None and self._bent(frame):
            return
        waiting = self._waiting
        if len(waiting) >= FRAMES_CONFLATED_FROM and not must:
            older = self._newest.get(name)
            if older is not None:
                older[0] = frame
                self.dropped_frames += 1
                return
        if len(waiting) >= FRAMES_MAX:
            self.close(1008, "too slow")
            return
        cell = [frame]
        waiting.append(cell)
        if must:
            self._newest.pop(name, None)
        else:
            self._newest[name] = cell

    def _bent(self, frame: bytes) -> bool:
        """Let a fault happen to a frame; true if it is not to be sent as it is."""
        assert self.mischief is not None
        match self.mischief.frame():
            case FrameFault.DOUBLED:
                self._waiting.append([frame])
                return False
            case FrameFault.LATE:
                self._held.append((self._wall_s() + self.mischief.faults.late_ms / 1_000.0, frame))
                return True
            case FrameFault.SWAPPED:
                self._held.append((0.0, frame))
                return True
            case FrameFault.CUT:
                self.flush()
                if not self.sink.is_closing():
                    self.sink.write(frame[: max(1, len(frame) // 2)])
                self.close(0)
                return True
            case None:
                return False

    def misbehave(self, mischief: FaultBox | None, wall_s: Callable[[], float]) -> None:
        """Let faults happen to frames from now on; None: no longer."""
        self.mischief, self._wall_s = mischief, wall_s

    def _release(self) -> None:
        """Let frames go that were held back: those that are due, behind what waits."""
        now_s = self._wall_s()
        self._waiting.extend([frame] for due_s, frame in self._held if due_s <= now_s)
        self._held = [(due_s, frame) for due_s, frame in self._held if due_s > now_s]

    def reply(self, payload: bytes) -> None:
        """Send an answer to a control message, behind what waits."""
        self.push("", framed(payload), must=True)
        self.flush()

    def say(self, payload: bytes) -> None:
        """Send at once, untouched by faults of frames: for a connection whose every frame answers a request."""
        if not self.silent and not self.sink.is_closing():
            self.sink.write(framed(payload))

    def flush(self) -> None:
        """Write what waits, unless the socket is full."""
        if self._held and self._waiting:
            self._release()
        if self._waiting and not self.silent and not self.sink.is_closing():
            if self.sink.get_write_buffer_size() > BYTES_IN_FLIGHT_MAX:
                return
            self.sink.write(b"".join([cell[0] for cell in self._waiting]))
            self._waiting.clear()
            self._newest.clear()

    @property
    def waiting(self) -> int:
        """Say how many frames wait."""
        return len(self._waiting)

    def may_say(self, now_s: float, most: int) -> bool:
        """Count an incoming message; false if there were more than `most` in this second."""
        second = int(now_s)
        if second != self._second:
            self._second, self._messages = second, 0
        self._messages += 1
        return self._messages <= most

    def ping(self, now_s: float, payload: bytes) -> None:
        """Ask whether the other side is there. `unanswered_s` is when that was asked first without an answer."""
        self.pinged_s = now_s
        if self.unanswered_s is None:
            self.unanswered_s = now_s
        if not self.silent and not self.sink.is_closing():
            self.sink.write(framed(payload, _PING))

    def pong(self, payload: bytes) -> None:
        """Answer a ping; to who is gone already nothing is said."""
        if not self.silent and not self.sink.is_closing():
            self.sink.write(framed(payload, _PONG))

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye; whoever serves the connection then closes the socket."""
        if self.closed.is_set():
            return
        self.close_code = code
        if code and not self.silent and not self.sink.is_closing():
            self.flush()
            self.sink.write(framed(code.to_bytes(2, "big") + reason.encode(), _CLOSE))
        self.closed.set()
