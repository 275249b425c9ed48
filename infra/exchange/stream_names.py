"""Stream names: what they mean, on which route they push, how often (specs/binance.md §1, §7). Pure."""

from __future__ import annotations

import enum
import re
from functools import lru_cache

import msgspec

from infra.exchange.bar import SPANS_MS


class StreamRoute(enum.StrEnum):
    """Where a stream lives since April 2026. NONE: the old unrouted addresses, which push public streams only."""

    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"
    NONE = ""


class Kind(enum.StrEnum):
    """What a stream says."""

    AGG_TRADE = "aggTrade"
    TRADE = "trade"
    KLINE = "kline"
    CONTINUOUS_KLINE = "continuousKline"
    MARK_PRICE = "markPrice"
    MINI_TICKER = "miniTicker"
    TICKER = "ticker"
    BOOK_TICKER = "bookTicker"
    DEPTH = "depth"
    FORCE_ORDER = "forceOrder"
    CONTRACT_INFO = "contractInfo"
    ASSET_INDEX = "assetIndex"
    TRADING_SESSION = "tradingSession"
    COMPOSITE_INDEX = "compositeIndex"


class Stream(msgspec.Struct, frozen=True):
    """A stream. `symbol` is upper case, "" for all symbols; `levels` is 0 for a diff; `every_ms` is 0 for each step."""

    name: str
    kind: Kind
    route: StreamRoute
    symbol: str = ""
    interval: str = ""
    levels: int = 0
    every_ms: int = 0


_PUBLIC = {Kind.BOOK_TICKER, Kind.DEPTH, Kind.TRADE}
_DEPTH = re.compile(r"depth(5|10|20)?(?:@(0|100|250|500)ms)?|rpiDepth@(500)ms")
_MARK = re.compile(r"markPrice(?:@(1|3)s)?")
_ALL = re.compile(r"!(?:(?P<kind>bookTicker)|(?P<mark>markPrice@arr)(?:@(?P<second>[13])s)?"
                  r"|(?P<arr>miniTicker|ticker|forceOrder)@arr|(?P<info>contractInfo)|assetIndex@arr)")  # fmt: skip
_PLAIN = {
    "aggTrade": (Kind.AGG_TRADE, 100),
    "trade": (Kind.TRADE, 0),
    "bookTicker": (Kind.BOOK_TICKER, 0),
    "miniTicker": (Kind.MINI_TICKER, 2_000),
    "ticker": (Kind.TICKER, 2_000),
    "forceOrder": (Kind.FORCE_ORDER, 1_000),
    "assetIndex": (Kind.ASSET_INDEX, 1_000),
    "compositeIndex": (Kind.COMPOSITE_INDEX, 1_000),
}


@lru_cache(65_536)
def parse(name: str) -> Stream | None:
    """Read a stream's name, or give None for what is none."""
    if name == "tradingSession":
        return _stream(name, Kind.TRADING_SESSION, every_ms=1_000)
    if name.startswith("!"):
        return _of_all(name)
    symbol, _, what = name.partition("@")
    if not symbol or symbol != symbol.lower() or not what:
        return None
    return _of_one(name, symbol.upper(), what)


def _of_one(name: str, symbol: str, what: str) -> Stream | None:
    if what in _PLAIN:
        kind, every_ms = _PLAIN[what]
        return _stream(name, kind, symbol=symbol, every_ms=every_ms)
    if what.startswith("kline_") and what[6:] in SPANS_MS:
        return _stream(name, Kind.KLINE, symbol=symbol, interval=what[6:], every_ms=250)
    pair, _, contract = symbol.rpartition("_")
    if what.startswith("continuousKline_") and what[16:] in SPANS_MS:
        found = pair if contract == "PERPETUAL" else ""
        return _stream(name, Kind.CONTINUOUS_KLINE, symbol=found or symbol, interval=what[16:], every_ms=250)
    if match := _DEPTH.fullmatch(what):
        levels, every_ms, rpi_every_ms = match.groups()  # nobody here places RPI orders: that book is the ordinary one
        every_ms = int(every_ms or rpi_every_ms or 250)
        return _stream(name, Kind.DEPTH, symbol=symbol, levels=int(levels or 0), every_ms=every_ms)
    if match := _MARK.fullmatch(what):
        return _stream(name, Kind.MARK_PRICE, symbol=symbol, every_ms=int(match.group(1) or 3) * 1_000)
    return None


def _of_all(name: str) -> Stream | None:
    match = _ALL.fullmatch(name)
    if match is None:
        return None
    if match["kind"]:
        return _stream(name, Kind.BOOK_TICKER, every_ms=5_000)
    if match["mark"]:
        return _stream(name, Kind.MARK_PRICE, every_ms=int(match["second"] or 3) * 1_000)
    if match["arr"]:
        return _stream(name, Kind(match["arr"]), every_ms=1_000)
    return _stream(name, Kind.CONTRACT_INFO) if match["info"] else _stream(name, Kind.ASSET_INDEX, every_ms=1_000)


def _stream(
    name: str, kind: Kind, *, symbol: str = "", interval: str = "", levels: int = 0, every_ms: int = 0
) -> Stream:
    route = StreamRoute.PUBLIC if kind in _PUBLIC else StreamRoute.MARKET
    return Stream(name, kind, route, symbol, interval, levels, every_ms)


def pushes(stream: Stream, route: StreamRoute) -> bool:
    """Say whether a stream pushes on a connection's route; elsewhere it is acknowledged and stays silent."""
    if route is StreamRoute.NONE:
        return stream.route is StreamRoute.PUBLIC
    return stream.route is route
