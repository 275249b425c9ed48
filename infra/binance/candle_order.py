"""Closed candles of each symbol in order, each once, none left out: which are missing, and what may go on meanwhile.

    arrived ──▶ next in line? ──yes──▶ released, with all that waited behind it
                  │ no: it waits, and what lies between is *missing*
    filled  ──▶ the missing ones, from REST ──▶ released likewise
    give_up ──▶ the exchange has no such candles (it was down): go on without them, counted as lost

Pure and bounded: at most `WAITING_MAX` candles wait a symbol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.market import Candle

WAITING_MAX: Final = 1_500
"""What one REST request brings. Who is further behind needs a warm-up, not a back-fill."""


class Missing(msgspec.Struct, frozen=True):
    """Candles of `symbol` that open in [start, end), none of which came."""

    symbol: str
    start_ms: int
    end_ms: int


class _Symbol:
    """One symbol's place in time."""

    __slots__ = ("next_ms", "waiting")

    def __init__(self, next_ms: int | None) -> None:
        self.next_ms = next_ms
        self.waiting: dict[int, Candle] = {}


class CandleOrder:
    """The order of closed candles of one interval. `duplicates` and `lost` are counted."""

    def __init__(self, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._symbols: dict[str, _Symbol] = {}
        self.duplicates = 0
        self.lost = 0

    def begin(self, symbol: str, next_ms: int) -> None:
        """Say which candle is the next of a symbol: the one after its history. Without it the first to arrive is."""
        self._symbols[symbol] = _Symbol(next_ms)

    def forget(self, symbol: str) -> None:
        """The symbol left the universe."""
        self._symbols.pop(symbol, None)

    def next_ms(self, symbol: str) -> int | None:
        """Give the open time of the next candle of a symbol; None if any will do."""
        at = self._symbols.get(symbol)
        return None if at is None else at.next_ms

    def arrived(self, symbol: str, candle: Candle) -> tuple[Candle, ...]:
        """Take a candle from the stream; give those that are in order now, oldest first."""
        return self.filled(symbol, (candle,))

    def filled(self, symbol: str, candles: Iterable[Candle]) -> tuple[Candle, ...]:
        """Take candles from wherever; give those that are in order now, oldest first. What came before is dropped."""
        at = self._symbols.setdefault(symbol, _Symbol(None))
        for candle in candles:
            opened = candle.open_time_ms
            if at.next_ms is None:
                at.next_ms = opened
            if opened < at.next_ms or opened in at.waiting or opened % self._interval_ms:
                self.duplicates += 1
            else:
                at.waiting[opened] = candle
        released = self._release(at)
        if len(at.waiting) > WAITING_MAX:
            released += self._skip_to(at, min(at.waiting))
        return released

    def give_up(self, missing: Missing) -> tuple[Candle, ...]:
        """Go on without these candles; give those that are in order then."""
        at = self._symbols.get(missing.symbol)
        if at is None or at.next_ms is None or not missing.start_ms <= at.next_ms < missing.end_ms:
            return ()
        return self._skip_to(at, missing.end_ms)

    def missing(self, now_ms: int, grace_ms: int) -> tuple[Missing, ...]:
        """Give what is missing of every symbol: between candles that came, and those closed `grace_ms` ago or longer.

        The second kind finds a candle that closed while the connection was down without waiting for the next one.
        """
        overdue_ms = (now_ms - grace_ms) // self._interval_ms * self._interval_ms
        return tuple(gap for symbol, at in self._symbols.items() for gap in self._gaps(symbol, at, overdue_ms))

    def _gaps(self, symbol: str, at: _Symbol, overdue_ms: int) -> Iterable[Missing]:
        if at.next_ms is None:
            return
        start = at.next_ms
        for opened in sorted(at.waiting):
            if opened > start:
                yield Missing(symbol, start, opened)
            start = opened + self._interval_ms
        if overdue_ms > start:
            yield Missing(symbol, start, overdue_ms)

    def _release(self, at: _Symbol) -> tuple[Candle, ...]:
        released: list[Candle] = []
        while at.next_ms is not None and at.next_ms in at.waiting:
            released.append(at.waiting.pop(at.next_ms))
            at.next_ms += self._interval_ms
        return tuple(released)

    def _skip_to(self, at: _Symbol, next_ms: int) -> tuple[Candle, ...]:
        assert at.next_ms is not None
        kept = [at.waiting.pop(opened) for opened in sorted(at.waiting) if opened < next_ms]
        self.lost += (next_ms - at.next_ms) // self._interval_ms - len(kept)  # not one by one: a bar may lie far ahead
        at.next_ms = next_ms
        return (*kept, *self._release(at))
