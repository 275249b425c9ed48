"""What the exchange sends in a second to whom it serves 140 symbols: frames by stream, in slots of 100 ms.

    product   kline_1m (every 250 ms), aggTrade (5 a second), bookTicker of every symbol, and the
              arrays of all contracts
    klines    four kline intervals of every symbol, each every 250 ms

Time begins shortly before the end of four hours, so every traffic closes every candle once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from infra.bench.frames import INTERVALS, best_quote, kline, marks, mini_tickers, trade
from infra.bench.histories import START_MS, symbol_names

SLOT_MS: Final = 100
_KLINE_SLOTS: Final = (0, 3, 5, 8)
"""In which tenths of a second a running candle is pushed: every 250 ms."""
_TRADE_SLOTS: Final = (1, 3, 5, 7, 9)
_CONTRACTS: Final = 500
_TRADED: Final = 300
"""How many contracts the exchange has, and how many of them traded in a second."""
_END_MS: Final = START_MS + max(INTERVALS.values())
_SEED: Final = 5


class Traffic(msgspec.Struct, frozen=True):
    """How much: `best_quotes` bookTicker frames a second, or None for kline streams only.

    `closing` says how many symbols' candles close (all, if None): `in_proportion` as many as on average do.
    """

    symbols: int
    seconds: int
    best_quotes: int | None
    closing: int | None = None

    def streams(self) -> list[str]:
        """Name the streams."""
        names = [name.lower() for name in symbol_names(self.symbols)]
        if self.best_quotes is None:
            return [f"{name}@kline_{interval}" for name in names for interval in INTERVALS]
        arrays = ["!markPrice@arr@1s", "!miniTicker@arr", "!forceOrder@arr"]
        return [*(f"{name}@{kind}" for kind in ("kline_1m", "aggTrade", "bookTicker") for name in names), *arrays]

    def slots(self) -> Iterator[list[bytes]]:
        """Give the frames of one slot after the other."""
        draw = random.Random(_SEED)  # noqa: S311 - prices, not secrets
        names = symbol_names(self.symbols)
        begin_ms = _END_MS - SLOT_MS * 5 * self.seconds
        intervals = tuple(INTERVALS) if self.best_quotes is None else ("1m",)
        for at in range(10 * self.seconds):
            now_ms, tenth = begin_ms + at * SLOT_MS, at % 10
            prices = {name: round(100.0 * (1.0 + draw.random()), 4) for name in names}
            made: list[bytes] = []
            if now_ms == _END_MS or tenth in _KLINE_SLOTS:
                made += _candles(prices, now_ms, intervals, self.closing)
            if self.best_quotes is not None:
                made += _quotes(prices, now_ms, self.best_quotes // 10, first=at * self.best_quotes)
                made += _trades(prices, now_ms, at) if tenth in _TRADE_SLOTS else []
                made += _arrays(names, now_ms) if tenth == 0 else []
            yield made

    def in_proportion(self) -> Traffic:
        """Give the same with closing candles in proportion to the frames: each symbol's once a minute."""
        return replace(self, closing=max(1, self.symbols * self.seconds // 60))

    def undroppable(self) -> dict[str, int]:
        """Count what must not be lost: closed candles and trades."""
        symbols = self.symbols if self.closing is None else self.closing
        closed = symbols * (len(INTERVALS) if self.best_quotes is None else 1)
        trades = 0 if self.best_quotes is None else self.symbols * self.seconds * len(_TRADE_SLOTS)
        return {"closed candles": closed, "trades": trades}


def _candles(prices: dict[str, float], now_ms: int, intervals: tuple[str, ...], closing: int | None) -> Iterator[bytes]:
    """Give the running candles, or at their end the push that closes each."""
    for name, price in list(prices.items())[: closing if now_ms == _END_MS else None]:
        for interval in intervals:
            opened = _END_MS - INTERVALS[interval] if now_ms <= _END_MS else _END_MS
            yield kline(name, interval, opened, now_ms, price, 1_000.0, closed=now_ms == _END_MS)


def _quotes(prices: dict[str, float], now_ms: int, count: int, first: int) -> list[bytes]:
    listed = list(prices.items())
    return [
        best_quote(name, first + number, now_ms, price + number % 10 / 10_000)
        for number in range(count)
        for name, price in (listed[number % len(listed)],)
    ]


def _trades(prices: dict[str, float], now_ms: int, number: int) -> list[bytes]:
    return [trade(name, number, now_ms, price, sold=number % 2 == 0) for name, price in prices.items()]


def _arrays(names: list[str], now_ms: int) -> list[bytes]:
    others = [f"Z{number:03d}USDT" for number in range(_CONTRACTS - len(names))]
    return [marks([*names, *others], now_ms), mini_tickers([*names, *others][:_TRADED], now_ms)]
