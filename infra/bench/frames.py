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
            volume = round(1_000 * draw.random(), 3)
            for interval, ms in INTERVALS.items():
                opened = START_MS + number * ms
                yield kline(name, interval, opened, opened + ms, price, volume, closed=closed)


def combined(stream: str, data: object) -> bytes:
    """Put what a stream says into its envelope."""
    return msgspec.json.encode({"stream": stream, "data": data})


def kline(symbol: str, interval: str, opened: int, now_ms: int, price: float, volume: float, *, closed: bool) -> bytes:
    """Give a kline frame: the candle that opened at `opened`, as of `now_ms`."""
    bar = {
        "t": opened, "T": opened + INTERVALS[interval] - 1, "s": symbol, "i": interval, "f": 100, "L": 200,
        "o": f"{price:.4f}", "c": f"{price * 1.001:.4f}", "h": f"{price * 1.002:.4f}", "l": f"{price * 0.999:.4f}",
        "v": f"{volume:.3f}", "n": 101, "x": closed, "q": f"{volume * price:.4f}", "V": f"{volume / 2:.3f}",
        "Q": f"{volume * price / 2:.4f}", "B": "0",
    }  # fmt: skip
    data = {"e": "kline", "E": now_ms, "s": symbol, "k": bar}
    return combined(f"{symbol.lower()}@kline_{interval}", data)


def best_quote(symbol: str, number: int, now_ms: int, bid: float) -> bytes:
    """Give a bookTicker frame."""
    data = {
        "e": "bookTicker", "u": 1_000_000 + number, "s": symbol, "b": f"{bid:.4f}", "B": "31.21",
        "a": f"{bid + 0.0001:.4f}", "A": "40.66", "T": now_ms, "E": now_ms,
    }  # fmt: skip
    return combined(f"{symbol.lower()}@bookTicker", data)


def trade(symbol: str, number: int, now_ms: int, price: float, *, sold: bool) -> bytes:
    """Give an aggTrade frame."""
    data = {
        "e": "aggTrade", "E": now_ms, "a": number, "s": symbol, "p": f"{price:.4f}", "q": "1.521", "nq": "1.521",
        "f": 3 * number, "l": 3 * number + 2, "T": now_ms, "m": sold, "st": 1,
    }  # fmt: skip
    return combined(f"{symbol.lower()}@aggTrade", data)


def marks(names: list[str], now_ms: int) -> bytes:
    """Give the mark prices of all contracts in one frame."""
    data = [
        {
            "e": "markPriceUpdate", "E": now_ms, "s": name, "p": "100.12345678", "ap": "100.1234", "P": "100.11000000",
            "i": "100.10000000", "r": "0.00010000", "T": now_ms + 3_600_000, "st": 1,
        }
        for name in names
    ]  # fmt: skip
    return combined("!markPrice@arr@1s", data)


def mini_tickers(names: list[str], now_ms: int) -> bytes:
    """Give the rolling days of contracts in one frame."""
    data = [
        {
            "e": "24hrMiniTicker", "E": now_ms, "s": name, "c": "100.1234", "o": "99.0000", "h": "101.0000",
            "l": "98.5000", "v": "12345.678", "q": "1234567.89", "st": 1,
        }
        for name in names
    ]  # fmt: skip
    return combined("!miniTicker@arr", data)
