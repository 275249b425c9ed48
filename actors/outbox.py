"""The output-commit rule: an effect leaves after the facts that it rests on are durable, and while the store is ours.

The kernel's thread holds effects here; the journal's thread releases them, in order, once their input is committed. If
the lease is not ours at that moment they stay, and are looked at again with the next commit or lease renewal.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from domain.base import Issued


class Outbox:
    """Effects that wait for their commit. `carry_out` does them, outside of the lock and one at a time."""

    def __init__(self, carry_out: Callable[[Issued], None], may_leave: Callable[[], bool]) -> None:
        self._carry_out = carry_out
        self._may_leave = may_leave
        self._held: deque[tuple[int, Issued]] = deque()
        self._lock = threading.Lock()
        self._releasing = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, input_seq: int, issued: Issued) -> None:
        """Keep an effect until `input_seq` is durable."""
        with self._lock:
            self._held.append((input_seq, issued))

    def release(self, durable_input: int) -> int:
        """Let out all effects of inputs up to `durable_input`, if they may leave now; gives how many did."""
        released = 0
        with self._releasing:
            while self._may_leave():
                with self._lock:
                    if not self._held or self._held[0][0] > durable_input:
                        break
                    _, issued = self._held.popleft()
                self._carry_out(issued)
                released += 1
        return released
