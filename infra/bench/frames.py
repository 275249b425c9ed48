"""Frames as the exchange pushes them, drawn from a fixed seed: what `decode` and `ingest` read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec

from infra.bench.histories import START_MS, symbol_names

INTERVALS: Final = {"1m": 60_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000}
_SEED: Final = 3


def klines(symbols: int, rounds: int, *, closed_each: int = 0) -> Iterator[bytes]:
    """Give combined kline frames of so many symbols on four intervals, in `rounds` rounds.

    Every `closed_each`-th round closes the candles (0: none does).
    """
    draw = random.Random(_SEED)  # noqa: S311 - prices, not secrets
    names = symbol_names(symbols)
    for number in range(rounds):
        closed = bool(closed_each) and number % closed_each == closed_each - 1
        for name in names:
            price = round(100.0 * (1.0 + draw.random()), 4)
            for interval, ms in INTERVALS.items():
                yield _kline(name, interval, ms, number, price, round(1_000 * draw.random(), 3), closed=closed)


def _kline(symbol: str, interval: str, ms: int, number: int, price: float, volume: float, *, closed: bool) -> bytes:
    opened = START_MS + number * ms
    bar = {
        "t": opened, "T": opened + ms - 1, "s": symbol, "i": interval, "f": 100 + number, "L": 200 + number,
        "o": f"{price:.4f}", "c": f"{price * 1.001:.4f}", "h": f"{price * 1.002:.4f}", "l": f"{price * 0.999:.4f}",
        "v": f"{volume:.3f}", "n": 101, "x": closed, "q": f"{volume * price:.4f}", "V": f"{volume / 2:.3f}",
        "Q": f"{volume * price / 2:.4f}", "B": "0",
    }  # fmt: skip
    data = {"e": "kline", "E": opened + ms, "s": symbol, "k": bar}
    return msgspec.json.encode({"stream": f"{symbol.lower()}@kline_{interval}", "data": data})


def best_quotes(symbols: int, rounds: int) -> Iterator[bytes]:
    """Give combined bookTicker frames, symbol after symbol."""
    draw = random.Random(_SEED)  # noqa: S311 - prices, not secrets
    names = symbol_names(symbols)
    for number in range(rounds):
        for name in names:
            bid = round(100.0 * (1.0 + draw.random()), 4)
            now_ms = START_MS + number
            data = {
                "e": "bookTicker", "u": 1_000_000 + number, "s": name, "b": f"{bid:.4f}", "B": "31.21",
                "a": f"{bid + 0.0001:.4f}", "A": "40.66", "T": now_ms, "E": now_ms,
            }  # fmt: skip
            yield msgspec.json.encode({"stream": f"{name.lower()}@bookTicker", "data": data})
