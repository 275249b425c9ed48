"""What happens to actors that raise: restart by fold, back-off, and an end to it.

The first crash is answered at once, later ones within a minute after a pause that doubles; messages wait meanwhile.
After more than `max_crashes` in the window the actor stays down: its messages are counted and dropped, its symbol
stops trading, health is CRITICAL. All times are logical, so a replay crashes alike.
"""

from __future__ import annotations

import re
from collections import deque

import msgspec

from domain.base import Message
from domain.config import SupervisionConfig

WAITING_MAX = 10_000
"""Messages that may wait for one actor: about a week of closed minutes."""
SAID_MAX = 500
"""So many characters of an error's text are recorded."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def said(error: Exception) -> str:
    """Give an error's type and text as they are recorded: of bounded length, the same in every process."""
    return _ADDRESS.sub("0x…", f"{type(error).__name__}: {error}")[:SAID_MAX]


class Verdict(msgspec.Struct, frozen=True):
    """What follows from a crash. `restart_ms` is None if the actor stays down."""

    crashes: int
    restart_ms: int | None


class Supervisor:
    """Who is down, since when, and what waits for them."""

    def __init__(self) -> None:
        self._crashes: dict[str, deque[int]] = {}
        self._waiting: dict[str, deque[Message]] = {}
        self._restarts: dict[str, int] = {}
        self._given_up: set[str] = set()
        self.dropped = 0

    def crashed(self, stream: str, at_ms: int, rules: SupervisionConfig) -> Verdict:
        """Count a crash and say when the actor comes back."""
        times = self._crashes.setdefault(stream, deque())
        times.append(at_ms)
        while times[0] <= at_ms - rules.window_ms:
            times.popleft()
        crashes = len(times)
        if crashes > rules.max_crashes:
            self._restarts.pop(stream, None)
            self._waiting.pop(stream, None)
            self._given_up.add(stream)
            return Verdict(crashes, None)
        self._waiting.setdefault(stream, deque(maxlen=WAITING_MAX))
        pause_ms = 0 if crashes == 1 else rules.back_off_ms * 2 ** (crashes - 2)
        self._restarts[stream] = at_ms + pause_ms
        return Verdict(crashes, at_ms + pause_ms)

    def hold(self, stream: str, message: Message) -> None:
        """Keep a message for a stream that is down, the newest `WAITING_MAX` of them; count what is dropped."""
        waiting = self._waiting.get(stream)
        if waiting is None or len(waiting) == WAITING_MAX:
            self.dropped += 1
        if waiting is not None:
            waiting.append(message)

    def due(self, at_ms: int) -> tuple[str, ...]:
        """Give the streams whose pause is over, in the order of their names."""
        if not self._restarts:
            return ()
        return tuple(sorted(stream for stream, restart_ms in self._restarts.items() if restart_ms <= at_ms))

    def release(self, stream: str) -> deque[Message]:
        """Take a stream off the list; gives the messages that waited for it."""
        self._restarts.pop(stream, None)
        return self._waiting.pop(stream, deque())

    def reset(self) -> tuple[str, ...]:
        """Forget everything: a restore rebuilds all actors. Gives the streams that were down."""
        down = tuple(sorted({*self._waiting, *self._given_up}))
        for memory in (self._crashes, self._waiting, self._restarts, self._given_up):
            memory.clear()
        return down

    def calm(self, at_ms: int, rules: SupervisionConfig) -> bool:
        """Whether nobody is down and no crash is remembered: only then a checkpoint tells everything."""
        if self._waiting or self._given_up:
            return False
        return all(times[-1] <= at_ms - rules.window_ms for times in self._crashes.values())
