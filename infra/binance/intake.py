"""From an opened frame to the mailbox: seen before? may it be conflated? is it known at all?"""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from typing import Final

from domain.base import Message
from infra.binance.feed_values import Delivery, Statistics
from infra.binance.mailbox import Mailbox
from infra.binance.once import Once
from infra.binance.routes import is_partial_depth
from infra.binance.wire.control_frames import Unknown, Unreadable
from infra.binance.wire.frames import (
    AssetIndex,
    BookTicker,
    CompositeIndex,
    ContinuousKline,
    DepthUpdate,
    Kline,
    MarkPrice,
    MiniTicker,
    Ticker,
)

_LATEST_WINS: Final = frozenset({BookTicker, MarkPrice, MiniTicker, Ticker, CompositeIndex, AssetIndex})


class Intake:
    """Sorts what the sockets of one feed receive. `accept` gives back what found no room and must not drop."""

    def __init__(self, mailbox: Mailbox[Delivery], statistics: Statistics) -> None:
        self.mailbox = mailbox
        self.statistics = statistics
        self.once = Once(statistics)
        self._judges = self.once.judges
        self._offer = mailbox.offer
        self.sources = itertools.count(1)
        """A number for each connection."""

    def accept(
        self, stream: str, message: Message, received_ms: int, source: int = 0
    ) -> tuple[Delivery, Hashable] | None:
        """Take a message that the connection `source` brought.

        What it gives back, the reader hands to `Mailbox.put` and so waits.
        """
        # A stream of one symbol is its own key; one of many symbols (`!…`), or a raw frame, needs the symbol too.
        key: Hashable = stream if stream and stream[0] != "!" else _key(stream, message)
        kind = type(message)
        judge = self._judges.get(kind)
        if judge is not None and not judge(key, message, source):
            self.statistics.duplicates += 1
            return None
        delivery = Delivery(stream, message, received_ms)
        if kind in _LATEST_WINS:
            self._offer(key, delivery)
        elif type(message) is Kline or type(message) is ContinuousKline:
            if message.bar.closed:
                return None if self.mailbox.put_now(delivery, after=key) else (delivery, key)
            self._offer(key, delivery)
        elif kind is DepthUpdate and is_partial_depth(stream):
            self._offer(key, delivery)
        elif isinstance(message, Unknown):
            self.statistics.count_unknown(message.event)
        elif isinstance(message, Unreadable):
            self.statistics.broken_items += 1
            self.statistics.last_error = f"{stream}: {message.what} - at {message.where}"
        elif not self.mailbox.put_now(delivery):
            return delivery, key
        return None


def _key(stream: str, message: Message) -> Hashable:
    order = getattr(message, "order", message)
    return stream, type(message), getattr(order, "symbol", "")
