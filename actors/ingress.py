"""The bounded door between the shell's threads and the kernel's.

Market ticks are conflated when the kernel is behind: one tick waits, newer quotes replace older ones, and what was
merged is counted. Everything else waits in order; at the bound the sender is made to wait, so nothing is dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from msgspec.structs import replace

from domain.base import Input
from domain.catalog import encode_input
from domain.market import HistoryArrived, MarketTick, Quote

ITEMS_MAX: Final = 10_000
BYTES_MAX: Final = 64 * 1024 * 1024


def _size(input_: Input) -> int:
    """Give how many bytes an input takes on the tape; of a long history as many as its first candle says."""
    if isinstance(input_, HistoryArrived) and len(input_.candles) > 1:
        one = replace(input_, candles=input_.candles[:1])
        return len(encode_input(one)) * len(input_.candles)
    return len(encode_input(input_))


class Ingress:
    """Inputs with their receipt times, from many threads to one. Bounded in count and in bytes."""

    def __init__(self, items_max: int = ITEMS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._waiting: deque[tuple[int, Input, int]] = deque()
        self._bytes = 0
        self._tick: tuple[int, int, dict[str, Quote]] | None = None
        self._changed = threading.Condition()
        self._closed = False
        self.conflated = 0

    def offer(self, at_ms: int, input_: Input, timeout_s: float | None = None) -> bool:
        """Hand over an input received at `at_ms`. Waits while the door is full; False if closed or out of time."""
        if type(input_) is MarketTick:
            return self._offer_tick(at_ms, input_)
        size = _size(input_)
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._has_room(size), timeout_s) or self._closed:
                return False
            self._waiting.append((at_ms, input_, size))
            self._bytes += size
            self._changed.notify_all()
            return True

    def _has_room(self, size: int) -> bool:
        if not self._waiting:
            return True  # a single input larger than the bound must still pass
        return len(self._waiting) < self._items_max and self._bytes + size <= self._bytes_max

    def _offer_tick(self, at_ms: int, tick: MarketTick) -> bool:
        with self._changed:
            if self._closed:
                return False
            if self._tick is None:
                self._tick = (at_ms, tick.time_ms, {quote.symbol: quote for quote in tick.quotes})
            else:
                quotes = self._tick[2]
                self.conflated += sum(quote.symbol in quotes for quote in tick.quotes)
                quotes.update((quote.symbol, quote) for quote in tick.quotes)
                self._tick = (at_ms, tick.time_ms, quotes)
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float | None) -> tuple[int, Input] | None:
        """Take the next input: the oldest that waits, or the conflated tick if it was received before it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting or self._tick, timeout_s)
            if self._tick is not None and (not self._waiting or self._tick[0] <= self._waiting[0][0]):
                at_ms, time_ms, quotes = self._tick
                self._tick = None
                return at_ms, MarketTick(time_ms, tuple(quotes.values()))
            if not self._waiting:
                return None
            at_ms, input_, size = self._waiting.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return at_ms, input_

    def close(self) -> None:
        """Take nothing more. What waits can still be taken; senders that wait are let go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
