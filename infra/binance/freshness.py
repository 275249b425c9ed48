"""Is a symbol's price known now? What is older than 3 s is never used for entries (product.md §2). Pure and bounded.

- Mark prices come for every contract every second: one that stopped coming is old by its receipt.
- Best prices come when they change: silence says that they stand, but for a connection that was lost.
- A candle is the price of its close: one that is told later than that says what was.

Ages are real time: a market that runs faster than ours is not told about more often.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from infra.binance.wire.frames import BookTicker, MarkPrice

FRESH_MS: Final = 3_000


class Freshness:
    """Which symbols' prices are fresh. Receipt times in UTC ms of the machine."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._marked_ms: dict[str, int | None] = dict.fromkeys(symbols)
        self._lost: dict[str, None] = {}

    def follow(self, symbol: str) -> None:
        """Heed a symbol from now on."""
        self._marked_ms.setdefault(symbol, None)

    def forget(self, symbol: str) -> None:
        """Heed it no more."""
        self._marked_ms.pop(symbol, None)
        self._lost.pop(symbol, None)

    def heard_mark(self, mark: MarkPrice, received_ms: int) -> None:
        """Take a mark price in."""
        if mark.mark and mark.symbol in self._marked_ms:
            self._marked_ms[mark.symbol] = received_ms

    def heard_best(self, best: BookTicker) -> None:
        """Take best prices in."""
        if self._lost:
            self._lost.pop(best.symbol, None)

    def interrupted(self, streams: Iterable[str]) -> None:
        """These streams were lost: best prices may have changed unheard."""
        for stream in streams:
            name, _, kind = stream.partition("@")
            if kind == "bookTicker" and (symbol := name.upper()) in self._marked_ms:
                self._lost[symbol] = None

    def stale(self, symbol: str, now_ms: int) -> bool:
        """Tell whether a symbol's newest price is too old to enter anything on it."""
        marked_ms = self._marked_ms.get(symbol)
        return symbol in self._lost or marked_ms is None or now_ms - marked_ms > FRESH_MS
