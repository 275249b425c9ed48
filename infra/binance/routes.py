"""Where each stream is served, and the names of the streams that we use (specs/binance.md §1).

Since April 2026 Binance serves books on /public, everything else of the market on /market, and accounts on /private.
The old family without a route stays reachable through the settings: a test exchange or a proxy may know nothing else.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

_PUBLIC: Final = re.compile(r"^!?(?:.*@)?(?:bookTicker|depth\d*|rpiDepth|trade)(?:@\d+ms)?$")

MARK_PRICES: Final = "!markPrice@arr@1s"
MINI_TICKERS: Final = "!miniTicker@arr"
LIQUIDATIONS: Final = "!forceOrder@arr"
CONTRACTS: Final = "!contractInfo"


class Route(enum.StrEnum):
    """The three routes of the stream host."""

    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"


def route_of(stream: str) -> Route:
    """Say which route serves a market stream."""
    return Route.PUBLIC if _PUBLIC.match(stream) else Route.MARKET


def kline(symbol: str, interval: str = "1m") -> str:
    """Name the stream of a symbol's running candle."""
    return f"{symbol.lower()}@kline_{interval}"


def agg_trade(symbol: str) -> str:
    """Name the stream of a symbol's trades."""
    return f"{symbol.lower()}@aggTrade"


def book_ticker(symbol: str) -> str:
    """Name the stream of a symbol's best bid and ask."""
    return f"{symbol.lower()}@bookTicker"


def depth(symbol: str, speed_ms: int = 500) -> str:
    """Name the stream of a symbol's book changes. 100, 250 or 500 ms."""
    return f"{symbol.lower()}@depth" if speed_ms == 250 else f"{symbol.lower()}@depth@{speed_ms}ms"


def partial_depth(symbol: str, levels: int = 20, speed_ms: int = 500) -> str:
    """Name the stream of the best 5, 10 or 20 levels of a symbol's book."""
    return f"{symbol.lower()}@depth{levels}@{speed_ms}ms"


def is_partial_depth(stream: str) -> bool:
    """Tell whether a stream carries the whole top of a book instead of changes."""
    _, found, rest = stream.partition("@depth")
    return bool(found) and rest[:1].isdecimal()


class StreamHost(msgspec.Struct, frozen=True):
    """The stream host: `base` such as wss://fstream.binance.com, `routed` false for the old family of URLs."""

    base: str
    routed: bool = True

    def combined(self, route: Route, streams: Sequence[str]) -> str:
        """Give the URL of one connection that carries these streams."""
        return f"{self._prefix(route)}/stream?streams={'/'.join(streams)}"

    def user(self, listen_key: str) -> str:
        """Give the URL of an account's events. It holds a secret: never log it."""
        return f"{self._prefix(Route.PRIVATE)}/ws/{listen_key}"

    def _prefix(self, route: Route) -> str:
        base = self.base.rstrip("/")
        return f"{base}/{route}" if self.routed else base


def by_route(streams: Iterable[str]) -> dict[Route, tuple[str, ...]]:
    """Sort streams by the route that serves them, each name once, in the order given."""
    found: dict[Route, list[str]] = {}
    for stream in dict.fromkeys(streams):
        found.setdefault(route_of(stream), []).append(stream)
    return {route: tuple(names) for route, names in found.items()}
