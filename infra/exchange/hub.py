"""Who listens to what: streams and their listeners, frames encoded once a stream, connections kept to the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from infra.exchange.client import Client, ConnectionRules, framed
from infra.exchange.faults import FaultBox
from infra.exchange.feed import Feed, FeedRoom
from infra.exchange.feeds import feed_of
from infra.exchange.stream_names import Stream, StreamRoute, parse, pushes

STEP_MS = 50
"""The market moves, and real-time streams push, every 50 ms of wall time."""
_TAKEN_LOOKS, _TAKEN_LOOK_S = 50, 0.005


class _Channel:
    """A stream that somebody listens to."""

    __slots__ = ("feed", "listeners", "phase", "stream")

    def __init__(self, stream: Stream, feed: Feed, phase: int) -> None:
        self.stream = stream
        self.feed = feed
        self.phase = phase
        self.listeners: dict[Client, None] = {}


class Hub:
    """All connections and their streams."""

    def __init__(self, room: FeedRoom, rules: ConnectionRules) -> None:
        self.rules = rules
        self.clients: dict[Client, None] = {}
        self.frames_out = 0
        self._room = room
        self._channels: dict[str, _Channel] = {}
        self._slots: dict[int, list[list[_Channel]]] = {}
        self._closing: list[_Channel] = []
        self._users: dict[str, dict[Client, None]] = {}
        self._next_close_ms = 0
        self.mischief: FaultBox | None = None
        self.wall_s: Callable[[], float] = lambda: 0.0
        self.user_key: Callable[[str], bool] = lambda _key: False

    # ── coming and going ──────────────────────────────────────────────────────────────────────────────────────────

    def join(self, client: Client) -> None:
        """Take a connection in."""
        self.clients[client] = None
        client.misbehave(self.mischief, self.wall_s)

    def leave(self, client: Client) -> None:
        """Forget a connection."""
        for name in tuple(client.streams):
            self.unsubscribe(client, name)
        self.clients.pop(client, None)

    def subscribe(self, client: Client, name: str) -> None:
        """Let a connection listen. An unknown name, or one of another route, is acknowledged and stays silent."""
        if name in client.streams:
            return
        client.streams[name] = None
        if client.route is StreamRoute.PRIVATE and self.user_key(name):
            self._users.setdefault(name, {})[client] = None
            return
        stream = parse(name)
        if stream is None or not pushes(stream, client.route):
            return
        channel = self._channels.get(name) or self._opened(stream)
        if channel is not None:
            channel.listeners[client] = None

    def unsubscribe(self, client: Client, name: str) -> None:
        """Let a connection stop listening."""
        if name not in client.streams:
            return
        del client.streams[name]
        listeners = self._users.get(name)
        if listeners is not None:
            listeners.pop(client, None)
            if not listeners:
                del self._users[name]
        channel = self._channels.get(name)
        if channel is not None and client in channel.listeners:
            del channel.listeners[client]
            if not channel.listeners:
                self._shut(channel)

    def _opened(self, stream: Stream) -> _Channel | None:
        feed = feed_of(self._room, stream)
        if feed is None:
            return None
        steps = max(1, stream.every_ms // STEP_MS)
        slots = self._slots.setdefault(steps, [[] for _ in range(steps)])
        phase = min(range(steps), key=lambda i: len(slots[i])) if stream.every_ms < 1_000 else 0
        channel = self._channels[stream.name] = _Channel(stream, feed, phase)
        slots[phase].append(channel)
        if feed.closes:
            self._closing.append(channel)
            self._next_close_ms = 0
        return channel

    def _shut(self, channel: _Channel) -> None:
        del self._channels[channel.stream.name]
        channel.feed.end()
        self._slots[max(1, channel.stream.every_ms // STEP_MS)][channel.phase].remove(channel)
        if channel.feed.closes:
            self._closing.remove(channel)

    # ── pushing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def push_due(self, step: int, now_ms: int) -> None:
        """Push what is due in this step: first the candles that closed, then every stream whose turn it is."""
        if now_ms >= self._next_close_ms:
            for channel in self._closing:
                for payload in channel.feed.closing(now_ms):
                    self._publish(channel, payload, must=True)
            self._next_close_ms = min((c.feed.closes_ms for c in self._closing), default=now_ms + 1)
        for steps, slots in self._slots.items():
            for channel in slots[step % steps]:
                feed = channel.feed
                for payload in feed.frames(now_ms):
                    self._publish(channel, payload, must=feed.must)

    def flush(self) -> None:
        """Write what waits, of everybody."""
        for client in self.clients:
            client.flush()

    async def taken(self) -> None:
        """Wait until nothing waits to be written any more, but not long for who does not read."""
        for _ in range(_TAKEN_LOOKS):
            await asyncio.sleep(0.0)
            self.flush()
            if not any(client.waiting and not client.silent for client in self.clients):
                return
            await asyncio.sleep(_TAKEN_LOOK_S)

    def _publish(self, channel: _Channel, payload: bytes, *, must: bool) -> None:
        plain = combined = b""
        name = channel.stream.name
        for client in channel.listeners:
            if client.combined:
                combined = combined or framed(b'{"stream":"' + name.encode() + b'","data":' + payload + b"}")
                client.push(name, combined, must=must)
            else:
                plain = plain or framed(payload)
                client.push(name, plain, must=must)
        self.frames_out += len(channel.listeners)

    def tell_user(self, listen_key: str, event: str, payload: bytes) -> None:
        """Push an event of an account to all who listen with this key, at once."""
        for client in self._users.get(listen_key, ()):
            if client.events and event not in client.events:
                continue
            name = listen_key.encode()
            data = b'{"stream":"' + name + b'","data":' + payload + b"}" if client.combined else payload
            client.push(listen_key, framed(data), must=True)
            client.flush()
            self.frames_out += 1

    @property
    def user_keys(self) -> tuple[str, ...]:
        """Give the listen keys that somebody listens with."""
        return tuple(self._users)

    # ── keeping to the rules ──────────────────────────────────────────────────────────────────────────────────────

    def look_after(self, now_s: float, told_ms: int) -> None:
        """Ping, and close what is too old, does not answer, or reads too slowly. Called about once a second."""
        rules = self.rules
        for client in tuple(self.clients):
            if now_s - client.opened_s >= rules.life_s:
                client.close(1008, "24 hours are over")
            elif client.unanswered_s is not None and now_s - client.unanswered_s >= rules.pong_within_s:
                client.close(1008, "no pong")
            elif now_s - client.pinged_s >= rules.ping_every_s:
                client.ping(now_s, str(told_ms).encode())

    def facts(self) -> dict[str, object]:
        """Give what the admin route shows."""
        return {
            "connections": len(self.clients),
            "streams": len(self._channels),
            "frames_out": self.frames_out,
            "waiting": sum(client.waiting for client in self.clients),
            "conflated": sum(client.dropped_frames for client in self.clients),
        }


def acknowledged(result: object, request_id: object) -> bytes:
    """Write the answer to a control message; the id goes back as it came."""
    return msgspec.json.encode({"result": result, "id": request_id})
